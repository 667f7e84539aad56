"""The tokens of one block: every decision about its frames, their list of integers, and the cut after the first N."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import vocabulary
from .syntax.block import step_of
from .syntax.frame import FrameTokens, Link
from .syntax.gop_structure import coding_order


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
            n = _walk(self.parts, self.past, vocabulary.BIG, values, places)
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
        n, budget = vocabulary.walk_motion(
            place.kind, s.two, s.temporal, part.split, part.intra, part.mv, part.alone, budget, first, values, places, n
        )
        n, budget = vocabulary.walk_coefficients(place.kind, part.eight, part.q, budget, first, values, places, n)
        links[place.time] = Link(part.mv, s.d0, s.d1, place.kind, part.eight)
    return n
