"""Batches of tokens from shards, as numpy arrays. Never torch."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from itertools import count, islice
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import DamagedFile, UsageError
from .plan import WINDOW, Piece, batches
from .sequence import STRUCTURE
from .shards import Index, read_index

Batch = dict[str, Any]


class TokenBatches:
    """All clips of a folder of shards, epoch after epoch, in batches of variable length.

    A batch is a dict of arrays. A row is a clip, or whole blocks of a long one; its ids are those of `Vocabulary`:

    tokens: int32 (rows, longest), ids; or int8 (rows, longest, channels) for a model whose token is a small vector.
    mask: bool (rows, longest), true where there is an id. Elsewhere stands `vocabulary.padding`, never a code.
    lengths: int64 (rows,), ids of each row.
    block_ids: int32 (rows, longest), the block that an id belongs to, counted from the start of the clip.
    tile_ids: int32, its tile within the block. frame_ids: int32, the first frame of the block, counted likewise.
    positions: int32, the place of the id in its tile: 0 for begin_block, then the codes, then end_block; 0 for the
        first token where there are no special ids. These four are 0 under begin_clip and padding.
    samples, starts: int64 (rows,), which sample a row is of, and from which of its ids on.
    state: {"epoch", "batch"}: give it as `state` to go on behind this batch.

    folder: with index.json. tokens_per_batch: places in a batch, padding included. longest: the most ids in a row;
    longer clips come in pieces, cut between blocks (default: what fills a batch). seed, shuffle: equal ones give equal
    batches in equal order, with any number of workers. epochs: None for ever. rank, world: this process takes every
    `world`-th batch; every process gets the same number of them.

    Raises InputError or DamagedFile for a folder that `pack` has not written or that has changed since, UsageError for
    values that cannot be meant, or a block that does not fit into `longest`.
    """

    def __init__(  # noqa: PLR0913  (each is an option of its own)
        self,
        folder: str | os.PathLike[str],
        *,
        tokens_per_batch: int = 1 << 16,
        longest: int | None = None,
        seed: int = 0,
        shuffle: bool = True,
        epochs: int | None = 1,
        rank: int = 0,
        world: int = 1,
        state: Mapping[str, int] | None = None,
    ) -> None:
        longest = tokens_per_batch if longest is None else longest
        if tokens_per_batch < 1 or not 1 <= longest <= tokens_per_batch:
            raise UsageError(f"{tokens_per_batch} tokens a batch cannot hold {longest} of a sample")
        if not 0 <= rank < world:
            raise UsageError(f"rank {rank} of {world}: must be 0 to {world - 1}")
        self.index: Index = read_index(folder)
        self.budget, self.longest, self.seed, self.shuffle = tokens_per_batch, longest, seed, shuffle
        self.epochs, self.rank, self.world = epochs, rank, world
        self.state = dict(state or {"epoch": 0, "batch": 0})
        self.vocabulary = self.index.vocabulary
        self._lengths = [self.vocabulary.lengths(self.index.counts_of(sample)) for sample in range(len(self.index))]
        block = max((int(each.max(initial=0)) for each in self._lengths), default=0)
        if block > longest:
            raise UsageError(f"{folder}: a block has {block:,} ids; `longest` {longest:,} must be as many or more")

    def __iter__(self) -> Iterator[Batch]:
        return self.of_worker(0, 1)

    def of_worker(self, worker: int, workers: int) -> Iterator[Batch]:
        """Every `workers`-th of this process's batches, from number `worker` on: taken in turns, the order is kept."""
        with _Shards(self.index) as shards:
            for epoch, number, pieces in islice(self._planned(), worker, None, workers):
                yield self._batch(shards, pieces, epoch, number)

    def _planned(self) -> Iterator[tuple[int, int, list[Piece]]]:
        """Epoch, number in it and pieces of this process's batches, from its state on."""
        begin, first = self.state["epoch"], self.state["batch"]
        for epoch in count(begin) if self.epochs is None else range(begin, self.epochs):
            number = -1
            for number, pieces in islice(self._own(epoch), first, None):
                yield epoch, number, pieces
            if self.epochs is None and first == 0 and number < 0:  # nor would the next one have any
                raise UsageError(
                    f"{self.index.folder}: an epoch has no batch for each of {self.world} processes; "
                    "fewer tokens a batch make more batches"
                )
            first = 0

    def _own(self, epoch: int) -> Iterator[tuple[int, list[Piece]]]:
        """Batches of this process, with their number; the last few are left out where not every process has one."""
        shard = self.index.samples["shard"]
        all_of = batches(shard, self._lengths, self.budget, self.longest, self.seed, epoch, self.shuffle)
        number = 0
        while len(group := list(islice(all_of, self.world))) == self.world:
            yield number, group[self.rank]
            number += 1

    def _batch(self, shards: _Shards, pieces: list[Piece], epoch: int, number: int) -> Batch:
        lengths = np.array([piece.count for piece in pieces], np.int64)
        longest = int(lengths.max())
        said, vocabulary = self.index.said, self.vocabulary
        shape = (len(pieces), longest)
        vectors = (said["channels"],) if not vocabulary.codes else ()
        tokens = np.full((*shape, *vectors), vocabulary.padding, np.int32 if vocabulary.codes else np.int8)
        batch: Batch = {"tokens": tokens, "mask": np.arange(longest) < lengths[:, None], "lengths": lengths}
        batch |= {name: np.zeros(shape, np.int32) for name in STRUCTURE}
        for row, piece in enumerate(pieces):
            tokens[row, : piece.count] = shards.ids(piece)
            counts = self.index.counts_of(piece.sample)[piece.first_block : piece.first_block + piece.blocks]
            out = {name: batch[name][row, : piece.count] for name in STRUCTURE}
            vocabulary.structure(counts, piece.first_block, said["block_frames"], out)
        batch["samples"] = np.array([piece.sample for piece in pieces], np.int64)
        batch["starts"] = np.array([piece.start for piece in pieces], np.int64)
        batch["state"] = {"epoch": epoch, "batch": number + 1}
        return batch

    def described(self, sample: int) -> dict[str, Any]:
        """The JSON of a sample: its key, counts by block and tile, errors, times (docs/tokens.md)."""
        with _Shards(self.index) as shards:
            return shards.said(sample)


