"""Frames of a source and of several .etok files made from it, matched by their times, one moment after the other."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..codec.decoder import decode_blocks
from ..codec.gop_decoder import DecodedBlock
from ..container import Reader
from ..errors import InputError
from ..models.base import TokenModel
from ..video import Source

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Shot:
    """One moment. pictures: of the source, then of every file, uint8, each at its coded size.

    blocks: the number of the block that is on the screen, per file.
    """

    pts: int
    pictures: tuple[Pixels, ...]
    blocks: tuple[int, ...]


class Matched:
    """source: opened at any size. readers, models: of the files, all in the source's time base (InputError if not)."""

    def __init__(self, source: Source, readers: Sequence[Reader], models: Sequence[TokenModel]) -> None:
        self.source, self.readers, self.models = source, readers, models
        for reader in readers:
            if reader.header.time_base != source.info.time_base:
                raise InputError(f"{reader.name}: was not made from {source.info.name}; their clocks differ")

    def shots(self) -> Generator[Shot, None, None]:
        """Every moment that the source and all files have, in order. Close it to stop early.

        Raises InputError if there is none, and what reading and decoding raise.
        """
        with ExitStack() as stack:
            files = []
            for reader, model in zip(self.readers, self.models, strict=True):
                blocks = stack.enter_context(closing(decode_blocks(reader, model, audio=False)))
                files.append(_Ahead(_frames(blocks)))
            source = _Ahead((frame.pts, frame.rgb, 0) for frame in self.source.frames())
            streams, found = (source, *files), False
            while all(stream.move() for stream in streams) and self._meet(streams):
                found = True
                yield Shot(source.pts, tuple(stream.rgb for stream in streams), tuple(stream.block for stream in files))
            if not found:
                names = ", ".join(reader.name for reader in self.readers)
                raise InputError(f"{names}: no frame has the time of one of {self.source.info.name}; is it the source?")

    @staticmethod
    def _meet(streams: Sequence[_Ahead]) -> bool:
        """Move those that lag behind on, until all stand at the same time. False if one ends before."""
        while len({stream.pts for stream in streams}) > 1:
            latest = max(stream.pts for stream in streams)
            if not all(stream.move(latest) for stream in streams):
                return False
        return True


class _Ahead:
    """A stream of (PTS, picture, block) that stands at one of its items."""

    def __init__(self, items: Iterator[tuple[int, Pixels, int]]) -> None:
        self._items = items
        self.pts, self.block = -(1 << 62), 0
        self.rgb: Pixels = np.zeros((0, 0, 3), np.uint8)

    def move(self, pts: int | None = None) -> bool:
        """To the next item, or to the first one at `pts` or later, which may be where it stands. False at the end."""
        if pts is None:
            pts = self.pts + 1
        while self.pts < pts:
            item = next(self._items, None)
            if item is None:
                return False
            self.pts, self.rgb, self.block = item
        return True


def _frames(blocks: Iterator[object]) -> Iterator[tuple[int, Pixels, int]]:
    for item in blocks:
        if isinstance(item, DecodedBlock):
            for pts, rgb in zip(item.pts, item.frames, strict=True):
                yield pts, rgb, item.index
