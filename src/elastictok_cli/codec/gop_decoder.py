"""Decode one GOP: parse its tokens, and reconstruct block after block.

A GOP depends on nothing outside it but the file's header. So it can be decoded in another process too (`DecodeJob`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..container import BlockRecord, Gop, Header, Reader, decode_gop
from ..errors import DamagedFile
from ..models.base import Frames, State, TokenModel
from ..stages import ENTROPY_CODING, MODEL, OTHER, stage
from .events import Warned
from .tiling import Tiling


@dataclass(frozen=True, eq=False, kw_only=True)
class DecodedBlock:
    """One block as it is shown.

    index: of the block in the file; a file that is being recovered counts only the GOPs that it has. pts: one per
    frame. tokens: per tile; empty if the block comes from another process. frames: uint8 (T, height, width, 3) at the
    coded size.
    """

    index: int
    gop: int
    first_frame: int
    pts: tuple[int, ...]
    record: BlockRecord
    tokens: tuple[Any, ...]
    frames: Frames


@dataclass(frozen=True, eq=False, kw_only=True)
class ParsedBlock:
    """The tokens of one block, per tile. number: of the block in its GOP, from 0."""

    gop: int
    number: int
    first_frame: int
    pts: tuple[int, ...]
    record: BlockRecord
    tokens: tuple[Any, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class GopTask:
    """All that is needed to decode a GOP anywhere.

    number: of the GOP in the file. index: of its first block in the file. where: its place, for messages. recover:
    damage is a warning, and the blocks before it are shown.
    """

    gop: Gop
    number: int
    index: int
    where: str
    recover: bool

    @classmethod
    def of(cls, reader: Reader, number: int, gop: Gop, index: int = 0) -> GopTask:
        """Make the task for a GOP of a file."""
        where = f"{reader.name}: {reader.gop_name(number)}"
        return cls(gop=gop, number=number, index=index, where=where, recover=reader.recover)


def parse_gop(task: GopTask, header: Header, tables: Any) -> Iterator[ParsedBlock | Warned]:
    """Parse the tokens of a GOP, block after block. tables: of the model (`TokenModel.tables`).

    Raises DamagedFile where the tokens are not those that were written; yields a warning instead if `task.recover`.
    """
    blocks = iter(decode_gop(task.gop, header, tables, task.where))
    first = 0
    try:
        for number, record in enumerate(task.gop.blocks):
            with stage(ENTROPY_CODING):
                tokens = next(blocks)
            yield ParsedBlock(
                gop=task.number,
                number=number,
                first_frame=task.gop.first_frame + first,
                pts=tuple(task.gop.pts[first : first + record.frames].tolist()),
                record=record,
                tokens=tokens,
            )
            first += record.frames
        with stage(ENTROPY_CODING):
            next(blocks, None)  # the digest of all tokens is checked behind the last block
    except DamagedFile as error:
        if not task.recover:
            raise
        yield Warned(text=f"{error}; shown as far as it could be read")


class GopDecoder:
    """Reconstructs parsed blocks, each from the state that the block before it left."""

    def __init__(self, header: Header, model: TokenModel) -> None:
        self.tiling, self.model = Tiling(header), model
        self.states: list[State] = []  # per tile
        self.previous: tuple[Any, ...] = ()  # tokens of the block before, per tile

    def decode(self, block: ParsedBlock, index: int) -> DecodedBlock:
        """Decode the next block. index: of the block in the file."""
        model = self.model
        with stage(MODEL):
            if block.number == 0:
                self.states = [model.start(*self.tiling.tile) for _ in range(self.tiling.tiles)]
            else:  # only now: behind the last block of a GOP nobody needs it
                self.states = model.advance_many(self.states, self.previous, [None] * len(self.states))
            self.previous = block.tokens
            tiles = model.reconstruct_many(self.states, block.tokens)
        with stage(OTHER):
            frames = self.tiling.join(tiles, model)
        return DecodedBlock(
            index=index,
            gop=block.gop,
            first_frame=block.first_frame,
            pts=block.pts,
            record=block.record,
            tokens=block.tokens,
            frames=frames,
        )


@dataclass(frozen=True)
class DecodeJob:
    """Decodes GOPs in another process (`workers.Job`). Sends each block without its tokens."""

    header: Header
    model: TokenModel

    def run(self, parts: Iterable[Any], threads: Callable[[], int], send: Callable[[Any], None]) -> None:
        """Decode one GOP. parts: one `GopTask`."""
        (task,) = parts
        decoder, index = GopDecoder(self.header, self.model), task.index
        for item in parse_gop(task, self.header, self.model.tables):
            if isinstance(item, ParsedBlock):
                send(replace(decoder.decode(item, index), tokens=()))
                index += 1
            else:
                send(item)
