"""The learning curve of the start values: bits of validation clips with the counts of 1, 2, 4, ... all training clips.

    python weights/recipe/curve.py ../shared/data --work runs/curve --out weights/elastictok-nano-curve.png

Counts are made as in train.py, from the current weights, and kept in the work folder. The weights file is not changed.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import time
from pathlib import Path
from typing import Any

import contexts
import data
import numpy as np
import train

from elastictok_cli.entropy import rangecoder as rc
from elastictok_cli.models.nano.syntax import contexts as cx

Job = tuple[Path, np.ndarray, list[np.ndarray], int]


def tables(counts: list[np.ndarray]) -> dict[int, np.ndarray]:
    """Start values by number of clips: the first 0, 1, 2, 4, ... and all. counts: int64 (contexts, 2) per clip."""
    sizes = [*(1 << i for i in range(len(counts).bit_length()) if 1 << i < len(counts)), len(counts)]
    return {0: rc.new_contexts(cx.COUNT), **{n: contexts.fit(np.stack(counts[:n])) for n in sizes}}


def measured(job: Job) -> list[float]:
    """Bits of a validation window with each of the tables."""
    path, start, found, seed = job
    coded, _ = train.window(path, start, seed)
    return [train.bits(coded, table) for table in found]


def draw(changes: dict[int, float], out: Path) -> None:
    """Plot to `out`. changes: mean change in bits against neutral values, as a share, by number of clips."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([n for n in changes if n], [100 * v for n, v in changes.items() if n], marker="o")
    axes.axhline(0, color="0.6", lw=0.8)
    axes.set(xscale="log", xlabel="training clips counted", ylabel="bits of validation clips, %")
    axes.set_title("Start values of elastictok-nano, against values that know nothing")
    figure.savefig(out, dpi=110)


def main() -> None:
    """Count, measure, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/ and images/")
    parser.add_argument("--work", type=Path, default=Path("runs/curve"))
    parser.add_argument("--out", type=Path, default=Path("runs/curve/curve.png"))
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    training, held = data.split(data.clips(args.data / "train"))
    start = train.first_values(args.work)

    def log(record: dict[str, Any]) -> None:
        print(json.dumps(record), flush=True)

    train.run_round(training, start, 0, args.work, time.time() + 3600, log)
    files = sorted((args.work / "round0").glob("*.npy"))
    counts = [np.load(files[i]) for i in np.random.default_rng(0).permutation(len(files))]
    found = tables(counts)
    jobs: list[Job] = [(clip.path, start, list(found.values()), i) for i, clip in enumerate(held)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        bits = np.array(pool.map(measured, jobs, chunksize=1))
    means = np.log(bits / bits[:, :1]).mean(0)
    changes = {n: math.expm1(mean) for n, mean in zip(found, means, strict=True)}
    for n, change in changes.items():
        print(f"| {n} | {100 * change:+.2f} % |")
    draw(changes, args.out)


if __name__ == "__main__":
    main()
