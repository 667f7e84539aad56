"""The benchmark as a page in Markdown: figures, tables, and what they do and do not say. From results.json alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..units import plural
from ..units import size as bytes_in_words


def page(results: dict[str, Any], figures: set[str]) -> str:
    """figures: names of those that were drawn."""
    parts = [_head(results), _figure4(results, "figure4" in figures), _rate(results, "rate" in figures)]
    parts += [_speed(results), _content(results, "content" in figures)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(results: dict[str, Any]) -> str:
    counts = [_count(results, kind) for kind in ("video", "image")]
    what = " and ".join(text for text in counts if text)
    took = results["dates"][0] if len(results["dates"]) == 1 else f"{results['dates'][0]} to {results['dates'][-1]}"
    lines = [
        "# Benchmarks",
        "",
        f"{results['model']}, generation {results['generation']} (weights {results['model_digest'][:12]}), on {what}; "
        f"measured {took} on {' and '.join(results['machines'])}. Made by",
        "",
        f"    {results['command']}",
        "",
        "which writes this page, its figures, and every number in it to [results.json](benchmarks/results.json) and "
        "[results.csv](benchmarks/results.csv). Errors are mean squared errors of RGB on [-1, 1]; 0.007 is 27.6 dB.",
    ]
    return "\n".join(lines)


def _count(results: dict[str, Any], kind: str) -> str:
    first = next((s for s in results["summary"] if s["kind"] == kind), None)
    if first is None:
        return ""
    if kind == "image":
        return plural(first["clips"], "picture")
    taken = f", the first {results['duration_s']:g} s of each" if results["duration_s"] else ""
    return f"{plural(first['clips'], 'clip')} ({first['frames']:,} frames{taken})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _figure4(results: dict[str, Any], drawn: bool) -> str:
    threshold = results["figure_threshold"]
    parts = [
        "## Elastic against fixed (the paper's Figure 4)",
        *(["![Blocks that meet the threshold against tokens used](benchmarks/figure4.svg)"] if drawn else []),
        f"How many blocks reach the threshold {threshold:g} for how many tokens. *Elastic*: every block gets what it "
        "needs; the end of its curve was encoded, the rest follows from it by capping each block's tokens. *Fixed*: "
        "every block may use the same number, which was encoded for each number in the table. Both are **the same "
        "model**: the paper compares with models trained apart for each count, which might do better at it than one "
        "that was not.",
    ]
    for kind, found in results["figure4"].items():
        rows = [
            [
                f"{p['tokens']:,}",
                f"{100 * p['tokens_share']:.3g}",
                f"{100 * p['met_share']:.1f}",
                _number(100 * p["elastic_tokens_share"] if p["elastic_tokens_share"] else None, ".3g"),
                _number(p["ratio"], ".2f"),
            ]
            for p in found["fixed"]
        ]
        if rows:
            what = "tile of a block" if results["tile"] else "block"
            head = [f"{kind}: tokens a {what}", "tokens used %", "blocks met %", "elastic for as many met %", "ratio"]
            parts.append(_table(head, rows))
    return "\n\n".join(parts)


def _rate(results: dict[str, Any], drawn: bool) -> str:
    codecs = results["codecs"]
    if not codecs:
        return ""
    parts = [
        "## Rate against distortion",
        *(["![PSNR against bits per pixel, by clip](benchmarks/rate.svg)"] if drawn else []),
        f"Whole `.etok` files without sound, container included, against elementary streams without a container "
        f"({', '.join(codecs)}), at equal measured error: bytes over theirs in total / geometric mean of the clips. "
        "Below 1 elastictok is smaller. A clip whose error a codec does not reach with its qualities is left out for "
        f"it. Preparation: frames at `--size {results['size']}`; the video codecs get the clip's own 4:2:0 frames "
        "(scaled by the same filter where they are coded smaller), so nothing is lost to them on a way through RGB; "
        "JPEG, and all of them for pictures, get RGB. Constant quality, FFmpeg's encoders, frame threads; texts about "
        "an encoder's version are not counted.",
    ]
    for kind in results["rate_difference"]:
        moves = kind == "video"
        head = [f"{kind}, threshold", "met %", "tokens %", "bpp", *(["kB/s"] if moves else []), "PSNR dB", *codecs]
        rows = [
            [
                f"{s['threshold']:g}",
                f"{100 * s['met_share']:.1f}",
                f"{100 * s['tokens_share']:.3g}",
                f"{s['bpp']:.4f}",
                *([_number(s["bytes_a_second"] and s["bytes_a_second"] / 1000, ".2f")] if moves else []),
                _number(s["psnr_db"], ".2f"),
                *(_over(s["bytes_over"][name], s["clips"]) for name in codecs),
            ]
            for s in results["summary"]
            if s["kind"] == kind
        ]
        parts.append(_table(head, rows))
        differences = [
            f"{name} {found['geometric_mean']:.2f} ({plural(found['clips'], 'clip')})"
            for name, found in results["rate_difference"][kind].items()
            if found["geometric_mean"] is not None
        ]
        if differences:
            parts.append(f"Over all errors that both reach ({kind}, geometric mean): " + ", ".join(differences) + ".")
    parts.append(_by_clip(results))
    return "\n\n".join(part for part in parts if part)


def _over(over: dict[str, Any], clips: int) -> str:
    """Total and geometric mean of the ratios, and of how many clips, if not of all."""
    if not over["clips"]:
        return "none reached"
    some = f" ({over['clips']} of {clips})" if over["clips"] < clips else ""
    return f"{over['total']:.2f} / {over['geometric_mean']:.2f}{some}"


def _by_clip(results: dict[str, Any]) -> str:
    threshold = results["figure_threshold"]
    rows = []
    for r in (r for r in results["rows"] if r["kind"] == "video" and r["threshold"] == threshold):
        speeds = [r["frames"] / r[s] if r[s] else None for s in ("encode_s", "decode_s")]
        rows.append(
            [
                r["clip"], f"{r['width']}x{r['height']}", str(r["frames"]), f"{r['bytes']:,}", f"{r['bpp']:.4f}",
                f"{100 * r['tokens'] / max(1, r['max_tokens']):.3g}", _number(r["psnr_db"], ".2f"),
                f"{100 * r['blocks_met'] / r['blocks']:.0f}", f"{r['evaluations'] / r['blocks']:.1f}",
                _number(speeds[0], ".1f"), _number(speeds[1], ".0f"),
                *(_number(r["bytes_over"][name], ".2f") for name in results["codecs"]),
            ]
        )  # fmt: skip
    if not rows:
        return ""
    head = ["clip", "size", "frames", "bytes", "bpp", "tokens %", "PSNR dB", "met %", "tries", "enc fps", "dec fps"]
    over = [f"over {name}" for name in results["codecs"]]
    return f"By clip, threshold {threshold:g}:\n\n" + _table([*head, *over], rows)


def _speed(results: dict[str, Any]) -> str:
    rows, stages = [], list(results["summary"][0]["stages_s"])
    for s in results["summary"]:
        rows.append(
            [
                f"{s['kind']}, {s['threshold']:g}", _number(s["encode_fps"], ".2f"), _number(s["decode_fps"], ".1f"),
                f"{s['evaluations_a_block']:.1f}",
                *(f"{1000 * s['stages_s'][stage] / s['frames']:.0f}" for stage in stages),
                bytes_in_words(s["peak_bytes"]) if s["peak_bytes"] else "",
            ]
        )  # fmt: skip
    head = ["threshold", "enc fps", "dec fps", "evaluations a block"]
    head += [*(f"{stage} ms" for stage in stages), "peak memory"]
    return "\n\n".join(
        [
            "## Speed",
            "Reading, coding and writing of whole clips, on the machine named above and as idle as it was then. An "
            "evaluation is one candidate of a block: the model's encoder and decoder, and its error measured. Stages: "
            "milliseconds a frame of all threads together, by a sampler that looks at them two hundred times a second "
            "(decoding is not in them). Memory is that of the whole process, the most that was seen.",
            _table(head, rows),
        ]
    )


def _content(results: dict[str, Any], drawn: bool) -> str:
    found = results["content"]
    if not found["blocks"]:
        return ""
    rank, logs = found["spearman"], found["pearson_of_logarithms"]
    rows = [
        [name.replace("_", " "), _number(rank[name], ".2f"), _number(logs.get(name), ".2f")]
        for name in ("motion", "detail", "motion_times_detail")
    ]
    return "\n\n".join(
        [
            "## What costs tokens",
            *(["![Tokens against motion and detail](benchmarks/content.svg)"] if drawn else []),
            f"{found['blocks']:,} blocks with a past (first blocks of GOPs left out) at threshold "
            f"{results['figure_threshold']:g}: tokens a thousand pixels against *motion*, the mean absolute difference "
            "of luma from frame to frame, and *detail*, the mean absolute Laplacian of luma. Frame differences count a "
            "pan over fine grass as much motion although motion vectors undo it.",
            _table(["", "rank correlation", "correlation of logarithms"], rows),
        ]
    )
