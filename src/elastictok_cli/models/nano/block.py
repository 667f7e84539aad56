"""One block of nano: the decisions about its frames, and the walk over them that encoder and decoder share."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ...kernels import compensate as mc
from ...kernels import rangecoder as rc
from ...kernels import syntax
from ...kernels.colour import PAD, planes_of, to_rgb
from ...kernels.residual import reconstruct_residual
from .hierarchy import Place, coding_order

STEPS = 384
# Quantiser step of each kind of frame, as a factor of the block's: what more frames are copied from is coded finer.
KIND_STEP = (0.80, 0.92, 1.15, 1.35, 1.50)


def base_step(index: int) -> float:
    """The ladder: step 1 (of 255) at index 0, a factor of two every 48 indexes (0.125 dB each)."""
    return float(2.0 ** (index / 48))


def frame_step(index: int, kind: int) -> np.float32:
    """The quantiser step of a frame, rounded to 1/64 so that every machine has the same."""
    return np.float32(round(base_step(index) * KIND_STEP[kind] * 64) / 64)


@dataclass
class FrameTokens:
    """What is said about one frame (arrays as in kernels/syntax.py)."""

    split: npt.NDArray[np.uint8]
    intra: npt.NDArray[np.int8]
    mv: npt.NDArray[np.int16]
    eight: npt.NDArray[np.uint8]
    q: npt.NDArray[np.int16]

    @classmethod
    def empty(cls, height: int, width: int, kind: int) -> FrameTokens:
        ph, pw = height // 16, width // 16
        return cls(
            np.zeros((ph, pw), np.uint8),
            np.full((ph, pw), 0 if kind == 0 else -1, np.int8),
            np.zeros((2 * ph, 2 * pw, 6), np.int16),
            np.zeros((ph, pw), np.uint8),
            np.zeros((3, height, width), np.int16),
        )


@dataclass
class Decoded:
    """A frame that others may be predicted from."""

    rgb: npt.NDArray[np.uint8]
    planes: npt.NDArray[np.float32]  # padded
    mv: npt.NDArray[np.int16]
    d0: int
    d1: int
    kind: int
    act: npt.NDArray[np.uint8]
    cache: dict[str, Any] = field(default_factory=dict)  # encoder only: interpolated phases, small picture


@dataclass
class State:
    """The past of a block: the frame before it, the contexts so far. Never changed in place."""

    height: int
    width: int
    past: Decoded | None
    ctx: npt.NDArray[np.uint16]


def code_block(
    coder: rc.Coder, ctx: npt.NDArray[np.uint16], past: Decoded | None, frames: list[FrameTokens]
) -> list[npt.NDArray[np.uint8]]:
    """Write, read or adapt over a whole block. frames: by time; when decoding empty ones, filled here.

    Returns each frame's activity map (by time). Uses nothing of `past` but its vectors and activity.
    """
    h, w = frames[0].q.shape[1:]
    links: dict[int, Decoded] = {-1: past} if past is not None else {}
    acts: list[npt.NDArray[np.uint8]] = [np.zeros((h // 16, w // 16), np.uint8) for _ in frames]
    nothing = np.zeros((0, 0), np.uint8)
    for place in coding_order(len(frames), past is not None):
        f = frames[place.time]
        temporal, d0, d1 = temporal_candidates(place, links, f.mv.shape)
        syntax.code_motion(coder.io, coder.buf, ctx, place.kind, d1 != 0, d0, d1, temporal, f.split, f.intra, f.mv)
        act0 = links[place.first].act if place.first is not None else acts[place.time]
        act1 = links[place.second].act if place.second is not None else act0
        syntax.code_residual(
            coder.io, coder.buf, ctx, place.kind, act0, act1, f.mv, f.eight, f.q, acts[place.time]
        )
        links[place.time] = Decoded(nothing, nothing, f.mv, d0, d1, place.kind, acts[place.time])
    return acts


def temporal_candidates(
    place: Place, links: dict[int, Decoded], shape: tuple[int, ...]
) -> tuple[npt.NDArray[np.int16], int, int]:
    """The temporal vector candidates of a frame, and the distances to its references."""
    out = np.zeros(shape, np.int16)
    if place.first is None:
        return out, 0, 0
    d0 = place.first - place.time
    if place.second is None:
        source = links[place.first]
        if source.d0:
            mc.project(source.mv, 0, source.d0, source.d1, d0, 0, out)
        return out, d0, 0
    d1 = place.second - place.time
    # Follow the end that was coded later: it lies in between what the other end knows, along this very gap.
    late, prefer = (links[place.second], 0) if links[place.second].kind >= links[place.first].kind else (
        links[place.first], 1)  # fmt: skip
    mc.project(late.mv, prefer, late.d0, late.d1, d0, d1, out)
    return out, d0, d1


def predict_frame(place: Place, links: dict[int, Decoded], mv: npt.NDArray[np.int16]) -> npt.NDArray[np.float32]:
    """The motion-compensated prediction, (3, h, w); zeros for an intra frame."""
    fh, fw = mv.shape[:2]
    out = np.zeros((3, 8 * fh, 8 * fw), np.float32)
    if place.first is not None:
        ref0 = links[place.first].planes
        ref1 = links[place.second].planes if place.second is not None else ref0
        mc.compensate(ref0, ref1, mv, 0, fh + 1, out)
    return out


def finish_frame(
    rec: npt.NDArray[np.float32], f: FrameTokens, place: Place, d0: int, d1: int, act: npt.NDArray[np.uint8]
) -> Decoded:
    """Round the decoded planes to what is shown, which is also what later frames are predicted from."""
    rgb = np.empty((*rec.shape[1:], 3), np.uint8)
    to_rgb(rec, rgb)
    return Decoded(rgb, planes_of(rgb, PAD), f.mv, d0, d1, place.kind, act)


def decode_pixels(
    past: Decoded | None, frames: list[FrameTokens], acts: list[npt.NDArray[np.uint8]], step: int
) -> dict[int, Decoded]:
    """The decoder's pixels of a block, by time; -1 is the past."""
    links: dict[int, Decoded] = {-1: past} if past is not None else {}
    for place in coding_order(len(frames), past is not None):
        f = frames[place.time]
        d0 = place.first - place.time if place.first is not None else 0
        d1 = place.second - place.time if place.second is not None else 0
        rec = predict_frame(place, links, f.mv)
        reconstruct_residual(rec, f.intra, f.eight, f.q, frame_step(step, place.kind))
        links[place.time] = finish_frame(rec, f, place, d0, d1, acts[place.time])
    return links


def block_crc(frames: list[FrameTokens], step: int, before: int = 0) -> int:
    """CRC-32 over every decision of a block, in its canonical form."""
    crc = zlib.crc32(np.int32(step).tobytes(), before)
    for f in frames:
        for a in (f.split, f.intra, f.mv, f.eight, f.q):
            crc = zlib.crc32(np.ascontiguousarray(a).data, crc)
    return crc
