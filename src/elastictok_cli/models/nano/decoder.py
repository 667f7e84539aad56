"""The pixels of a block: the path from tokens to frames that encoder and decoder share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .recon.colour import PAD, planes_of, to_rgb
from .recon.loop_filter import loop_filter
from .recon.motion_compensation import compensate, replace_no_obmc
from .recon.residual import reconstruct_residual
from .syntax.frame import FrameTokens, RefInfo
from .syntax.gop_structure import GopEntry, coding_order

NUM_QINDEX = 480
# The qstep of a frame by temporal layer, as a factor of the block's: the more frames refer to it, the finer it is.
LAYER_QSTEP_FACTOR = (0.45, 0.78, 1.20, 1.60, 2.10)
# One frame of a GOP's first block, the intra frame, is much finer than all others. With this factor on all frames, the
# error of the block is about that of the next block at the same qindex, where the search of the next block starts.
FIRST_BLOCK_QSTEP_FACTOR = 1.4


def base_qstep(qindex: int) -> float:
    """The qstep of a qindex: 1 (in 8-bit levels) at index 0, twice as much every 48 indexes, 0.125 dB each."""
    return float(2.0 ** (qindex / 48))


def frame_qstep(qindex: int, layer: int, first_block: bool) -> np.float32:
    """The qstep of a frame of this temporal layer, rounded to 1/64: the same on every machine.

    first_block: the frame belongs to the first block of its GOP.
    """
    factor = LAYER_QSTEP_FACTOR[layer] * (FIRST_BLOCK_QSTEP_FACTOR if first_block else 1)
    return np.float32(round(base_qstep(qindex) * factor * 64) / 64)


@dataclass
class ReferenceFrame(RefInfo):
    """A decoded frame that others may be predicted from.

    rgb: uint8 (height, width, 3), as shown. planes: float32, the planes of `rgb`, padded. cache: what the encoder
    derives from it.
    """

    rgb: npt.NDArray[np.uint8]
    planes: npt.NDArray[np.float32]
    cache: dict[str, Any] = field(default_factory=dict)


@dataclass
class State:
    """What a block depends on: the last frame before it, and the contexts so far. Never changed in place."""

    height: int
    width: int
    reference: ReferenceFrame | None
    ctx: npt.NDArray[np.uint16]


def predict_frame(entry: GopEntry, refs: Mapping[int, ReferenceFrame], tokens: FrameTokens) -> npt.NDArray[np.float32]:
    """The inter prediction of a frame, float32 (3, height, width); zeros for an intra frame. refs: by time."""
    out = np.zeros(tokens.levels.shape, np.float32)
    if entry.ref0 is not None:
        planes0 = refs[entry.ref0].planes
        planes1 = refs[entry.ref1].planes if entry.ref1 is not None else planes0
        compensate(planes0, planes1, tokens.mv, out)
        replace_no_obmc(planes0, planes1, tokens.mv, tokens.no_obmc, out)
    return out


def finish_frame(rec: npt.NDArray[np.float32], tokens: FrameTokens, info: RefInfo, qstep: np.float32) -> ReferenceFrame:
    """Filter the decoded planes and round them to the RGB that is shown, from which later frames are predicted."""
    loop_filter(rec, tokens, qstep)
    rgb = np.empty((*rec.shape[1:], 3), np.uint8)
    to_rgb(rec, rgb)
    return ReferenceFrame(info.mv, info.dist0, info.dist1, info.layer, info.activity, rgb, planes_of(rgb, PAD))


def decode_frames(
    reference: ReferenceFrame | None, parts: list[FrameTokens], infos: dict[int, RefInfo], qindex: int
) -> dict[int, ReferenceFrame]:
    """Decode the pixels of a block. Returns its frames, by time. infos: from `code_frames`, by time."""
    decoded: dict[int, ReferenceFrame] = {-1: reference} if reference is not None else {}
    for entry in coding_order(len(parts), reference is not None):
        tokens = parts[entry.time]
        rec = predict_frame(entry, decoded, tokens)
        qstep = frame_qstep(qindex, entry.layer, reference is None)
        reconstruct_residual(rec, tokens, qstep)
        decoded[entry.time] = finish_frame(rec, tokens, infos[entry.time], qstep)
    return decoded
