"""The tokens of one block: every decision about its frames, their list of integers, and the cut after the first N."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import vocabulary
from .syntax.block import frame_refs
from .syntax.frame import FrameTokens, RefInfo
from .syntax.gop_structure import coding_order


@dataclass(eq=False)
class BlockTokens:
    """The tokens of one block.

    parts: the tokens of each frame, by time. reference: the last frame of the block before, None at
    the start of a GOP.
    """

    parts: list[FrameTokens]
    qindex: int
    reference: RefInfo | None
    _listed: tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint32]] | None = None

    @property
    def frames(self) -> int:
        """Frames of the block."""
        return len(self.parts)

    @property
    def values(self) -> npt.NDArray[np.uint16]:
        """uint16 (count,); vocabulary.py lists what each value means."""
        return self._list()[0]

    @property
    def places(self) -> npt.NDArray[np.uint32]:
        """uint32 (count,): ((time * 3 + plane) * CTU rows + row) * CTU columns + column."""
        return self._list()[1]

    @property
    def count(self) -> int:
        """Number of tokens."""
        return len(self._list()[0])

    def crc(self, before: int = 0) -> int:
        """CRC-32 over the qindex and every decision in canonical form, continued from `before`."""
        crc = zlib.crc32(np.array([self.qindex, self.frames], "<i4").tobytes(), before)
        for part in self.parts:
            for array in part:
                crc = zlib.crc32(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data, crc)
        return crc

    def prefix(self, count: int) -> BlockTokens:
        """The block of the first `count` tokens: fewer, where the cut would fall inside a decision."""
        parts = [part.copy() for part in self.parts]
        _list_tokens(parts, self.reference, count, np.zeros(count, np.uint16), np.zeros(count, np.uint32))
        return BlockTokens(parts, self.qindex, self.reference)

    def _list(self) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint32]]:
        if self._listed is None:
            bound = sum(
                4 * int(np.count_nonzero(p.levels)) + 5 * p.mv.shape[0] * p.mv.shape[1] + 3 * p.split.size
                for p in self.parts
            )
            values, places = np.zeros(bound, np.uint16), np.zeros(bound, np.uint32)
            n = _list_tokens(self.parts, self.reference, vocabulary.NO_BUDGET, values, places)
            self._listed = values[:n].copy(), places[:n].copy()
        return self._listed


def _list_tokens(parts: list[FrameTokens], reference: RefInfo | None, budget: int, values: Any, places: Any) -> int:
    """List the tokens of a block in order of importance; those beyond `budget` are erased from `parts`."""
    h, w = parts[0].levels.shape[1:]
    refs: dict[int, RefInfo] = {-1: reference} if reference is not None else {}
    listing = vocabulary.TokenList(values, places)
    n = 0
    for entry in coding_order(len(parts), reference is not None):
        part, own_refs = parts[entry.time], frame_refs(entry, refs, h, w)
        first_place = entry.time * 3 * part.split.size
        n, budget = vocabulary.list_motion(own_refs, part, listing, n, budget, first_place)
        n, budget = vocabulary.list_coefficients(own_refs, part, listing, n, budget, first_place)
        refs[entry.time] = RefInfo(part.mv, own_refs.dist0, own_refs.dist1, entry.layer, part.tx_8x8)
    return n
