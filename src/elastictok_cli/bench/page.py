"""The benchmark as a page in Markdown: figures, tables, and what they do and do not say. From results.json alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..units import plural
from ..units import size as bytes_in_words


def page(results: dict[str, Any], figures: set[str]) -> str:
    """figures: names of those that were drawn."""
    parts = [_head(results), _figure4(results, "figure4" in figures), _rate(results, "rate" in figures)]
    parts += [_scores(results), _speed(results), _content(results, "content" in figures)]
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
        "which writes this page (with sortable tables: [report.html](report.html)), its figures, and every number in "
        "it to [results.json](benchmarks/results.json) and [results.csv](benchmarks/results.csv). Errors are mean "
        "squared errors of RGB on [-1, 1]; 0.007 is 27.6 dB.",
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
        f"How many blocks reach the threshold {threshold:g} with how many tokens. *Elastic*: every block gets what it "
        "needs; the end of its curve was encoded, the rest follows from it by capping each block's tokens. *Fixed*: "
        "every block may use the same number, which was encoded for each number in the table. *Ratio*: tokens of fixed "
        "over those of elastic where equally many blocks meet.",
    ]
    what = "per tile of a block" if results["tile"] else "per block"
    for kind, found in results["figure4"].items():
        most, frame = found["max_tokens_per_frame"], "frame" if kind == "video" else "picture"
        rows = [
            [
                f"{p['tokens']:,}",
                f"{most * p['tokens_share']:,.0f}",
                f"{100 * p['tokens_share']:.3g}",
                f"{100 * p['met_share']:.1f}",
                _number(most * p["elastic_tokens_share"] if p["elastic_tokens_share"] else None, ",.0f"),
                _number(p["ratio"], ".2f"),
            ]
            for p in found["fixed"]
        ]
        if rows:
            head = [f"{kind}: tokens {what}", f"tokens per {frame}", "% of the model's", "blocks met %"]
            parts.append(_table([*head, f"elastic tokens per {frame} for as many met", "ratio"], rows))
    parts.append(_paper(results))
    return "\n\n".join(parts)


PAPER_RATIOS = {"image": (3.5, 1.3), "video": (5.0, 2.4)}  # arXiv 2410.08368, caption of Figure 4


def _paper(results: dict[str, Any]) -> str:
    """The paper's ratios beside ours, and why they are not the same measurement."""
    said = []
    for kind, ratios in PAPER_RATIOS.items():
        points = results["figure4"].get(kind, {}).get("fixed", [])
        ours = [p["ratio"] for p in points if p["ratio"] is not None]
        if ours:
            span = f"{min(ours):.2f}" if len(ours) == 1 else f"{min(ours):.2f} to {max(ours):.2f}"
            said.append(f"{ratios[0]:g} and {ratios[1]:g} on {kind}s (here {span})")
    if not said:
        return ""
    return (
        f"The paper (arXiv 2410.08368, Figure 4) reports ratios of {' and of '.join(said)}, each at two thresholds. "
        "What differs: its baselines are models that were trained apart for each count, here both curves are **the "
        "same model**, which was not trained for one count; its pictures are of ImageNet and its videos of a set of "
        "its own, at thresholds of their own; and its per cent are of a fixed number of codes per block, while a model "
        "whose tokens are decisions may use up to one token per pixel, so that its per cent are far smaller."
    )


