"""Clips to weights/elastictok-nano.safetensors: encode, count what the contexts saw, fit their start values.

    python weights/recipe/train.py ../shared/data --work runs/nano --hours 0.5

One pass over the clips encodes each at a random qindex with the package's own model. Counts are kept per clip in the
work folder, so a stopped run continues. A round encodes with the values of the round before it, the first round with
those of the current weights file. log.jsonl has bits and error of every clip, and what the new values save on
validation clips.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import contexts
import data
import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from elastictok_cli.atomic_file import atomic_write
from elastictok_cli.entropy import rangecoder as rc
from elastictok_cli.metrics import block_mse
from elastictok_cli.models.nano.decoder import State
from elastictok_cli.models.nano.model import BLOCK_FRAMES, NanoModel
from elastictok_cli.models.nano.syntax import SYNTAX
from elastictok_cli.models.nano.syntax import contexts as cx
from elastictok_cli.models.nano.syntax.block import code_block
from elastictok_cli.models.nano.tokens import BlockTokens
from elastictok_cli.models.nano.weights import Weights

GENERATION = 4
FRAMES = 3 * BLOCK_FRAMES
QINDEX_RANGE = 220, 400  # thresholds 0.001 to 0.015 need about 230 to 390, by clip
Log = Callable[[dict[str, Any]], None]

TARGET = Path(__file__).resolve().parent.parent / "elastictok-nano.safetensors"


Coded = list[tuple[State, BlockTokens]]  # blocks of a window, each with the state before it


def encoded(model: NanoModel, frames: npt.NDArray[np.uint8], qindex: int) -> tuple[Coded, float]:
    """Consecutive blocks at one qindex, and their mean squared error. frames: padded (T, H, W, 3)."""
    state, coded, errors = model.start(*frames.shape[1:3]), [], []
    for block in data.blocks(frames, model.spec.block_frames):
        tokens = model.tokens(state, model.prepare(state, block), qindex=qindex)
        coded.append((state, tokens))
        errors.append(block_mse(model.reconstruct(state, tokens), block))
        state = model.advance(state, tokens)
    return coded, float(np.mean(errors))


def window(path: Path, start: np.ndarray, seed: int) -> tuple[Coded, dict[str, Any]]:
    """Encode one window of a clip, priced with these start values. Also returns its clip, qindex, frames and error."""
    rng = np.random.default_rng(seed)
    first = int(rng.integers(0, max(1, data.frame_count(path) - FRAMES + 1)))
    v = data.frames(path, first, FRAMES)
    if rng.random() < 0.5:
        v = np.ascontiguousarray(v[:, :, ::-1])
    qindex = int(rng.integers(*QINDEX_RANGE))
    coded, mse = encoded(NanoModel(Weights(start, b"", GENERATION), threads=1), v, qindex)
    return coded, {"clip": path.name, "qindex": qindex, "frames": len(v), "mse": round(mse, 6)}


def tally(coded: Coded) -> np.ndarray:
    """The zeros and ones that each context saw in a window: int64 (contexts, 2)."""
    counts = np.zeros((cx.COUNT, 2), np.int64)
    for state, tokens in coded:
        seen = np.zeros((cx.COUNT, 3), np.uint16)
        code_block(rc.dry(rc.TALLY), seen, state.reference, tokens.parts)
        counts += seen[:, :2]
    return counts


def bits(coded: Coded, start: np.ndarray) -> float:
    """The bits of a window's tokens with these start values."""
    contexts, coder = start.copy(), rc.dry(rc.ADAPT)
    for state, tokens in coded:
        code_block(coder, contexts, state.reference, tokens.parts)
    return float(coder.io[rc.COST]) / rc.BIT_PRICE


def _train(args: tuple[Path, np.ndarray, int, Path]) -> dict[str, Any]:
    path, start, seed, out = args
    record = out.with_suffix(".json")
    if not record.exists():
        coded, about = window(path, start, seed)
        np.save(out, tally(coded))
        with atomic_write(record) as part:
            part.write_text(json.dumps({**about, "bits": round(bits(coded, start))}))
    return dict(json.loads(record.read_text()))


def _validate(args: tuple[Path, np.ndarray, np.ndarray, int]) -> dict[str, Any]:
    path, start, table, seed = args
    coded, about = window(path, start, seed)
    return {**about, "bits": round(bits(coded, start)), "bits_after": round(bits(coded, table))}


def run_round(
    items: list[data.Clip], start: np.ndarray, number: int, work: Path, deadline: float, log: Log
) -> np.ndarray:
    """One pass over the clips until the deadline. Returns the fitted table."""
    folder = work / f"round{number}"
    folder.mkdir(parents=True, exist_ok=True)
    order = np.random.default_rng(number).permutation(len(items))
    jobs = [(items[i].path, start, 1000 * number + int(i), folder / f"{items[i].path.stem}.npy") for i in order]
    with multiprocessing.Pool(2) as pool:
        for done, about in enumerate(pool.imap_unordered(_train, jobs), 1):
            log({"type": "train", "round": number, "done": done, "of": len(jobs), **about})
            if time.time() > deadline:
                pool.terminate()
                break
    return contexts.fit(np.stack([np.load(record.with_suffix(".npy")) for record in sorted(folder.glob("*.json"))]))


def validate(items: list[data.Clip], start: np.ndarray, table: np.ndarray, number: int, log: Log) -> None:
    """Log how many bits the new table saves on validation clips."""
    jobs = [(item.path, start, table, i) for i, item in enumerate(items)]
    with multiprocessing.Pool(2) as pool:
        found = list(pool.imap_unordered(_validate, jobs))
    for about in found:
        log({"type": "validation", "round": number, **about})
    change = float(np.mean([math.log(about["bits_after"] / about["bits"]) for about in found]))
    log({"type": "validated", "round": number, "clips": len(found), "bits_change_percent": round(100 * change, 2)})


def first_values(work: Path) -> np.ndarray:
    """The values of the weights file at the start of the run, kept in the work folder; neutral ones without a file."""
    kept = work / "start.npy"
    if not kept.exists():
        current = load_file(TARGET)["contexts"] if TARGET.exists() else None
        fits = current is not None and current.shape == (cx.COUNT, 3)
        np.save(kept, current if fits else rc.new_contexts(cx.COUNT))
    return np.asarray(np.load(kept))


def main() -> None:
    """Train and write the weights file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/ and images/")
    parser.add_argument("--work", type=Path, default=Path("runs/nano"))
    parser.add_argument("--hours", type=float, default=0.5)
    parser.add_argument("--rounds", type=int, default=1)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    training, held = data.split(data.clips(args.data / "train"))
    pictures, _ = data.split(data.clips(args.data / "images", "*.jpg"))
    table, begin = first_values(args.work), time.time()
    with (args.work / "log.jsonl").open("a") as file:

        def log(record: dict[str, Any]) -> None:
            line = json.dumps({**record, "minutes": round((time.time() - begin) / 60, 2)})
            print(line, flush=True)
            file.write(line + "\n")

        for number in range(args.rounds):
            deadline = begin + 3600 * args.hours * (number + 1) / args.rounds
            before, table = table, run_round(training + pictures, table, number, args.work, deadline, log)
            metadata = {"model": "elastictok-nano", "syntax": SYNTAX, "generation": str(GENERATION)}
            save_file({"contexts": table}, TARGET, metadata=metadata)
            validate(held, before, table, number, log)


if __name__ == "__main__":
    main()