class _Shards:
    """The open files of a reader, at most WINDOW."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.dtype = np.dtype(index.said["dtype"]).newbyteorder("<")
        self.channels = int(index.said["channels"])
        self._open: OrderedDict[int, BinaryIO] = OrderedDict()

    def ids(self, piece: Piece) -> npt.NDArray[Any]:
        """(count,), or (count, channels) for tokens that are vectors."""
        item = self.dtype.itemsize * self.channels
        at = int(self.index.samples["ids"][piece.sample]) + item * piece.start
        found = np.frombuffer(self._read(piece.sample, at, item * piece.count), self.dtype)
        return found if self.index.vocabulary.codes else found.reshape(-1, self.channels)

    def said(self, sample: int) -> dict[str, Any]:
        """The sample's JSON."""
        samples = self.index.samples
        at, size = int(samples["json"][sample]), int(samples["json_bytes"][sample])
        found: dict[str, Any] = json.loads(self._read(sample, at, size))
        return found

    def _read(self, sample: int, at: int, size: int) -> bytes:
        shard = int(self.index.samples["shard"][sample])
        if shard not in self._open:
            if len(self._open) >= WINDOW:
                self._open.popitem(last=False)[1].close()
            self._open[shard] = open(self.index.folder / self.index.names[shard], "rb", buffering=0)  # noqa: SIM115
        file = self._open[shard]
        self._open.move_to_end(shard)
        file.seek(at)
        data = file.read(size)
        if len(data) != size:
            raise DamagedFile(f"{self.index.folder / self.index.names[shard]}: became shorter while it was read")
        return data

    def __enter__(self) -> _Shards:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._open.values():
            file.close()
