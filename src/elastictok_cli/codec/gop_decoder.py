"""One GOP back: its tokens are parsed, and shown block after block. Knows no file but for its header.

A GOP depends on nothing outside it, so it can be decoded in another process too (`DecodeJob`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..container import BlockRecord, Gop, Header, Reader, decode_gop
from ..errors import DamagedFile
from ..models.base import Frames, TokenModel
from .events import Warned
from .picture import Picture


@dataclass(frozen=True, eq=False)
class DecodedBlock:
    """One block as it is shown. frames: uint8 (T, height, width, 3) at the coded size. pts: one per frame.

    index: of the block in the file, counted over the GOPs that are there. tokens: per tile.
    """

    index: int
    gop: int
    first_frame: int
    pts: tuple[int, ...]
    record: BlockRecord
    tokens: tuple[Any, ...]
    frames: Frames


@dataclass(frozen=True, eq=False)
class ParsedBlock:
    """A block's tokens, before any pixel."""

    gop: int
    number: int  # in the GOP; 0 starts afresh
    first_frame: int
    pts: tuple[int, ...]
    record: BlockRecord
    tokens: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class GopTask:
    """What there is to know of a GOP to decode it anywhere. where: for messages. index: of its first block."""

    gop: Gop
    number: int
    index: int
    where: str
    recover: bool

    @classmethod
    def of(cls, reader: Reader, number: int, gop: Gop, index: int = 0) -> GopTask:
        return cls(gop, number, index, f"{reader.name}: {reader.gop_name(number)}", reader.recover)


def parse_gop(task: GopTask, header: Header, tables: Any) -> Iterator[ParsedBlock | Warned]:
    try:
        yield from _parse_blocks(task.gop, task.number, header, tables, task.where)
    except DamagedFile as error:
        if not task.recover:
            raise
        yield Warned(f"{error}; shown as far as it could be read")


def _parse_blocks(gop: Gop, number: int, header: Header, tables: Any, where: str) -> Iterator[ParsedBlock]:
    first = 0
    for i, (block, tokens) in enumerate(zip(gop.blocks, decode_gop(gop, header, tables, where), strict=True)):
        pts = tuple(gop.pts[first : first + block.frames].tolist())
        yield ParsedBlock(number, i, gop.first_frame + first, pts, block, tokens)
        first += block.frames


class Pictures:
    """Pixels of parsed blocks, each from the state that the block before left."""

    def __init__(self, header: Header, model: TokenModel) -> None:
        self.picture, self.model = Picture(header), model
        self.states: list[Any] = []
        self.last: tuple[Any, ...] = ()

    def show(self, block: ParsedBlock, index: int) -> DecodedBlock:
        """index: of the block in the file."""
        picture, model = self.picture, self.model
        if block.number == 0:
            self.states = [model.start(*picture.tile) for _ in range(picture.tiles)]
        else:  # only now, so that nobody waits for it at the end of a GOP
            self.states = [model.advance(state, t) for state, t in zip(self.states, self.last, strict=True)]
        self.last = block.tokens
        shown = [model.reconstruct(state, t) for state, t in zip(self.states, block.tokens, strict=True)]
        frames = picture.join(shown)
        return DecodedBlock(index, block.gop, block.first_frame, block.pts, block.record, block.tokens, frames)


@dataclass(frozen=True)
class DecodeJob:
    """Decodes GOPs in another process; see `jobs.Job`. Sends every block, without its tokens."""

    header: Header
    model: TokenModel

    def run(self, parts: Iterable[Any], threads: Callable[[], int], send: Callable[[Any], None]) -> None:
        """parts: one `GopTask`."""
        (task,) = parts
        pictures, index = Pictures(self.header, self.model), task.index
        for item in parse_gop(task, self.header, self.model.tables):
            if isinstance(item, ParsedBlock):
                send(replace(pictures.show(item, index), tokens=()))
                index += 1
            else:
                send(item)
