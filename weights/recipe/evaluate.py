"""How good the bundled model is: whole clips to real .etok files, beside other codecs at equal measured error.

    python weights/recipe/evaluate.py ../shared/data/heldout --out results/heldout --thresholds 0.007 0.003

For every clip and threshold: the command line's own encode (sound left out), decode and error measured again from the
decoded frames, by the functions of `elastictok bench`. Finished pairs are kept in the out folder, so a stopped run
continues. Writes results.json and results.md. Codecs: as `elastictok bench --codecs`; a clip that a codec cannot code
as coarsely as the threshold, or as finely, is left out for it.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import elastictok_cli.api as et
from elastictok_cli.bench import Clip, choose_codecs
from elastictok_cli.bench.curves import bytes_at, geometric_mean
from elastictok_cli.bench.measure import measure_elastic, measure_reference
from elastictok_cli.video.ffmpeg import find_ffmpeg
from elastictok_cli.video.reference import Codec


def measure(clip: Clip, threshold: float, out: Path, model: Any) -> dict[str, Any]:
    """One clip at one threshold."""
    target = et.Target.threshold(threshold)
    found = measure_elastic(clip, target, model, out / f"{clip.name}-{threshold:g}.etok", "source", None)
    blocks, frames = len(found["met"]), found["frames"]
    return {
        "clip": clip.name,
        "threshold": threshold,
        "frames": frames,
        "size": [found["width"], found["height"]],
        "source_bytes": clip.path.stat().st_size,
        **{key: found[key] for key in ("bytes", "bpp", "mse", "psnr_db", "worst_block_mse")},
        "tokens": sum(found["tokens"]),
        "tokens_share": sum(found["tokens"]) / sum(found["max_tokens"]),
        "tokens_by_block": found["tokens"],
        "met": sum(found["met"]) / blocks,
        "probes": sum(found["evaluations"]) / blocks,
        "encode_fps": frames / found["encode_s"],
        "decode_fps": frames / found["decode_s"],
        "encode_cpu_s": found["encode_cpu_s"],
        "decode_cpu_s": found["decode_cpu_s"],
    }


def curve_of(clip: Clip, codec: Codec, out: Path) -> list[dict[str, Any]]:
    """A codec's rate curve for one clip, kept in the out folder."""
    kept = out / f"{clip.name}-references.json"
    known = json.loads(kept.read_text()) if kept.exists() else {}
    key = f"{codec.name} {codec.build}"
    if key not in known:
        known[key] = measure_reference(clip, codec, "source", None)["curve"]
        kept.write_text(json.dumps(known))
    curve: list[dict[str, Any]] = known[key]
    return curve


def ratio_over(row: dict[str, Any], curve: list[dict[str, Any]]) -> float | None:
    """Our bytes over the codec's at our error; None where the codec does not reach it."""
    theirs = bytes_at([(point["bytes"], point["mse"]) for point in curve], row["mse"])
    return row["bytes"] / theirs if theirs else None


def table(rows: list[dict[str, Any]], names: list[str], threshold: float) -> str:
    """Markdown: a line per clip, then total and geometric mean of the ratios, of the clips that the codec reaches."""
    head = ["clip", "frames", "bytes in", "bytes out", "bpp", "tokens %", "PSNR dB", "met %"]
    head += ["probes", "enc fps", "dec fps", "enc CPU ms per frame"]
    lines = [f"### threshold {threshold:g}", "", "| " + " | ".join(head + names) + " |"]
    lines.append("|" + "---|" * (len(head) + len(names)))
    here = [row for row in rows if row["threshold"] == threshold]
    for r in here:
        cpu = r["encode_cpu_s"]
        cells = [
            r["clip"], r["frames"], r["source_bytes"], r["bytes"], f"{r['bpp']:.4f}",
            f"{100 * r['tokens_share']:.2f}", f"{r['psnr_db']:.2f}", f"{100 * r['met']:.0f}", f"{r['probes']:.1f}",
            f"{r['encode_fps']:.1f}", f"{r['decode_fps']:.0f}", f"{1000 * cpu / r['frames']:.0f}" if cpu else "",
        ]  # fmt: skip
        cells += [f"{ratio:.3f}" if (ratio := r["over"][name]) else "not reached" for name in names]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    totals, means = [], []
    for name in names:
        reached = [row for row in here if row["over"][name]]
        theirs = sum(row["bytes"] / row["over"][name] for row in reached)
        count = f" ({len(reached)} of {len(here)})" if len(reached) < len(here) else ""
        mean = geometric_mean([row["over"][name] for row in reached])
        totals.append(f"{sum(row['bytes'] for row in reached) / theirs:.3f}{count}" if reached else "none")
        means.append(f"{mean:.3f}{count}" if mean else "none")
    lines.append("| **total** |" + " |" * (len(head) - 1) + " " + " | ".join(totals) + " |")
    lines.append("| **geometric mean** |" + " |" * (len(head) - 1) + " " + " | ".join(means) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure all clips of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/heldout"))
    parser.add_argument("--thresholds", type=float, nargs="+", default=[0.007, 0.003])
    parser.add_argument("--codecs", nargs="+", help="short names as in `elastictok bench --codecs`; default: all")
    parser.add_argument("--ffmpeg", help="path of the ffmpeg for VVenC and SVT-AV1 4")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    codecs, notes = choose_codecs(args.codecs, find_ffmpeg(args.ffmpeg))
    for text in notes:
        print(f"note: {text}")
    model = et.load_model()
    rows = []
    for threshold in args.thresholds:
        for path in sorted(args.folder.glob("*.mp4")):
            clip = Clip(path.stem, path)
            kept = args.out / f"{clip.name}-{threshold:g}-{model.spec.digest.hex()[:8]}.json"
            row = json.loads(kept.read_text()) if kept.exists() else measure(clip, threshold, args.out, model)
            kept.write_text(json.dumps(row))
            row["over"] = {codec.name: ratio_over(row, curve_of(clip, codec, args.out)) for codec in codecs}
            rows.append(row)
            print(json.dumps({key: value for key, value in row.items() if key != "tokens_by_block"}), flush=True)
    (args.out / "results.json").write_text(json.dumps(rows, indent=1))
    text = "\n\n".join(table(rows, [codec.name for codec in codecs], t) for t in args.thresholds)
    (args.out / "results.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
