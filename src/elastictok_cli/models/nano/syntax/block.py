"""Blocks and GOPs of nano tokens ("nano/5"): the walk over a block's frames that writes, reads, adapts or cuts.

This is all that is needed to turn a GOP's bytes into tokens and back: no pixels.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ....entropy import rangecoder as rc
from ....entropy.mixing import MixingCoder, mixing_coder
from .. import vocabulary
from .cells import CELL, INFO, Cells, new_cells
from .coding_tree import code_frame
from .flags import FrameContext
from .hierarchy import Place, coding_order
from .motion import project
from .step_offsets import SIDE, Offsets, count_said, new_offsets, settle_offsets

# Bytes that one block can need at most: 33 bits a level, and some for motion. Bounds a damaged stream as well.
BYTES_PER_PIXEL = 14
KIND_IMPORTANCE = (0, 12, 24, 24, 24)  # of levels in the order of tokens, by kind of frame: smaller is earlier
CLASS_START, CLASS_WIDTH, CLASSES = 240, 24, 8  # of quantiser indexes, for contexts

Levels = npt.NDArray[np.int16]  # (3, h, w); chroma of half size fills a quarter of its plane
Tables = tuple[npt.NDArray[np.uint16], npt.NDArray[np.int32]]


def quality_class(qindex: int) -> int:
    """The class of a quantiser index in contexts."""
    return min(max((qindex - CLASS_START) // CLASS_WIDTH, 0), CLASSES - 1)


@dataclass
class FrameTokens:
    """All decisions about one frame."""

    cells: Cells
    offsets: Offsets
    levels: Levels

    @classmethod
    def empty(cls, height: int, width: int) -> FrameTokens:
        """Nothing decided yet."""
        return cls(new_cells(height, width), new_offsets(height, width), np.zeros((3, height, width), np.int16))


@dataclass
class RefInfo:
    """What the syntax of later frames looks at in an earlier one: its cells, its distances, its kind."""

    cells: Cells
    d0: int
    d1: int
    kind: int


def frame_context(
    place: Place, refs: Mapping[int, RefInfo], height: int, width: int, half: int, qindex: int
) -> FrameContext:
    """What the syntax of one frame looks at outside it."""
    rows, columns = height // 8, width // 8
    temporal = np.zeros((rows, columns, 6), np.int16)
    quality = quality_class(qindex)
    if place.first is None:
        nothing = np.zeros((rows, columns, CELL), np.int16)
        return FrameContext(place.kind, False, 0, 0, half, quality, temporal, nothing, nothing)
    first = refs[place.first]
    d0 = place.first - place.time
    if place.second is None:
        project(first.cells, 0, first.d0, first.d1, d0, 0, temporal)
        return FrameContext(place.kind, False, d0, 0, half, quality, temporal, first.cells, first.cells)
    second = refs[place.second]
    d1 = place.second - place.time
    # Follow the end that was coded later: along this very gap, its vectors are the fresher ones.
    late, prefer = (second, 0) if second.kind >= first.kind else (first, 1)
    project(late.cells, prefer, late.d0, late.d1, d0, d1, temporal)
    return FrameContext(place.kind, True, d0, d1, half, quality, temporal, first.cells, second.cells)


def code_block(
    coder: MixingCoder, past: RefInfo | None, parts: list[FrameTokens], qindex: int, half: int
) -> dict[int, RefInfo]:
    """Write, read or adapt over a block, by the coder's mode; when reading, `parts` must be empty ones.

    The cells of `parts` come out in canonical form. Returns the reference information of all frames by time.
    """
    h, w = parts[0].levels.shape[1:]
    refs: dict[int, RefInfo] = {-1: past} if past is not None else {}
    for place in coding_order(len(parts), past is not None):
        part, frame = parts[place.time], frame_context(place, refs, h, w, half, qindex)
        coded, offsets = new_cells(h, w), new_offsets(h, w)
        code_frame(coder, frame, part.cells, part.offsets, coded, offsets, part.levels)
        part.cells, part.offsets = coded, offsets
        refs[place.time] = RefInfo(coded, frame.d0, frame.d1, place.kind)
    return refs


@dataclass(eq=False)
class BlockTokens:
    """The tokens of one block: `parts` by time. past: of the frame before the block, None at the start of a GOP."""

    parts: list[FrameTokens]
    qindex: int
    half: int
    past: RefInfo | None
    _listed: tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint32]] | None = None
    _count: int | None = None

    @property
    def frames(self) -> int:
        return len(self.parts)

    @property
    def values(self) -> npt.NDArray[np.uint16]:
        """uint16 (count,), vocabulary.py says what each means."""
        return self._list()[0]

    @property
    def places(self) -> npt.NDArray[np.uint32]:
        """uint32 (count,): ((time * 3 + plane) * rows + row) * columns + column, of 8x8 blocks of luma."""
        return self._list()[1]

    @property
    def count(self) -> int:
        if self._count is None:
            parts = [FrameTokens(part.cells, part.offsets, part.levels) for part in self.parts]
            n = self._structure(parts, vocabulary.BIG, np.zeros(0, np.uint16), np.zeros(0, np.uint32))
            n += sum(vocabulary.count_levels(q) for part in self.parts for q in part.levels)
            self._count = n + sum(int(count_said(part.levels, self.half, part.offsets)) for part in self.parts)
        return self._count

    def crc(self, before: int = 0) -> int:
        """CRC-32 over qindex and every decision, in canonical form."""
        crc = zlib.crc32(np.array([self.qindex, self.frames, self.half], "<i4").tobytes(), before)
        for part in self.parts:
            for a in (part.cells[..., :INFO], part.offsets, part.levels):
                crc = zlib.crc32(np.ascontiguousarray(a, a.dtype.newbyteorder("<")).data, crc)
        return crc

    def _structure(self, parts: list[FrameTokens], budget: int, values: Any, places: Any) -> int:
        """Tokens of how frames are split and predicted; beyond `budget` they and all levels are erased."""
        h, w = parts[0].levels.shape[1:]
        refs: dict[int, RefInfo] = {-1: self.past} if self.past is not None else {}
        candidates = np.zeros((8, 6), np.int64)
        n, full = 0, False
        for place in coding_order(len(parts), self.past is not None):
            said, frame = parts[place.time].cells, frame_context(place, refs, h, w, self.half, self.qindex)
            first, cells = place.time * 3 * said.shape[0] * said.shape[1], new_cells(h, w)
            limit = n if full else budget
            n, cut = vocabulary.walk_structure(frame, said, cells, candidates, limit, first, values, places, n)
            full = full or cut
            parts[place.time].cells = cells
            refs[place.time] = RefInfo(cells, frame.d0, frame.d1, place.kind)
        if full:
            for part in parts:
                part.levels[:] = 0
        return int(n)

    def _levels(self) -> tuple[npt.NDArray[Any], ...]:
        """All levels in order of importance: time, plane, position, value, block, level, offset.

        offset: of the CTU, at its first level; 0 at all others.
        """
        found = []
        kinds = {place.time: place.kind for place in coding_order(self.frames, self.past is not None)}
        for time, part in enumerate(self.parts):
            for plane, q in enumerate(part.levels):
                size = int(np.count_nonzero(q))
                if not size:
                    continue
                arrays = [np.zeros(size, np.int64) for _ in range(5)]
                n = vocabulary.collect_levels(part.cells, q, plane, self.half, *arrays)
                at, rank, value, block, level = (a[:n] for a in arrays)
                # coarse and large before fine and small; of frames that others are copied from, earlier
                order = 2 * rank - 6 * (np.abs(level) - 1) + KIND_IMPORTANCE[kinds[time]]
                found.append((order, np.full(n, time), np.full(n, plane), at, value, block, level))
        if not found:
            nothing = np.zeros(0, np.int64)
            return nothing, nothing, nothing, nothing, nothing, nothing, nothing
        joined = [np.concatenate(column) for column in zip(*found, strict=True)]
        order = np.lexsort((joined[5], joined[0]))  # by importance, then by place in the frame
        times, planes, positions, values, blocks, levels = (column[order] for column in joined[1:])
        offsets = np.stack([part.offsets for part in self.parts])
        rows, columns = np.divmod(blocks, self.parts[0].cells.shape[1])
        ctus = np.ravel_multi_index((times, rows * 8 // SIDE, columns * 8 // SIDE), offsets.shape)
        first = np.zeros(len(ctus), bool)
        first[np.unique(ctus, return_index=True)[1]] = True
        return times, planes, positions, values, blocks, levels, np.where(first, offsets.reshape(-1)[ctus], 0)

    def _list(self) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint32]]:
        if self._listed is None:
            values, places = np.zeros(self.count, np.uint16), np.zeros(self.count, np.uint32)
            parts = [FrameTokens(part.cells, part.offsets, part.levels) for part in self.parts]
            n = self._structure(parts, vocabulary.BIG, values, places)
            cells = parts[0].cells.shape[0] * parts[0].cells.shape[1]
            for time, plane, _, value, block, level, offset in zip(*self._levels(), strict=True):
                size = abs(int(level))
                place = (time * 3 + plane) * cells + block
                said = [vocabulary.OFFSET + int(offset)] if offset else []
                said.append(8 * value + min(size - 1, 3) + (4 if level > 0 else 0))
                rest = size - 4
                while rest >= 256:
                    said.append(vocabulary.DIGIT + 256 + (rest & 255))
                    rest >>= 8
                if rest >= 0:
                    said.append(vocabulary.DIGIT + rest)
                values[n : n + len(said)], places[n : n + len(said)] = said, place
                n += len(said)
            self._listed = values, places
        return self._listed

    def prefix(self, count: int) -> BlockTokens:
        """The block that only the first `count` tokens say (fewer, if the cut would fall inside a decision)."""
        parts = [FrameTokens(part.cells, part.offsets.copy(), part.levels.copy()) for part in self.parts]
        n = self._structure(parts, count, np.zeros(0, np.uint16), np.zeros(0, np.uint32))
        time, plane, at, _, _, level, offset = self._levels()
        sizes = np.array([vocabulary.tokens_of(int(s)) for s in level], np.int64) + (offset != 0)
        cut = int(np.searchsorted(np.cumsum(sizes), count - n, side="right"))
        for t, p, i in zip(time[cut:], plane[cut:], at[cut:], strict=True):
            parts[t].levels[p].reshape(-1)[i] = 0
        for place in coding_order(self.frames, self.past is not None):
            part = parts[place.time]
            settle_offsets(part.levels, self.half, place.kind, part.offsets)
        return BlockTokens(parts, self.qindex, self.half, self.past)


class GopEncoder:
    """Writes the blocks of one GOP. tables: what contexts and weights start from."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables[0].copy(), tables[1].copy()
        self._past: RefInfo | None = None
        self._coder: rc.Coder | None = None

    def write(self, block: BlockTokens, tile: int = 0) -> None:
        """Append one block."""
        size = sum(part.levels.size for part in block.parts) * BYTES_PER_PIXEL // 3 + 4096
        self._coder = rc.encoder(size) if self._coder is None else rc.with_room(self._coder, size)
        rc.code_raw(*self._coder, block.half, 1)
        parts = [FrameTokens(part.cells, part.offsets, part.levels) for part in block.parts]
        coder = mixing_coder(self._coder, *self._tables)
        self._past = code_block(coder, self._past, parts, block.qindex, block.half)[block.frames - 1]

    @property
    def bits(self) -> int:
        """Bits written so far, to within two."""
        return 0 if self._coder is None else rc.bits_written(self._coder)

    def copy(self) -> GopEncoder:
        """An independent encoder that continues from here."""
        other = GopEncoder(self._tables)
        other._past, other._coder = self._past, self._coder and rc.copied(self._coder)
        return other

    def finish(self) -> bytes:
        """The bytes of the GOP."""
        return rc.finish(*self._coder) if self._coder is not None else b""


class GopDecoder:
    """Reads them back. height, width: the padded frame."""

    def __init__(self, payload: bytes, tables: Tables, height: int, width: int) -> None:
        self._tables = tables[0].copy(), tables[1].copy()
        self._past: RefInfo | None = None
        self._half: int | None = None
        self._coder = rc.decoder(payload)
        self._size = height, width

    def read(self, frames: int, count: int, qindex: int, tile: int = 0) -> BlockTokens:
        """The next block. `count` is not needed to read it: the codec compares it with what was read."""
        half = int(rc.code_raw(*self._coder, 0, 1))
        if self._half is None:
            self._half = half  # of the whole GOP; a later block that says otherwise is damaged, which its digest shows
        parts = [FrameTokens.empty(*self._size) for _ in range(frames)]
        past = self._past
        refs = code_block(mixing_coder(self._coder, *self._tables), past, parts, qindex, self._half)
        self._past = refs[frames - 1]
        return BlockTokens(parts, qindex, self._half, past)

    def ended(self) -> bool:
        """Whether the stream ends exactly here."""
        return rc.ended(*self._coder)
