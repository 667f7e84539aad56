"""Pixels of a nano block: the path from tokens to frames that encoder and decoder share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .recon.colour import PAD, planes_of, to_rgb
from .recon.loop_filter import deblock
from .recon.motion_compensation import compensate, compensate_alone
from .recon.residual import reconstruct_residual
from .syntax.frame import FrameTokens, Link
from .syntax.gop_structure import Place, coding_order

STEPS = 480
# Quantiser step of each kind of frame, as a factor of the block's: what more frames are copied from is coded finer.
KIND_STEP = (0.45, 0.78, 1.20, 1.60, 2.10)
# A block with an intra frame has one frame much finer than all others; with this factor its error is about that of the
# next block at the same index, where that one's search starts.
FIRST_BLOCK = 1.4


def base_step(index: int) -> float:
    """The ladder: step 1 (of 255) at index 0, a factor of two every 48 indexes (0.125 dB each)."""
    return float(2.0 ** (index / 48))


def frame_step(index: int, kind: int, first: bool) -> np.float32:
    """The quantiser step of a frame, rounded to 1/64 so that every machine has the same. first: block of its GOP."""
    factor = KIND_STEP[kind] * (FIRST_BLOCK if first else 1)
    return np.float32(round(base_step(index) * factor * 64) / 64)


@dataclass
class Decoded(Link):
    """A frame that others may be predicted from."""

    rgb: npt.NDArray[np.uint8]  # (h, w, 3), as shown
    planes: npt.NDArray[np.float32]  # the same rotated and padded
    cache: dict[str, Any] = field(default_factory=dict)  # encoder only: interpolated phases, small picture


@dataclass
class State:
    """The past of a block: the frame before it, the contexts so far. Never changed in place."""

    height: int
    width: int
    past: Decoded | None
    ctx: npt.NDArray[np.uint16]


def predict_frame(place: Place, links: Mapping[int, Decoded], part: FrameTokens) -> npt.NDArray[np.float32]:
    """The motion-compensated prediction, (3, h, w); zeros for an intra frame."""
    fh, fw = part.mv.shape[:2]
    out = np.zeros((3, 8 * fh, 8 * fw), np.float32)
    if place.first is not None:
        ref0 = links[place.first].planes
        ref1 = links[place.second].planes if place.second is not None else ref0
        compensate(ref0, ref1, part.mv, 0, fh + 1, out)
        compensate_alone(ref0, ref1, part.mv, part.alone, out)
    return out


def finish_frame(rec: npt.NDArray[np.float32], part: FrameTokens, link: Link, step: np.float32) -> Decoded:
    """Filter the decoded planes and round them to what is shown; later frames are predicted from exactly that."""
    deblock(rec, part.intra, part.alone, part.eight, part.q, step)
    rgb = np.empty((*rec.shape[1:], 3), np.uint8)
    to_rgb(rec, rgb)
    return Decoded(link.mv, link.d0, link.d1, link.kind, link.act, rgb, planes_of(rgb, PAD))


def decode_pixels(
    past: Decoded | None, parts: list[FrameTokens], links: dict[int, Link], step: int
) -> dict[int, Decoded]:
    """The decoder's pixels of a block, by time. links: of its frames, by time."""
    decoded: dict[int, Decoded] = {-1: past} if past is not None else {}
    for place in coding_order(len(parts), past is not None):
        part = parts[place.time]
        rec = predict_frame(place, decoded, part)
        q_step = frame_step(step, place.kind, past is None)
        reconstruct_residual(rec, part.intra, part.eight, part.q, q_step)
        decoded[place.time] = finish_frame(rec, part, links[place.time], q_step)
    return decoded
