"""Clips to weights/elastictok-nano.safetensors: encode, count what the contexts saw, fit their start values.

    python weights/recipe/train.py ../shared/data --work runs/nano --hours 0.5

One pass over clips encodes each at random quantiser steps with the package's own model; tallies are kept per clip in
the work folder, so a stopped run goes on where it was. A second round starts from the first round's values.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from pathlib import Path

import contexts
import data
import numpy as np
from safetensors.numpy import save_file

from elastictok_cli.kernels import contexts as cx
from elastictok_cli.kernels import rangecoder as rc
from elastictok_cli.kernels.grammar import BlockTokens, code_block
from elastictok_cli.models.nano import SYNTAX, NanoModel, Weights
from elastictok_cli.models.nano.model import BLOCK_FRAMES

GENERATION = 1
FRAMES = 3 * BLOCK_FRAMES
STEP_RANGE = 170, 285  # about thresholds 0.001 to 0.015
TARGET = Path(__file__).resolve().parent.parent / "elastictok-nano.safetensors"


def tally(path: Path, start: np.ndarray, seed: int) -> np.ndarray:
    """Encode one window of a clip; returns int64 (contexts, 2), the zeros and ones that each context saw."""
    rng = np.random.default_rng(seed)
    first = int(rng.integers(0, max(1, data.frame_count(path) - FRAMES + 1)))
    v = data.frames(path, first, FRAMES)
    if rng.random() < 0.5:
        v = np.ascontiguousarray(v[:, :, ::-1])
    model = NanoModel(Weights(start, b"", GENERATION))
    state = model.start(*v.shape[1:3])
    counts = np.zeros((cx.COUNT, 2), np.int64)
    step = int(rng.integers(*STEP_RANGE))
    for block in data.blocks(v, BLOCK_FRAMES):
        tokens: BlockTokens = model.tokens(state, model.prepare(state, block), step=step)
        seen = np.zeros((cx.COUNT, 3), np.uint16)
        code_block(rc.dry(rc.TALLY), seen, state.past, tokens.parts)
        counts += seen[:, :2]
        state = model.advance(state, tokens)
    return counts


def _job(args: tuple[Path, np.ndarray, int, Path]) -> str:
    path, start, seed, out = args
    if not out.exists():
        counts = tally(path, start, seed)
        part = out.with_suffix(".part.npy")
        np.save(part, counts)
        part.rename(out)
    return path.name


def run_round(items: list[data.Clip], start: np.ndarray, number: int, work: Path, deadline: float) -> np.ndarray:
    """One pass, as far as the time allows; returns the fitted table."""
    folder = work / f"round{number}"
    folder.mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(number).permutation(len(items))
    jobs = [(items[i].path, start, 1000 * number + int(i), folder / f"{items[i].path.stem}.npy") for i in order]
    with multiprocessing.Pool(2) as pool:
        for done, name in enumerate(pool.imap_unordered(_job, jobs), 1):
            print(json.dumps({"round": number, "done": done, "of": len(jobs), "clip": name}), flush=True)
            if time.time() > deadline:
                pool.terminate()
                break
    done = [p for p in sorted(folder.glob("*.npy")) if not p.stem.endswith(".part")]
    return contexts.fit(np.stack([np.load(p) for p in done]))


def main() -> None:
    """Train and write the weights file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/ and images/")
    parser.add_argument("--work", type=Path, default=Path("runs/nano"))
    parser.add_argument("--hours", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=2)
    args = parser.parse_args()
    training, _ = data.split(data.clips(args.data / "train"))
    pictures, _ = data.split(data.clips(args.data / "images", "*.jpg"))
    items = training + pictures
    table, begin = rc.new_contexts(cx.COUNT), time.time()
    for number in range(args.rounds):
        deadline = begin + 3600 * args.hours * (number + 1) / args.rounds
        table = run_round(items, table, number, args.work, deadline)
        metadata = {"model": "elastictok-nano", "syntax": SYNTAX, "generation": str(GENERATION)}
        save_file({"contexts": table}, TARGET, metadata=metadata)
        print(json.dumps({"round": number, "wrote": TARGET.name, "minutes": (time.time() - begin) / 60}), flush=True)


if __name__ == "__main__":
    main()
