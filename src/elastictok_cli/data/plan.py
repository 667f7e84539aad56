"""In which order samples come, and which of them make a batch: from their lengths alone, the same on every machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WINDOW = 8  # shards that are mixed with each other: no more are open at once
POOL = 256  # samples among which those of a similar length are put into a batch


@dataclass(frozen=True)
class Piece:
    """Some or all blocks of a sample: `blocks` from block `first_block` on, which are `count` ids from `start` on."""

    sample: int
    first_block: int
    blocks: int
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
    lengths: Sequence[npt.NDArray[np.int64]],
    budget: int,
    longest: int,
    seed: int,
    epoch: int,
    shuffle: bool,
) -> Iterator[list[Piece]]:
    """Batches of at most `budget` places, padding included.

    lengths: of each sample, ids of its blocks. longest: samples of more ids are cut into pieces, between blocks.
    shuffle: also the cuts, so that every epoch has pieces that begin elsewhere.
    """
    rng = np.random.Generator(np.random.Philox([seed, epoch, 1]))
    pool: list[Piece] = []
    for sample in order(shard, seed, epoch, shuffle):
        pool += pieces(int(sample), lengths[sample], longest, rng if shuffle else None)
        if len(pool) >= POOL:
            yield from _split(pool, budget, rng if shuffle else None)
            pool = []
    yield from _split(pool, budget, rng if shuffle else None)


def pieces(
    sample: int, lengths: npt.NDArray[np.int64], longest: int, rng: np.random.Generator | None = None
) -> Iterator[Piece]:
    """Cut a sample into as many whole blocks as fit into `longest` ids.

    lengths: ids of each block, none longer. rng: the first piece of a sample that is cut has a random number of blocks.
    """
    ends = np.cumsum(lengths)
    block = start = 0
    while block < len(ends):
        until = int(np.searchsorted(ends, start + longest, "right"))
        if block == 0 and rng is not None and until < len(ends):
            until = int(rng.integers(1, until + 1))
        end = int(ends[until - 1])
        if end > start:
            yield Piece(sample, block, until - block, start, end - start)
        block, start = until, end


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
