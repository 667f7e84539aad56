"""Pixels of a nano block: the path from tokens to frames that encoder and decoder share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .recon.colour import PAD, padded, to_rgb, unpadded
from .recon.reconstruct import reconstruct_frame
from .syntax.block import FrameTokens, RefInfo, Tables
from .syntax.hierarchy import Place, coding_order
from .syntax.step_offsets import MOST, PER_OCTAVE

STEP_TO_ERROR = 6.7  # quantiser step over root of the mean squared error
QINDEXES = 480
# Quantiser step of each kind of frame, as a factor of the block's: what more frames are copied from is coded finer.
KIND_STEP = (0.45, 0.78, 1.20, 1.60, 2.10)
# A block with an intra frame has one frame much finer than all others; with this factor its error is about that of the
# next block at the same index, where that one's search starts.
FIRST_BLOCK = 1.4
CHROMA_STEP = (1.05, 0.65)  # chroma's step over luma's: at full and at half size

Planes = npt.NDArray[np.uint8]  # (3, h, w); chroma of half size fills a quarter of its plane


def base_qstep(qindex: int) -> float:
    """The ladder: step 1/2 (of 255) at index 0, a factor of two every 48 indexes (0.125 dB each)."""
    return float(2.0 ** (qindex / 48)) / 2


def frame_qsteps(qindex: int, kind: int, first: bool, half: int) -> npt.NDArray[np.int64]:
    """The quantiser steps of a frame's planes by offset, in 1/16: int64 (2 * MOST + 1, 3). first: block of its GOP."""
    step = base_qstep(qindex) * KIND_STEP[kind] * (FIRST_BLOCK if first else 1) * 16
    out = np.empty((2 * MOST + 1, 3), np.int64)
    for offset in range(-MOST, MOST + 1):
        now = step * 2.0 ** (offset / PER_OCTAVE)
        out[offset + MOST] = max(round(now), 1), *[max(round(now * CHROMA_STEP[half]), 1)] * 2
    return out


@dataclass
class ReferenceFrame(RefInfo):
    """A frame that others may be predicted from."""

    planes: Planes  # with PAD pixels of repeated edge around luma, PAD >> half around chroma
    cache: dict[str, Any] = field(default_factory=dict)  # encoder only: interpolated phases

    @property
    def luma(self) -> npt.NDArray[np.uint8]:
        """Without its edges."""
        return self.planes[0, PAD:-PAD, PAD:-PAD]


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


def finished(rec: Planes, info: RefInfo, half: int) -> ReferenceFrame:
    """A decoded and filtered frame as a reference."""
    return ReferenceFrame(info.cells, info.d0, info.d1, info.kind, padded(rec, half))


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
    shape = parts[0].levels.shape
    refs: dict[int, ReferenceFrame] = {-1: past} if past is not None else {}
    for place in coding_order(len(parts), past is not None):
        part = parts[place.time]
        rec = np.zeros(shape, np.uint8)
        first, second = references(place, refs, rec)
        qsteps = frame_qsteps(qindex, place.kind, past is None, half)
        reconstruct_frame(rec, part.levels, part.cells, part.offsets, half, first, second, qsteps)
        refs[place.time] = finished(rec, infos[place.time], half)
    return refs


def shown(refs: dict[int, ReferenceFrame], frames: int, half: int) -> npt.NDArray[np.uint8]:
    """The frames of a block as RGB, uint8 (T, H, W, 3)."""
    out = np.empty((frames, *refs[0].luma.shape, 3), np.uint8)
    planes = np.empty((3, *refs[0].luma.shape), np.uint8)
    for t in range(frames):
        unpadded(refs[t].planes, half, planes)
        to_rgb(planes, half, out[t])
    return out
