"""Blocks and GOPs of nano tokens ("nano/3"): the walk over a block's frames that writes, reads or adapts.

This is all that is needed to turn a GOP's bytes into tokens and back: no pixels, no network, no torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ....entropy import rangecoder as rc
from .frame import FrameTokens, Link
from .gop_structure import Place, coding_order
from .motion import code_motion
from .motion_vectors import project
from .residual import code_residual


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
        project(first.mv, 0, first.d0, first.d1, d0, 0, temporal)
        return Step(place, temporal, d0, 0, first.act, first.act)
    second = links[place.second]
    d1 = place.second - place.time
    # Follow the end that was coded later: along this very gap, its vectors are the fresher ones.
    late, prefer = (second, 0) if second.kind >= first.kind else (first, 1)
    project(late.mv, prefer, late.d0, late.d1, d0, d1, temporal)
    return Step(place, temporal, d0, d1, first.act, second.act)


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
        code_motion(
            io, buf, ctx, place.kind, s.two, s.d0, s.d1, s.temporal, part.split, part.intra, part.mv, part.alone
        )
        code_residual(io, buf, ctx, place.kind, s.act0, s.act1, part.mv, part.eight, part.q, act)
        links[place.time] = Link(part.mv, s.d0, s.d1, place.kind, act)
    return links
