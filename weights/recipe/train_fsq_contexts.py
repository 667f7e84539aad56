"""Trains the start values of syntax fsq/1: contexts and mixer weights, from tokens that mini_pairs.py has made.

    python weights/recipe/train_fsq_contexts.py runs/mini/pairs

Counts the zeros and ones that each context saw, fits a probability and a confidence to each, then lets the mixer
weights learn over all windows and takes their mean. One window in eight is left out and reported: bits before, after.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from safetensors.numpy import save_file
from train_nano5 import fit

from elastictok_cli.entropy import mixing
from elastictok_cli.entropy import rangecoder as rc
from elastictok_cli.models.elastic import fsq_contexts as fc
from elastictok_cli.models.elastic.codes import Symbols, to_digits

TARGET = Path(__file__).resolve().parent.parent / f"{fc.START_FILE}.safetensors"
TILE = SimpleNamespace(geometry=SimpleNamespace(tile_hw=(128, 128)))  # of a header, all that the contexts look at

Window = list[list[Symbols]]  # blocks, tiles


def read(path: Path) -> Window:
    """The digits of a window."""
    with np.load(path) as arrays:
        counts, tokens = arrays["counts"], arrays["tokens"]
    parts = np.split(to_digits(tokens), np.cumsum(counts.reshape(-1))[:-1])
    return [parts[i : i + counts.shape[1]] for i in range(0, len(parts), counts.shape[1])]


def code(window: Window, mode: int, tables: fc.Tables, keep: bool = False) -> float:
    """Code a window in this mode. Returns bits. keep: change the tables."""
    contexts, coder = fc.FsqContexts(TILE, tables), rc.dry(mode)
    if keep:
        contexts.tables = tables
    for tiles in window:
        for number, digits in enumerate(tiles):
            contexts.code(coder, digits.copy(), 0, number)
            contexts.end(digits, number)
    return float(coder.io[rc.COST]) / rc.BIT_PRICE


def untrained() -> fc.Tables:
    """Start values before any training."""
    return mixing.new_contexts(int(fc.CONTEXTS)), mixing.new_weights(fc.SETS)


def train(windows: list[Window]) -> fc.Tables:
    """Contexts, and mixer weights from two passes in random order."""
    counts = np.zeros((len(windows), fc.CONTEXTS, 2), np.uint16)
    for window, own in zip(windows, counts, strict=True):
        code(window, rc.TALLY, (own, mixing.new_weights(fc.SETS)), keep=True)
    contexts, weights, rng = fit(counts), mixing.new_weights(fc.SETS), np.random.default_rng(0)
    for _ in range(2):
        passed = []
        for i in rng.permutation(len(windows)):
            code(windows[i], rc.ADAPT, (contexts.copy(), weights), keep=True)
            passed.append(weights.copy())
        weights = np.round(np.mean(passed[len(passed) // 3 :], 0)).astype(np.int32)
    return contexts, weights


def main() -> None:
    """Train and write the start values."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", type=Path, help="folder that mini_pairs.py made")
    parser.add_argument("--out", type=Path, default=TARGET)
    args = parser.parse_args()
    windows = [read(path) for path in sorted(args.pairs.glob("*.npz"))]
    contexts, mixers = train([window for i, window in enumerate(windows) if i % 8])
    for name, tables in (("untrained", untrained()), ("trained", (contexts, mixers))):
        bits = sum(code(window, rc.ADAPT, tables) for window in windows[::8])
        print(f"windows left out, {name}: {bits:.0f} bits")
    save_file({"contexts": contexts, "mixers": mixers}, args.out, metadata={"start values of": "fsq/1"})


if __name__ == "__main__":
    main()
