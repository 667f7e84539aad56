"""In which order samples come, and which of them make a batch: from their lengths alone, the same on every machine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WINDOW = 8  # shards that are mixed with each other: no more are open at once
POOL = 256  # samples among which those of a similar length are put into a batch


@dataclass(frozen=True)
class Piece:
    """A sample, or a part of a long one: tokens from `start` on, `count` of them."""

    sample: int
    start: int
    count: int


def order(shard: npt.NDArray[np.int64], seed: int, epoch: int, shuffle: bool) -> npt.NDArray[np.int64]:
    """Numbers of all samples, in the order of an epoch: shards in any order, samples mixed within WINDOW shards."""
    if not shuffle:
        return np.arange(len(shard))
    rng = np.random.Generator(np.random.Philox([seed, epoch]))
    shards = rng.permutation(int(shard.max(initial=-1)) + 1)
    by_shard = np.argsort(shard, kind="stable")
    bounds = np.searchsorted(shard[by_shard], np.arange(len(shards) + 1))
    found = []
    for i in range(0, len(shards), WINDOW):
        window = [by_shard[bounds[s] : bounds[s + 1]] for s in shards[i : i + WINDOW]]
        found.append(rng.permutation(np.concatenate(window)))
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def batches(
    shard: npt.NDArray[np.int64],
    tokens: npt.NDArray[np.int64],
    budget: int,
    longest: int,
    seed: int,
    epoch: int,
    shuffle: bool,
) -> Iterator[list[Piece]]:
    """Batches of at most `budget` places, padding included. longest: samples of more tokens are cut into pieces."""
    rng = np.random.Generator(np.random.Philox([seed, epoch, 1]))
    pool: list[Piece] = []
    for sample in order(shard, seed, epoch, shuffle):
        length = int(tokens[sample])
        pool += [Piece(int(sample), at, min(longest, length - at)) for at in range(0, length, longest)]
        if len(pool) >= POOL:
            yield from _split(pool, budget, rng if shuffle else None)
            pool = []
    yield from _split(pool, budget, rng if shuffle else None)


def _split(pool: list[Piece], budget: int, rng: np.random.Generator | None) -> list[list[Piece]]:
    """Of similar lengths together, so that little is padding; then the batches in any order."""
    if rng is not None:
        pool = sorted(pool, key=lambda piece: piece.count)
    made: list[list[Piece]] = []
    longest = 0
    for piece in pool:
        longest = max(longest, piece.count) if made else piece.count
        if not made or longest * (len(made[-1]) + 1) > budget:
            made.append([])
            longest = piece.count
        made[-1].append(piece)
    return made if rng is None else [made[i] for i in rng.permutation(len(made))]