def _rate(results: dict[str, Any], drawn: bool) -> str:
    codecs = results["codecs"]
    if not codecs:
        return ""
    parts = [
        "## Rate against distortion",
        *(["![PSNR against bits per pixel, by clip](benchmarks/rate.svg)"] if drawn else []),
        f"Whole `.etok` files without sound, container included, against elementary streams without a container "
        f"({', '.join(codecs)}), at equal measured error: bytes over theirs in total / geometric mean of the clips. "
        "Below 1 elastictok is smaller. Where a codec cannot go as coarse as the threshold, or as fine, the clip is "
        f"left out for it and is no win. Preparation: frames at `--size {results['size']}`; the video codecs get the "
        "clip's own 4:2:0 frames (scaled by the same filter where they are coded smaller), so nothing is lost to "
        "them on a way through RGB; JPEG, and all of them for pictures, get RGB. Constant quality, frame threads; "
        "texts about an encoder's version are not counted. x264 and x265 keep the perceptual settings of their "
        "presets; VVenC's are off and SVT-AV1 is "
        "tuned for PSNR, since squared error is what is compared." + _ffmpeg(results),
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
                *([_number(s["bytes_per_second"] and s["bytes_per_second"] / 1000, ".2f")] if moves else []),
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


def _ffmpeg(results: dict[str, Any]) -> str:
    if not results["ffmpeg"]:
        return ""
    return f" VVenC, SVT-AV1 with its version, XPSNR and VMAF are those of an external ffmpeg {results['ffmpeg']}."


def _scores(results: dict[str, Any]) -> str:
    """XPSNR and VMAF at equal squared error."""
    names = results["scores"]
    rows = []
    for s in results["summary"]:
        for name in (name for name in names if name in s["scores"]):
            found = s["scores"][name]
            over = [_number(found["over"][codec], "+.2f") for codec in results["codecs"]]
            rows.append([f"{s['kind']}, {s['threshold']:g}", name.upper(), _number(found["mean"], ".2f"), *over])
    if not rows:
        return ""
    head = ["threshold", "measure", "elastictok", *(f"over {codec}" for codec in results["codecs"])]
    return "\n\n".join(
        [
            "## What viewers see, at equal squared error",
            "Mean over the clips of XPSNR (dB, luma) and VMAF (0 to 100, model v0.6.1), and the mean difference to "
            "each codec at the same squared error: above 0 elastictok scores better. VMAF was trained on pictures of "
            "1080 lines; of smaller ones only the differences mean something.",
            _table(head, rows),
        ]
    )


def _plain(name: str) -> str:
    """A file's name as text of a Markdown table."""
    return re.sub(r"([\\`*_<>|\[\]])", r"\\\1", name)


def _by_clip(results: dict[str, Any]) -> str:
    threshold = results["figure_threshold"]
    rows = []
    for r in (r for r in results["rows"] if r["kind"] == "video" and r["threshold"] == threshold):
        speeds = [r["frames"] / r[s] if r[s] else None for s in ("encode_s", "decode_s")]
        rows.append(
            [
                _plain(r["clip"]), f"{r['width']}x{r['height']}", str(r["frames"]),
                f"{r['bytes']:,}", f"{r['bpp']:.4f}",
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
                f"{s['evaluations_per_block']:.1f}",
                *(f"{1000 * s['stages_s'][stage] / s['frames']:.0f}" for stage in stages),
                bytes_in_words(s["peak_bytes"]) if s["peak_bytes"] else "",
            ]
        )  # fmt: skip
    head = ["threshold", "enc fps", "dec fps", "evaluations per block"]
    head += [*(f"{stage} ms" for stage in stages), "peak memory"]
    return "\n\n".join(
        [
            "## Speed",
            "Reading, coding and writing of whole clips, on the machine named above and as idle as it was then. An "
            "evaluation is one candidate of a block: the model's encoder and decoder, and its error measured. Stages: "
            "milliseconds per frame of all threads together, by a sampler that looks at them two hundred times a "
            "second (decoding is not in them). Memory is that of the whole process, the most that was seen.",
            _table(head, rows),
            *_cpu(results),
        ]
    )


def _cpu(results: dict[str, Any]) -> list[str]:
    """CPU time of all codecs, beside each other."""
    names = ["elastictok", *results["codecs"]]
    rows = []
    for s in results["summary"]:
        costs = s["cpu_s_per_frame"]
        cells = [f"{1000 * cost[0]:.0f} / {1000 * cost[1]:.1f}" if (cost := costs[name]) else "" for name in names]
        rows.append([f"{s['kind']}, {s['threshold']:g}", *cells])
    text = (
        "CPU milliseconds per frame, encoding / decoding, of the quality whose error is nearest, over the clips that "
        "the codec reaches; encoding with reading the source, decoding to what the codec codes (RGB of elastictok, "
        "4:2:0 of the others)."
    )
    return [text, _table(["threshold", *names], rows)]


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
            f"{results['figure_threshold']:g}: tokens per thousand pixels against *motion*, the mean absolute "
            "difference of luma from frame to frame, and *detail*, the mean absolute Laplacian of luma. Frame "
            "differences count a pan over fine grass as much motion although motion vectors undo it.",
            _table(["", "rank correlation", "correlation of logarithms"], rows),
        ]
    )
