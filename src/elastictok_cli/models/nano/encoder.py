"""The encoder's side of a nano block: motion search and quantisation in the closed loop, for one quantiser step."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ...kernels import search
from ...kernels.colour import PAD, planes_of
from ...kernels.residual import encode_residual
from ...kernels.grammar import FrameTokens, Link, step_of
from ...kernels.hierarchy import coding_order
from .block import Decoded, State, finish_frame, frame_step, predict_frame

LAMBDA = np.float32(0.16)  # of step squared; 0.12 and 0.20 are worse or equal
REACH_Y, REACH_X = 14, 18  # of the coarse search, in pixels of the quarter-size picture


@dataclass
class Analysis:
    """A block's source, and the motion that was found for it once."""

    frames: npt.NDArray[np.uint8]
    planes: list[npt.NDArray[np.float32]]
    small: list[npt.NDArray[np.float32]]
    motion: dict[int, tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8], npt.NDArray[np.int16]]] = field(
        default_factory=dict
    )
    motion_step: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


def analyse(frames: npt.NDArray[np.uint8]) -> Analysis:
    """Everything that depends on the source alone."""
    planes = [planes_of(f) for f in frames]
    return Analysis(frames, planes, [_small(p[0], 0) for p in planes])


def _small(plane: npt.NDArray[np.float32], pad: int) -> npt.NDArray[np.float32]:
    h, w = plane.shape[0] - 2 * pad, plane.shape[1] - 2 * pad
    out = np.empty((h // 4, w // 4), np.float32)
    search.quarter_size(plane, pad, out)
    return out


def _phases(d: Decoded) -> npt.NDArray[np.float32]:
    if "phases" not in d.cache:
        out = np.empty((16, *d.planes.shape[1:]), np.float32)
        search.quarter_phases(d.planes[0], out)
        d.cache["phases"] = out
    phases: npt.NDArray[np.float32] = d.cache["phases"]
    return phases


def _coarse(src: npt.NDArray[np.float32], d: Decoded) -> npt.NDArray[np.int64]:
    if "small" not in d.cache:
        d.cache["small"] = _small(d.planes[0], PAD)
    best = np.zeros((src.shape[0] // 4, src.shape[1] // 4, 2), np.int64)
    search.coarse_search(src, d.cache["small"], REACH_Y, REACH_X, best)
    return best


def encode_block(state: State, analysis: Analysis, step: int) -> tuple[list[FrameTokens], dict[int, Decoded]]:
    """Choose every token of a block at one quantiser step; also returns the decoded frames, by time."""
    ctx = state.ctx.copy()
    h, w = state.height, state.width
    links: dict[int, Decoded] = {-1: state.past} if state.past is not None else {}
    n = len(analysis.planes)
    parts = [FrameTokens.empty(h, w) for _ in range(n)]
    searching = analysis.motion_step is None
    for place in coding_order(n, state.past is not None):
        t = place.time
        part, src, s = parts[t], analysis.planes[t], step_of(place, links, h, w)
        q_step = frame_step(step, place.kind)
        lam = LAMBDA * q_step * q_step
        if place.first is None:
            part.intra[:] = 0
        elif searching:
            first = links[place.first]
            second = links[place.second] if place.second is not None else first
            coarse0 = _coarse(analysis.small[t], first)
            coarse1 = _coarse(analysis.small[t], second) if s.two else coarse0
            search.search_frame(
                ctx, place.kind, s.two, s.d0, s.d1, s.temporal, src, _phases(first), _phases(second),
                coarse0, coarse1, lam, q_step, part.split, part.intra, part.mv, True,
            )  # fmt: skip
            analysis.motion[t] = (part.split.copy(), part.intra.copy(), part.mv.copy())
        else:
            part.split[:], part.intra[:], part.mv[:] = analysis.motion[t]
        act = np.zeros(part.split.shape, np.uint8)
        rec = predict_frame(place, links, part.mv)
        encode_residual(
            ctx, place.kind, src, rec, q_step, lam, True, s.act0, s.act1, part.mv, part.intra, part.eight, part.q, act
        )
        links[t] = finish_frame(rec, Link(part.mv, s.d0, s.d1, place.kind, act))
    if searching:
        analysis.motion_step = step
    return parts, links
