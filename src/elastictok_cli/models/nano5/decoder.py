"""Pixels of a nano block: the path from tokens to frames that encoder and decoder share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .recon.colour import PAD, padded, to_rgb
from .recon.reconstruct import reconstruct_frame
from .syntax.block import FrameTokens, RefInfo, Tables
from .syntax.hierarchy import Place, coding_order

QINDEXES = 480
# Quantiser step of each kind of frame, as a factor of the block's: what more frames are copied from is coded finer.
KIND_STEP = (0.45, 0.78, 1.20, 1.60, 2.10)
# A block with an intra frame has one frame much finer than all others; with this factor its error is about that of the
# next block at the same index, where that one's search starts.
FIRST_BLOCK = 1.4
CHROMA_STEP = (1.05, 0.65)  # chroma's step over luma's: at full and at half size

Planes = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]


def base_qstep(qindex: int) -> float:
    """The ladder: step 1/2 (of 255) at index 0, a factor of two every 48 indexes (0.125 dB each)."""
    return float(2.0 ** (qindex / 48)) / 2


def frame_qsteps(qindex: int, kind: int, first: bool, half: int) -> tuple[int, int]:
    """Luma's and chroma's quantiser step of a frame, in 1/16. first: block of its GOP."""
    step = base_qstep(qindex) * KIND_STEP[kind] * (FIRST_BLOCK if first else 1) * 16
    return max(round(step), 1), max(round(step * CHROMA_STEP[half]), 1)


@dataclass
class ReferenceFrame(RefInfo):
    """A frame that others may be predicted from. planes: with PAD pixels of repeated edge around luma."""

    planes: Planes
    cache: dict[str, Any] = field(default_factory=dict)  # encoder only: interpolated phases, quarter picture

    def unpadded(self, half: int) -> Planes:
        """Views of the planes without their edges."""
        pads = PAD, PAD >> half, PAD >> half
        y, u, v = (plane[pad:-pad, pad:-pad] for plane, pad in zip(self.planes, pads, strict=True))
        return y, u, v


@dataclass
class State:
    """The past of a block: the frame before it, the tables so far. Never changed in place.

    half: whether chroma has half size; None before the first block.
    """

    height: int
    width: int
    past: ReferenceFrame | None
    tables: Tables
    half: int | None = None


def new_planes(height: int, width: int, half: int) -> Planes:
    """Planes to decode into."""
    chroma = height >> half, width >> half
    return np.zeros((height, width), np.uint8), np.zeros(chroma, np.uint8), np.zeros(chroma, np.uint8)


def finished(rec: Planes, info: RefInfo, half: int) -> ReferenceFrame:
    """A decoded and filtered frame as a reference."""
    y, u, v = rec
    planes = padded(y, PAD), padded(u, PAD >> half), padded(v, PAD >> half)
    return ReferenceFrame(info.mv, info.d0, info.d1, info.kind, info.info, planes)


def references(place: Place, refs: dict[int, ReferenceFrame], rec: Planes) -> tuple[Planes, Planes]:
    """The planes that a frame is predicted from; its own where it has none."""
    if place.first is None:
        return rec, rec
    first = refs[place.first].planes
    return first, refs[place.second].planes if place.second is not None else first


def decode_pixels(
    past: ReferenceFrame | None, parts: list[FrameTokens], infos: dict[int, RefInfo], qindex: int, half: int
) -> dict[int, ReferenceFrame]:
    """The decoder's pixels of a block, by time. infos: of its frames, by time."""
    height, width = parts[0].levels[0].shape
    refs: dict[int, ReferenceFrame] = {-1: past} if past is not None else {}
    for place in coding_order(len(parts), past is not None):
        part = parts[place.time]
        rec = new_planes(height, width, half)
        first, second = references(place, refs, rec)
        qstep, chroma_qstep = frame_qsteps(qindex, place.kind, past is None, half)
        reconstruct_frame(rec, part.levels, part.maps, half, first, second, qstep, chroma_qstep)
        refs[place.time] = finished(rec, infos[place.time], half)
    return refs


def shown(refs: dict[int, ReferenceFrame], frames: int, half: int) -> npt.NDArray[np.uint8]:
    """The frames of a block as RGB, uint8 (T, H, W, 3)."""
    height, width = refs[0].unpadded(half)[0].shape
    out = np.empty((frames, height, width, 3), np.uint8)
    for t in range(frames):
        y, u, v = refs[t].unpadded(half)
        to_rgb(y, u, v, half, out[t])
    return out
