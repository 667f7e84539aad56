"""Evaluates elastictok-mini on clips that it was not trained on: blocks met, tokens, correlation with motion.

    python weights/recipe/evaluate_mini.py ../shared/data/heldout --gops 2 --out results/mini

Encodes the first GOPs of each clip with the package's own encoder, at the clip's own size, and reads the .etok files:
- the share of blocks (tiles of 128x128, 4 frames) that meet the threshold, and their tokens,
- Spearman's rank correlation of a block's tokens with its motion (mean absolute difference of successive frames),
- the mean step across borders of tiles over that between other pixels near them, decoded and in the source,
and with --shares, without a search, the error of blocks by how many tokens they keep. Finished clips are kept in the
out folder.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from mini_trainer import validate

import elastictok_cli.api as et
from elastictok_cli.bench.content import spearman
from elastictok_cli.codec.tiling import Tiling
from elastictok_cli.models.elastic.adapter import ElasticModel
from elastictok_cli.video import open_source

SHARES = (0.0625, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1.0)


def motion(block: npt.NDArray[np.uint8]) -> float:
    """Mean absolute difference of successive frames, on [-1, 1]; 0 for one frame. frames: uint8 (T, H, W, 3)."""
    return float(np.abs(np.diff(block.astype(np.float32), axis=0)).mean() / 127.5) if len(block) > 1 else 0.0


def seam(frames: npt.NDArray[np.uint8], side: int) -> tuple[float, float]:
    """Mean step across borders of tiles, and mean step between other pixels within 12 of them, in levels.

    frames: uint8 (T, H, W, 3). side: of a tile. Zeros for a picture without borders.
    """
    at, near = [], []
    for axis in (1, 2):
        steps = np.abs(np.diff(frames.astype(np.int16), axis=axis))
        mean = steps.mean(tuple(i for i in range(4) if i != axis))
        for border in range(side, frames.shape[axis] - 12, side):
            at.append(mean[border - 1])
            near += [*mean[border - 12 : border - 1], *mean[border : border + 11]]
    return (float(np.mean(at)), float(np.mean(near))) if at else (0.0, 0.0)


def first_frames(path: Path, count: int) -> tuple[npt.NDArray[np.uint8], float]:
    """The first frames of a clip as encode gets them, and the time just after them in seconds."""
    with open_source(path, size="source") as source:
        pairs = [(f.pts, f.rgb) for _, f in zip(range(count + 1), source.frames(), strict=False)]
        base = float(source.info.time_base)
    end = (pairs[-1][0] - pairs[0][0]) * base - 1e-4 if len(pairs) > count else 1e9
    return np.stack([rgb for _, rgb in pairs[:count]]), end


def measure(
    path: Path,
    model: ElasticModel,
    threshold: float,
    gops: int,
    out: Path,
    effort: str = "default",
    shares: bool = True,
) -> dict[str, Any]:
    """One clip: a row for each tile of each block, and the error by share of tokens of one GOP of each tile."""
    spec, etok = model.spec, out / f"{path.stem}-{threshold:g}.etok"
    v, seconds = first_frames(path, gops * spec.gop_blocks * spec.block_frames)
    clock = time.process_time()
    et.encode(
        path, etok, model=model, target=et.Target.threshold(threshold), size="source", duration=seconds,
        audio=False, overwrite=True, threads=1, effort=effort,
    )  # fmt: skip
    spent = time.process_time() - clock
    rows = []
    with et.open_etok(etok, model) as file:
        tiling, at = Tiling(file.header), 0
        for block in file.blocks():
            tiles = tiling.cut(v[at : at + block.frames])
            at += block.frames
            for number, (record, source) in enumerate(zip(block.tiles, tiles, strict=True)):
                height, width = tiling.visible(number)
                moved = motion(source[:, :height, :width])
                rows.append({"tokens": record.count, "met": record.met, "mse": record.mse, "motion": moved})
        decoded = file[:]
    if at != len(v):
        raise RuntimeError(f"{path.name}: {at} frames in the file, {len(v)} were meant")
    errors: Any = []
    if shares:
        whole = v[: len(v) // spec.block_frames * spec.block_frames][: spec.gop_blocks * spec.block_frames]
        errors = validate(model.network, torch.from_numpy(np.stack(tiling.cut(whole))), SHARES)
    return {
        "clip": path.stem,
        "size": [int(n) for n in v.shape[2:0:-1]],
        "frames": at,
        "bytes": etok.stat().st_size,
        "cpu_s": round(spent, 1),
        "seam": [seam(frames, tiling.tile[0]) for frames in (decoded, v)],
        "blocks": rows,
        "mse_by_share": [float(e.mean()) for e in errors],
    }


def summary(clips: list[dict[str, Any]], threshold: float) -> str:
    """The tables of the model card, as Markdown."""
    lines = [
        "| clip | size | blocks | met | tokens a block | of 512 | rank correlation with motion | bytes | bpp |",
        "|---|---|---|---|---|---|---|---|---|",
    ]

    def line(name: str, size: str, rows: list[dict[str, Any]], count: int, pixels: int) -> str:
        tokens = [r["tokens"] for r in rows]
        met, mean = np.mean([r["met"] for r in rows]), np.mean(tokens)
        rank = spearman(tokens, [r["motion"] for r in rows])
        return (
            f"| {name} | {size} | {len(rows)} | {100 * met:.0f} % | {mean:.0f} | {100 * mean / 512:.0f} % "
            f"| {'none' if rank is None else f'{rank:.2f}'} | {count:,} | {8 * count / pixels:.4f} |"
        )

    for c in clips:
        pixels = c["size"][0] * c["size"][1] * c["frames"]
        lines.append(line(c["clip"], "x".join(map(str, c["size"])), c["blocks"], c["bytes"], pixels))
    every = [row for c in clips for row in c["blocks"]]
    total = sum(c["size"][0] * c["size"][1] * c["frames"] for c in clips)
    lines.append(line(f"all, at {threshold:g}", "", every, sum(c["bytes"] for c in clips), total))
    seams = [at / near if near else 1.0 for at, near in np.mean([c["seam"] for c in clips], 0)]
    lines += ["", f"Steps across borders of tiles over those near them: {seams[0]:.2f}, in the source {seams[1]:.2f}."]
    if not all(c["mse_by_share"] for c in clips):
        return "\n".join(lines)
    mean = np.mean([c["mse_by_share"] for c in clips], 0)
    lines += ["", "| of the tokens | " + " | ".join(f"{100 * s:.3g} %" for s in SHARES) + " |"]
    lines += ["|---" * (len(SHARES) + 1) + "|", "| mean error | " + " | ".join(f"{e:.4f}" for e in mean) + " |"]
    falls = "falls with every step" if (np.diff(mean) < 0).all() else "does not fall with every step"
    return "\n".join([*lines, "", f"The mean error {falls}."])


def main() -> None:
    """Measure all clips of a folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="elastictok-mini", help="name or .safetensors file")
    parser.add_argument("--threshold", type=float, default=0.015)
    parser.add_argument("--gops", type=int, default=2, help="of each clip, from its start (16 frames each)")
    parser.add_argument("--clips", nargs="+", help="only these")
    parser.add_argument("--effort", default="default", help="of the encoder: default or best")
    parser.add_argument("--shares", action="store_true", help="also errors by how many tokens are kept")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("results/mini"))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    model = et.load_model(args.model, device="cpu")
    if not isinstance(model, ElasticModel):
        parser.error(f"{args.model} is not a model of the original's kind")
    digest, done = model.spec.digest.hex()[:8], []
    for path in sorted(args.folder.glob("*.mp4")):
        if args.clips and path.stem not in args.clips:
            continue
        kept = args.out / f"{path.stem}-{args.threshold:g}-{args.gops}-{args.effort}-{digest}.json"
        if not kept.exists():
            kept.write_text(
                json.dumps(measure(path, model, args.threshold, args.gops, args.out, args.effort, args.shares))
            )
        done.append(json.loads(kept.read_text()))
        print(json.dumps({k: v for k, v in done[-1].items() if k != "blocks"}), flush=True)
    text = summary(done, args.threshold)
    (args.out / f"summary-{args.threshold:g}-{args.gops}-{args.effort}-{digest}.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
