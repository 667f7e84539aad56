"""Blocks and GOPs of nano tokens ("nano/3"): the walk over a block's frames that writes, reads or adapts.

This is all that is needed to turn a GOP's bytes into tokens and back: no pixels, no network, no torch.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import coefficient_syntax, compensate, motion_syntax, tokens
from . import rangecoder as rc
from .hierarchy import Place, coding_order

# Bytes that one block can need at most: 33 bits a coefficient, and some for motion. Bounds a damaged stream as well.
BYTES_PER_PIXEL = 14


@dataclass
class FrameTokens:
    """All decisions about one frame (arrays as in motion_syntax.py and coefficient_syntax.py)."""

    split: npt.NDArray[np.uint8]
    intra: npt.NDArray[np.int8]
    mv: npt.NDArray[np.int16]
    alone: npt.NDArray[np.uint8]
    eight: npt.NDArray[np.uint8]
    q: npt.NDArray[np.int16]

    @classmethod
    def empty(cls, height: int, width: int) -> FrameTokens:
        """Nothing decided yet. height, width: multiples of 16."""
        ph, pw = height // 16, width // 16
        return cls(
            np.zeros((ph, pw), np.uint8),
            np.full((ph, pw), -1, np.int8),
            np.zeros((2 * ph, 2 * pw, 6), np.int16),
            np.zeros((ph, pw), np.uint8),
            np.zeros((ph, pw), np.uint8),
            np.zeros((3, height, width), np.int16),
        )

    def copy(self) -> FrameTokens:
        return FrameTokens(*(a.copy() for a in self.arrays()))

    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        return self.split, self.intra, self.mv, self.alone, self.eight, self.q


@dataclass
class Link:
    """What the grammar of later frames looks at in an earlier one: vectors, their distances, kind, activity."""

    mv: npt.NDArray[np.int16]
    d0: int
    d1: int
    kind: int
    act: npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Step:
    """A place in the walk, with what its grammar needs."""

    place: Place
    temporal: npt.NDArray[np.int16]
    d0: int
    d1: int
    act0: npt.NDArray[np.uint8]
    act1: npt.NDArray[np.uint8]

    @property
    def two(self) -> bool:
        return self.d1 != 0


def step_of(place: Place, links: Mapping[int, Link], height: int, width: int) -> Step:
    """Temporal vector candidates, distances and activity of the references, for one place of the walk."""
    temporal = np.zeros((height // 8, width // 8, 6), np.int16)
    if place.first is None:
        nothing = np.zeros((height // 16, width // 16), np.uint8)
        return Step(place, temporal, 0, 0, nothing, nothing)
    first = links[place.first]
    d0 = place.first - place.time
    if place.second is None:
        compensate.project(first.mv, 0, first.d0, first.d1, d0, 0, temporal)
        return Step(place, temporal, d0, 0, first.act, first.act)
    second = links[place.second]
    d1 = place.second - place.time
    # Follow the end that was coded later: along this very gap, its vectors are the fresher ones.
    late, prefer = (second, 0) if second.kind >= first.kind else (first, 1)
    compensate.project(late.mv, prefer, late.d0, late.d1, d0, d1, temporal)
    return Step(place, temporal, d0, d1, first.act, second.act)


@dataclass(eq=False)
class BlockTokens:
    """The tokens of one block: `parts` by time. past: the frame before the block, None at the start of a GOP."""

    parts: list[FrameTokens]
    step: int
    past: Link | None
    _listed: tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint32]] | None = None

    @property
    def frames(self) -> int:
        return len(self.parts)

    @property
    def values(self) -> npt.NDArray[np.uint16]:
        """uint16 (count,), kernels/tokens.py says what each means."""
        return self._list()[0]

    @property
    def places(self) -> npt.NDArray[np.uint32]:
        """uint32 (count,): ((time * 3 + plane) * patch rows + row) * patch columns + column."""
        return self._list()[1]

    @property
    def count(self) -> int:
        return len(self._list()[0])

    def crc(self, before: int = 0) -> int:
        """CRC-32 over step and every decision, in canonical form."""
        crc = zlib.crc32(np.array([self.step, self.frames], "<i4").tobytes(), before)
        for part in self.parts:
            for a in part.arrays():
                crc = zlib.crc32(np.ascontiguousarray(a, a.dtype.newbyteorder("<")).data, crc)
        return crc

    def prefix(self, count: int) -> BlockTokens:
        """The block that only the first `count` tokens say (fewer, if the cut would fall inside a decision)."""
        parts = [part.copy() for part in self.parts]
        _walk(parts, self.past, count, np.zeros(count, np.uint16), np.zeros(count, np.uint32))
        return BlockTokens(parts, self.step, self.past)

    def _list(self) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint32]]:
        if self._listed is None:
            bound = sum(
                4 * int(np.count_nonzero(p.q)) + 5 * p.mv.shape[0] * p.mv.shape[1] + 3 * p.split.size
                for p in self.parts
            )
            values, places = np.zeros(bound, np.uint16), np.zeros(bound, np.uint32)
            n = _walk(self.parts, self.past, tokens.BIG, values, places)
            self._listed = values[:n].copy(), places[:n].copy()
        return self._listed


def _walk(parts: list[FrameTokens], past: Link | None, budget: int, values: Any, places: Any) -> int:
    """List the tokens of a block in order of importance; beyond `budget` they are erased from `parts`."""
    h, w = parts[0].q.shape[1:]
    links: dict[int, Link] = {-1: past} if past is not None else {}
    n = 0
    for place in coding_order(len(parts), past is not None):
        part, s = parts[place.time], step_of(place, links, h, w)
        first = place.time * 3 * part.split.size
        n, budget = tokens.walk_motion(
            place.kind, s.two, s.temporal, part.split, part.intra, part.mv, part.alone, budget, first, values, places, n
        )
        n, budget = tokens.walk_coefficients(place.kind, part.eight, part.q, budget, first, values, places, n)
        links[place.time] = Link(part.mv, s.d0, s.d1, place.kind, part.eight)
    return n


def code_block(coder: rc.Coder, ctx: npt.NDArray[np.uint16], past: Link | None, parts: list[FrameTokens]) -> Link:
    """Write, read or adapt over a block, by the coder's mode. When reading, `parts` must be empty ones.

    Returns the link of the block's last frame: the `past` of the next block.
    """
    links = code_block_links(coder, ctx, past, parts)
    return links[len(parts) - 1]


def code_block_links(
    coder: rc.Coder, ctx: npt.NDArray[np.uint16], past: Link | None, parts: list[FrameTokens]
) -> dict[int, Link]:
    """As `code_block`, with the links of all frames by time."""
    h, w = parts[0].q.shape[1:]
    links: dict[int, Link] = {-1: past} if past is not None else {}
    io, buf = coder
    for place in coding_order(len(parts), past is not None):
        part, s = parts[place.time], step_of(place, links, h, w)
        act = np.zeros(part.split.shape, np.uint8)
        motion_syntax.code_motion(
            io, buf, ctx, place.kind, s.two, s.d0, s.d1, s.temporal, part.split, part.intra, part.mv, part.alone
        )
        coefficient_syntax.code_residual(io, buf, ctx, place.kind, s.act0, s.act1, part.mv, part.eight, part.q, act)
        links[place.time] = Link(part.mv, s.d0, s.d1, place.kind, act)
    return links


class GopEncoder:
    """Writes the blocks of one GOP. start: context start values, uint16 (contexts.COUNT, 3)."""

    def __init__(self, start: npt.NDArray[np.uint16]) -> None:
        self._ctx = start.copy()
        self._past: Link | None = None
        self._coder: rc.Coder | None = None

    def write(self, block: BlockTokens, tile: int = 0) -> None:
        """Append one block."""
        size = block.parts[0].q.size * block.frames * BYTES_PER_PIXEL // 3 + 4096
        self._coder = rc.encoder(size) if self._coder is None else rc.with_room(self._coder, size)
        self._past = code_block(self._coder, self._ctx, self._past, block.parts)

    def __deepcopy__(self, memo: object) -> GopEncoder:
        """For `TokenEncoder.cost`: all that a block changes."""
        other = GopEncoder(self._ctx)
        other._past, other._coder = self._past, self._coder and rc.copied(self._coder)
        return other

    def finish(self) -> bytes:
        """The bytes of the GOP."""
        return rc.finish(*self._coder) if self._coder is not None else b""


class GopDecoder:
    """Reads them back. height, width: the padded frame."""

    def __init__(self, payload: bytes, start: npt.NDArray[np.uint16], height: int, width: int) -> None:
        self._ctx = start.copy()
        self._past: Link | None = None
        self._coder = rc.decoder(payload)
        self._size = height, width

    def read(self, frames: int, count: int, step: int, tile: int = 0) -> BlockTokens:
        """The next block. `count` is not needed to read it: the codec compares it with what was read."""
        parts = [FrameTokens.empty(*self._size) for _ in range(frames)]
        block = BlockTokens(parts, step, self._past)
        self._past = code_block(self._coder, self._ctx, self._past, parts)
        return block

    def ended(self) -> bool:
        """Whether the stream ends exactly here."""
        return rc.ended(*self._coder)
