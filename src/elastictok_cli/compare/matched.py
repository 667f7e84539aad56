"""Frames of a source and of several .etok files made from it, matched by their times, one moment after the other."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

import numpy as np

from ..codec.decoder import decode_blocks
from ..codec.gop_decoder import DecodedBlock
from ..container import Reader
from ..errors import InputError
from ..metrics import Pixels
from ..models.base import TokenModel
from ..video import Source


@dataclass(frozen=True, eq=False, kw_only=True)
class Shot:
    """One moment. pictures: of the source, then of every file, uint8, each at its coded size.

    blocks, numbers: per file, the numbers of the block and of the frame that are on the screen.
    """

    pts: int
    pictures: tuple[Pixels, ...]
    blocks: tuple[int, ...]
    numbers: tuple[int, ...]


class Matched:
    """A source and files made from it.

    source: opened at any size, or for a range of time. readers, models: one model per file. Raises InputError if the
    time base of a file is not the source's.
    """

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
            source = _Stream((frame.pts, frame.rgb, 0, 0) for frame in self.source.frames())
            if not source.advance():
                return  # frames() raises where there is none
            files = []
            for reader, model in zip(self.readers, self.models, strict=True):
                first_gop = reader.gop_at(source.pts)
                blocks = stack.enter_context(closing(decode_blocks(reader, model, first_gop, audio=False)))
                files.append(_Stream(_frames(blocks)))
            streams, found = (source, *files), False
            going = all(stream.advance() for stream in files)
            while going and self._align(streams):
                found = True
                yield Shot(
                    pts=source.pts,
                    pictures=tuple(stream.rgb for stream in streams),
                    blocks=tuple(stream.block for stream in files),
                    numbers=tuple(stream.number for stream in files),
                )
                going = all(stream.advance() for stream in streams)
            if not found:
                names = ", ".join(reader.name for reader in self.readers)
                raise InputError(f"{names}: no frame has the time of one of {self.source.info.name}; is it the source?")

    @staticmethod
    def _align(streams: Sequence[_Stream]) -> bool:
        """Move those that lag behind forward until all stand at the same time. False if one ends before."""
        while len({stream.pts for stream in streams}) > 1:
            latest = max(stream.pts for stream in streams)
            if not all(stream.advance(latest) for stream in streams):
                return False
        return True


class _Stream:
    """Items (PTS, picture, number of the block, of the frame), and the one that it stands at."""

    def __init__(self, items: Iterator[tuple[int, Pixels, int, int]]) -> None:
        self._items = items
        self.pts, self.block, self.number = -(1 << 62), 0, 0
        self.rgb: Pixels = np.zeros((0, 0, 3), np.uint8)

    def advance(self, pts: int | None = None) -> bool:
        """Move to the next item; or to the first at `pts` or later, which may be the present one. False at the end."""
        if pts is None:
            pts = self.pts + 1
        while self.pts < pts:
            item = next(self._items, None)
            if item is None:
                return False
            self.pts, self.rgb, self.block, self.number = item
        return True


def _frames(blocks: Iterator[object]) -> Iterator[tuple[int, Pixels, int, int]]:
    for item in blocks:
        if isinstance(item, DecodedBlock):
            for i, (pts, rgb) in enumerate(zip(item.pts, item.frames, strict=True)):
                yield pts, rgb, item.index, item.first_frame + i
