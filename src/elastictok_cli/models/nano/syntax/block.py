"""Blocks and GOPs of nano tokens ("nano/3"): the walk over a block's frames that writes, reads or adapts.

This alone turns the bytes of a GOP into tokens and back. It needs no pixels, no network and no torch.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ....entropy.rangecoder import Coder, ContextCoder
from .frame import FrameRefs, FrameTokens, RefInfo
from .gop_structure import GopEntry, coding_order
from .motion import code_frame_motion
from .motion_vectors import MV_FIELDS, scale_temporal_mv
from .residual import code_frame_residual


def frame_refs(entry: GopEntry, refs: Mapping[int, RefInfo], height: int, width: int) -> FrameRefs:
    """Collect temporal candidates, distances and activity from the references of one frame. refs: by time."""
    temporal_mv = np.zeros((height // 8, width // 8, MV_FIELDS), np.int16)
    if entry.ref0 is None:
        none = np.zeros((height // 16, width // 16), np.uint8)
        return FrameRefs(entry.layer, False, 0, 0, temporal_mv, none, none)
    ref0 = refs[entry.ref0]
    dist0 = entry.ref0 - entry.time
    if entry.ref1 is None:
        scale_temporal_mv(ref0.mv, 0, (ref0.dist0, ref0.dist1), (dist0, 0), temporal_mv)
        return FrameRefs(entry.layer, False, dist0, 0, temporal_mv, ref0.activity, ref0.activity)
    ref1 = refs[entry.ref1]
    dist1 = entry.ref1 - entry.time
    # Follow the reference that was coded later: its vectors run along this very gap.
    late, prefer = (ref1, 0) if ref1.layer >= ref0.layer else (ref0, 1)
    scale_temporal_mv(late.mv, prefer, (late.dist0, late.dist1), (dist0, dist1), temporal_mv)
    return FrameRefs(entry.layer, True, dist0, dist1, temporal_mv, ref0.activity, ref1.activity)


def code_block(
    coder: Coder, ctx: npt.NDArray[np.uint16], reference: RefInfo | None, frames: list[FrameTokens]
) -> RefInfo:
    """Write, read or adapt over a block, by the mode of the coder. When reading, `frames` must be empty ones.

    reference: the last frame of the block before, None for the first block of a GOP. Returns the last frame of this
    block: the `reference` of the next one.
    """
    return code_frames(coder, ctx, reference, frames)[len(frames) - 1]


def code_frames(
    coder: Coder, ctx: npt.NDArray[np.uint16], reference: RefInfo | None, frames: list[FrameTokens]
) -> dict[int, RefInfo]:
    """As `code_block`; returns the reference information of all frames, by time."""
    h, w = frames[0].levels.shape[1:]
    refs: dict[int, RefInfo] = {-1: reference} if reference is not None else {}
    context_coder = ContextCoder(coder.io, coder.buf, ctx)
    for entry in coding_order(len(frames), reference is not None):
        tokens, own_refs = frames[entry.time], frame_refs(entry, refs, h, w)
        activity = np.zeros(tokens.split.shape, np.uint8)
        code_frame_motion(context_coder, own_refs, tokens)
        code_frame_residual(context_coder, own_refs, tokens, activity)
        refs[entry.time] = RefInfo(tokens.mv, own_refs.dist0, own_refs.dist1, entry.layer, activity)
    return refs
