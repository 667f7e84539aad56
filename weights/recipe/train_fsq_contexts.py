"""Trains the start values of syntax fsq/1: contexts and mixer weights, from tokens that mini_pairs.py has made.

    python weights/recipe/train_fsq_contexts.py runs/mini/pairs

contexts.py says how. One window in eight is left out and reported: bits before and after.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from types import SimpleNamespace

import contexts
import numpy as np
from safetensors.numpy import save_file

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


def code(window: Window, mode: int, tables: fc.Tables) -> float:
    """Code a window in a mode of the range coder with these tables, which change. Returns bits."""
    model, coder = fc.FsqContexts(TILE, tables), rc.dry(mode)
    model.tables = tables  # not a copy
    for tiles in window:
        for number, digits in enumerate(tiles):
            model.code(coder, digits.copy(), 0, number)
            model.end(digits, number)
    return float(coder.io[rc.COST]) / rc.BIT_PRICE


def untrained() -> fc.Tables:
    """Start values before any training."""
    return mixing.new_contexts(int(fc.CONTEXTS)), mixing.new_weights(fc.SETS)


def main() -> None:
    """Train and write the start values."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", type=Path, help="folder that mini_pairs.py made")
    parser.add_argument("--out", type=Path, default=TARGET)
    args = parser.parse_args()
    windows = [read(path) for path in sorted(args.pairs.glob("*.npz"))]
    training = [window for i, window in enumerate(windows) if i % 8]
    trained = contexts.train(training, code, int(fc.CONTEXTS), fc.SETS)
    for name, (start, mixers) in (("untrained", untrained()), ("trained", trained)):
        bits = sum(code(window, rc.ADAPT, (start.copy(), mixers.copy())) for window in windows[::8])
        print(f"windows left out, {name}: {bits:.0f} bits")
    save_file({"contexts": trained[0], "mixers": trained[1]}, args.out, metadata={"start values of": "fsq/1"})


if __name__ == "__main__":
    main()
