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
from .shards import Index, read_index

Batch = dict[str, Any]


class TokenBatches:
    """All samples of a folder of shards, epoch after epoch, in batches of variable length.

    A batch is a dict: `tokens` int32 (n, longest) or int8 (n, longest, channels), `places` int64 (n, longest) where the
    model has them, `mask` bool (n, longest), true where there is a token, `lengths` int64 (n,), `samples` and `starts`
    int64 (n,): which sample a row is of, from which token on. `state`: give it as `state` to go on behind this batch.

    tokens_per_batch: places in a batch, padding included. longest: samples of more tokens come in pieces (default:
    that fills a batch). seed, shuffle: equal ones give equal batches in equal order, with any number of workers.
    epochs: None for ever. rank, world: this process takes every `world`-th batch; every process gets the same number of
    them. pad: what stands where the mask is false.
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
        pad: int = 0,
        state: Mapping[str, int] | None = None,
    ) -> None:
        longest = tokens_per_batch if longest is None else longest
        if tokens_per_batch < 1 or not 1 <= longest <= tokens_per_batch:
            raise UsageError(f"{tokens_per_batch} tokens a batch cannot hold {longest} of a sample")
        if not 0 <= rank < world:
            raise UsageError(f"rank {rank} of {world}: must be 0 to {world - 1}")
        self.index: Index = read_index(folder)
        self.budget, self.longest, self.seed, self.shuffle = tokens_per_batch, longest, seed, shuffle
        self.epochs, self.rank, self.world, self.pad = epochs, rank, world, pad
        self.state = dict(state or {"epoch": 0, "batch": 0})

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
        samples = self.index.samples
        all_of = batches(samples["shard"], samples["tokens"], self.budget, self.longest, self.seed, epoch, self.shuffle)
        number = 0
        while len(group := list(islice(all_of, self.world))) == self.world:
            yield number, group[self.rank]
            number += 1

    def _batch(self, shards: _Shards, pieces: list[Piece], epoch: int, number: int) -> Batch:
        lengths = np.array([piece.count for piece in pieces], np.int64)
        longest = int(lengths.max())
        said = self.index.said
        shape = (len(pieces), longest, *((said["channels"],) if said["channels"] > 1 else ()))
        tokens = np.full(shape, self.pad, np.int8 if said["dtype"] == "int8" else np.int32)
        batch: Batch = {"tokens": tokens, "mask": np.arange(longest) < lengths[:, None], "lengths": lengths}
        if said["places"]:
            batch["places"] = np.zeros((len(pieces), longest), np.int64)
        for row, piece in enumerate(pieces):
            tokens[row, : piece.count] = shards.values(piece)
            if said["places"]:
                batch["places"][row, : piece.count] = shards.places(piece)
        batch["samples"] = np.array([piece.sample for piece in pieces], np.int64)
        batch["starts"] = np.array([piece.start for piece in pieces], np.int64)
        batch["state"] = {"epoch": epoch, "batch": number + 1}
        return batch

    def described(self, sample: int) -> dict[str, Any]:
        """The JSON of a sample: its key, counts by block and tile, steps, errors, times."""
        with _Shards(self.index) as shards:
            return shards.said(sample)


class _Shards:
    """The open files of a reader, at most WINDOW."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.dtype = np.dtype(index.said["dtype"]).newbyteorder("<")
        self.channels = int(index.said["channels"])
        self._open: OrderedDict[int, BinaryIO] = OrderedDict()

    def values(self, piece: Piece) -> npt.NDArray[Any]:
        """(count,) or (count, channels)."""
        found = self._numbers("values", piece, self.dtype, self.channels)
        return found.reshape(-1, self.channels) if self.channels > 1 else found

    def places(self, piece: Piece) -> npt.NDArray[Any]:
        """(count,)."""
        return self._numbers("places", piece, np.dtype("<u4"), 1)

    def said(self, sample: int) -> dict[str, Any]:
        """The sample's JSON."""
        samples = self.index.samples
        at, size = int(samples["json"][sample]), int(samples["json_bytes"][sample])
        found: dict[str, Any] = json.loads(self._read(sample, at, size))
        return found

    def _numbers(self, name: str, piece: Piece, dtype: np.dtype[Any], each: int) -> npt.NDArray[Any]:
        item = dtype.itemsize * each
        at = int(self.index.samples[name][piece.sample]) + item * piece.start
        return np.frombuffer(self._read(piece.sample, at, item * piece.count), dtype)

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
