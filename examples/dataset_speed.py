"""How fast TokenDataset reads, beside a plain loop over one .npz for each sample.

    python examples/dataset_speed.py [FOLDER [SAMPLES]]

Both give padded batches of random samples; the time is of one epoch, after one that fills the system's cache.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from elastictok_cli.data import ShardWriter, TokenBatches, Vocabulary

LEAST, MOST, BATCH = 2_000, 60_000, 1 << 18  # tokens
ABOUT = {"model": "m", "model_digest": "", "syntax": "fsq/1", "channels": 1, "block_frames": 4}


def write(folder: Path, samples: int) -> None:
    """The same random tokens both ways."""
    rng = np.random.default_rng(0)
    with ShardWriter(str(folder / "shards" / "%05d.tar"), ABOUT, Vocabulary(64000), 20_000_000) as writer:
        (folder / "npz").mkdir()
        for number in range(samples):
            values = rng.integers(0, 64000, rng.integers(LEAST, MOST)).astype(np.uint16)
            counts = np.diff([*range(0, len(values), 256), len(values)])[:, None]  # blocks of 256 tokens
            writer.add(f"{number:06d}", values, counts)
            np.savez(folder / "npz" / f"{number:06d}.npz", values=values)
        writer.finish()


def plain(folder: Path) -> Iterator[int]:
    """Tokens in each batch: files in any order, batches of the same number of places."""
    paths = sorted((folder / "npz").iterdir())
    waiting: list[np.ndarray] = []  # type: ignore[type-arg]
    for index in np.random.default_rng(1).permutation(len(paths)):
        with np.load(paths[index]) as arrays:
            values = arrays["values"].astype(np.int32)
        longest = max([len(values), *map(len, waiting)])
        if waiting and longest * (len(waiting) + 1) > BATCH:
            yield padded(waiting)
            waiting = []
        waiting.append(values)
    yield padded(waiting)


def padded(rows: list[np.ndarray]) -> int:  # type: ignore[type-arg]
    """Make the batch; how many tokens are in it."""
    lengths = np.array([len(row) for row in rows])
    tokens = np.zeros((len(rows), lengths.max()), np.int32)
    for row, values in zip(tokens, rows, strict=True):
        row[: len(values)] = values
    mask = np.arange(lengths.max()) < lengths[:, None]
    return int(mask.sum())


def main(folder: Path, samples: int) -> None:
    """Measure and print."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise SystemExit(f"{folder}: is not empty")
    write(folder, samples)
    speeds = []
    for name in ("npz", "TokenBatches"):
        for _ in range(2):
            clock, tokens = time.perf_counter(), 0
            if name == "npz":
                tokens = sum(plain(folder))
            else:
                for batch in TokenBatches(folder / "shards", tokens_per_batch=BATCH):
                    tokens += int(batch["lengths"].sum())
            seconds = time.perf_counter() - clock
        speeds.append(tokens / seconds)
        print(f"{name}: {speeds[-1] / 1e6:.0f} million tokens a second")
    print(f"ratio {speeds[1] / speeds[0]:.2f}")


if __name__ == "__main__":
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 2000
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]), count)
    else:
        with tempfile.TemporaryDirectory() as place:
            main(Path(place), count)
