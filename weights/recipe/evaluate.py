"""Evaluates the bundled model: whole clips to .etok files, against other codecs at equal measured error.

    python weights/recipe/evaluate.py ../shared/data/heldout --out results/heldout --thresholds 0.007 0.003

For every clip and threshold: encode as the command line does, without sound; decode; measure the error from the decoded
frames. Finished pairs are kept in the out folder, so a stopped run continues. Writes results.json and results.md.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

import elastictok_cli.api as et
from elastictok_cli.bench.curves import bytes_at
from elastictok_cli.codec.events import BlockDone
from elastictok_cli.metrics import block_mse, psnr_db
from elastictok_cli.video import open_source
from elastictok_cli.video.reference import CODECS, at_size, point


def measure(path: Path, threshold: float, out: Path, model: Any) -> dict[str, Any]:
    """One clip at one threshold."""
    etok = out / f"{path.stem}-{threshold:g}.etok"
    blocks: list[BlockDone] = []

    def watch(event: Any) -> None:
        if isinstance(event, BlockDone):
            blocks.append(event)

    begin = time.perf_counter()
    target = et.Target.threshold(threshold)
    et.encode(path, etok, model=model, target=target, size="source", audio=False, overwrite=True, watch=watch)
    encoded = time.perf_counter()
    with et.open_etok(etok, model) as file:
        shown = [rgb for _, rgb in file.frames()]
    decoded = time.perf_counter()
    with open_source(path, size="source") as source:
        pairs = zip(shown, (frame.rgb for frame in source.frames()), strict=True)
        mse = float(np.mean([block_mse(a[None], b[None]) for a, b in pairs]))
    pixels = shown[0].shape[0] * shown[0].shape[1] * len(shown)
    return {
        "clip": path.stem,
        "threshold": threshold,
        "frames": len(shown),
        "size": [shown[0].shape[1], shown[0].shape[0]],
        "source_bytes": path.stat().st_size,
        "bytes": etok.stat().st_size,
        "bpp": 8 * etok.stat().st_size / pixels,
        "tokens": sum(b.tokens for b in blocks),
        "tokens_share": sum(b.tokens for b in blocks) / sum(b.max_tokens for b in blocks),
        "tokens_by_block": [b.tokens for b in blocks],
        "mse": mse,
        "psnr_db": psnr_db(mse),
        "worst_block_mse": max(b.mse for b in blocks),
        "met": sum(b.met for b in blocks) / len(blocks),
        "probes": sum(len(b.probes) for b in blocks) / len(blocks),
        "encode_fps": len(shown) / (encoded - begin),
        "decode_fps": len(shown) / (decoded - encoded),
    }


def curves(path: Path, out: Path, names: list[str]) -> dict[str, list[tuple[int, float]]]:
    """Rate curves of the other codecs for one clip, kept in the out folder."""
    kept = out / f"{path.stem}-references.json"
    known = json.loads(kept.read_text()) if kept.exists() else {}
    missing = [name for name in names if name not in known]
    for name in missing:
        points = [point(name, quality, at_size(str(path), "source")) for quality in CODECS[name].qualities]
        known[name] = [(p.bytes, p.mse) for p in points]
    if missing:
        kept.write_text(json.dumps(known))
    return {name: [(b, m) for b, m in known[name]] for name in names}


def reference(curve: list[tuple[int, float]], mse: float) -> tuple[int, bool]:
    """(bytes of a codec at this error, False), or (its smallest file, True) if every file of it has a lower error."""
    exact = bytes_at(curve, mse)
    return (round(exact), False) if exact else (min(count for count, _ in curve), True)


def table(rows: list[dict[str, Any]], names: list[str], threshold: float) -> str:
    """A Markdown table: a line per clip, total, geometric mean of the ratios. *: against the codec's smallest file."""
    head = ["clip", "frames", "bytes in", "bytes out", "bpp", "tokens %", "PSNR dB", "met %"]
    head += ["probes", "enc fps", "dec fps"]
    lines = [f"### threshold {threshold:g}", "", "| " + " | ".join(head + names) + " |"]
    lines.append("|" + "---|" * (len(head) + len(names)))
    here = [r for r in rows if r["threshold"] == threshold]
    for r in here:
        cells = [
            r["clip"], r["frames"], r["source_bytes"], r["bytes"], f"{r['bpp']:.4f}",
            f"{100 * r['tokens_share']:.2f}", f"{r['psnr_db']:.2f}", f"{100 * r['met']:.0f}", f"{r['probes']:.1f}",
            f"{r['encode_fps']:.1f}", f"{r['decode_fps']:.0f}",
        ]  # fmt: skip
        cells += [f"{r['bytes'] / r['references'][n][0]:.3f}{'*' * r['references'][n][1]}" for n in names]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    ours = sum(r["bytes"] for r in here)
    totals = [f"{ours / sum(r['references'][n][0] for r in here):.3f}" for n in names]
    means = [math.exp(sum(math.log(r["bytes"] / r["references"][n][0]) for r in here) / len(here)) for n in names]
    lines.append("| **total** |" + " |" * (len(head) - 1) + " " + " | ".join(totals) + " |")
    lines.append("| **geometric mean** |" + " |" * (len(head) - 1) + " " + " | ".join(f"{m:.3f}" for m in means) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measure all clips of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("results/heldout"))
    parser.add_argument("--thresholds", type=float, nargs="+", default=[0.007, 0.003])
    parser.add_argument("--codecs", nargs="+", default=["x264 medium"], choices=list(CODECS))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    model = et.load_model()
    rows = []
    for threshold in args.thresholds:
        for path in sorted(args.folder.glob("*.mp4")):
            kept = args.out / f"{path.stem}-{threshold:g}-{model.spec.digest.hex()[:8]}.json"
            row = json.loads(kept.read_text()) if kept.exists() else measure(path, threshold, args.out, model)
            kept.write_text(json.dumps(row))
            others = curves(path, args.out, args.codecs)
            row["references"] = {name: reference(curve, row["mse"]) for name, curve in others.items()}
            rows.append(row)
            print(json.dumps({k: v for k, v in row.items() if k != "tokens_by_block"}), flush=True)
    (args.out / "results.json").write_text(json.dumps(rows, indent=1))
    text = "\n\n".join(table(rows, args.codecs, t) for t in args.thresholds)
    (args.out / "results.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
