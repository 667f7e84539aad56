"""The encoder's side of a nano block: motion search and quantisation in the closed loop, for one quantiser step."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import numpy.typing as npt

from ....stages import MODEL, MOTION_ESTIMATION, stage
from ..decoder import Decoded, State, finish_frame, frame_step, predict_frame
from ..recon.colour import PAD, planes_of
from ..syntax.block import Step, step_of
from ..syntax.frame import FrameTokens, Link
from ..syntax.gop_structure import Place, coding_order
from .motion_estimation import Frame, coarse_search, quarter_size, search_frame
from .obmc import choose_alone
from .residual import encode_residual
from .satd import quarter_phases

LAMBDA = np.float32(0.16)  # of step squared; 0.12 and 0.20 are worse or equal
REACH_Y, REACH_X = 14, 18  # of the coarse search, in pixels of the quarter-size picture


MOTION_REACH = 12  # ladder steps (1.5 dB) on which a motion search is still good: less costs time, more costs bytes
HINT_REACH = 84  # and on which it is where the next search starts

Motion = dict[int, tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8], npt.NDArray[np.int16]]]
Coded = tuple[list[FrameTokens], dict[int, Decoded]]


@dataclass
class Analysis:
    """A block's source; the motion that was searched for it, by step; and which of these each candidate took."""

    planes: list[npt.NDArray[np.float32]]
    small: list[npt.NDArray[np.float32]]
    motion: dict[int, Motion] = field(default_factory=dict)
    taken: dict[int, int] = field(default_factory=dict)
    coarse: dict[tuple[int, int], npt.NDArray[np.int64]] = field(default_factory=dict)


def analyse(frames: npt.NDArray[np.uint8]) -> Analysis:
    """Everything that depends on the source alone."""
    planes = [planes_of(f) for f in frames]
    return Analysis(planes, [_small(p[0], 0) for p in planes])


def _small(plane: npt.NDArray[np.float32], pad: int) -> npt.NDArray[np.float32]:
    h, w = plane.shape[0] - 2 * pad, plane.shape[1] - 2 * pad
    out = np.empty((h // 4, w // 4), np.float32)
    quarter_size(plane, pad, out)
    return out


def _phases(d: Decoded) -> npt.NDArray[np.float32]:
    if "phases" not in d.cache:
        out = np.empty((16, *d.planes.shape[1:]), np.float32)
        quarter_phases(d.planes[0], out)
        d.cache["phases"] = out
    phases: npt.NDArray[np.float32] = d.cache["phases"]
    return phases


def _search_coarsely(
    analysis: Analysis, places: tuple[Place, ...], past: Decoded | None, pool: Executor | None
) -> None:
    """The coarse search of every frame in its references, once a block: its own frames are taken as in the source."""
    pairs = [(place.time, ref) for place in places for ref in (place.first, place.second) if ref is not None]
    small = dict(enumerate(analysis.small))
    if past is not None:
        small[-1] = _small(past.planes[0], PAD)

    def work(pair: tuple[int, int]) -> npt.NDArray[np.int64]:
        src, ref = small[pair[0]], small[pair[1]]
        best = np.zeros((src.shape[0] // 4, src.shape[1] // 4, 2), np.int64)
        with stage(MOTION_ESTIMATION):
            coarse_search(src, ref, REACH_Y, REACH_X, best)
        return best

    with stage(None):  # waits for the pool
        found = list(pool.map(work, pairs) if pool is not None else map(work, pairs))
    analysis.coarse = dict(zip(pairs, found, strict=True))


def encode_block(state: State, analysis: Analysis, step: int, pool: Executor | None = None) -> Coded:
    """Choose every token of a block at one quantiser step; also returns the decoded frames, by time.

    What a vector may cost depends on the step, but searching is slow: a candidate takes over the motion of an earlier
    one of this block whose step is near its own. Made again, it takes the same.
    """
    searched = analysis.motion
    nearest = min(searched, key=lambda other: (abs(other - step), other), default=step)
    away = abs(nearest - step)
    motion = searched.get(analysis.taken.setdefault(step, nearest if away <= MOTION_REACH else step))
    hints = searched.get(nearest) if motion is None and away <= HINT_REACH else None
    coded = _encode_frames(state, analysis, step, motion, pool, hints)
    if motion is None:
        searched[step] = {t: (p.split, p.intra, p.mv) for t, p in enumerate(coded[0])}
    return coded


def _encode_frames(
    state: State,
    analysis: Analysis,
    step: int,
    motion: Motion | None,
    pool: Executor | None,
    hints: Motion | None = None,
) -> Coded:
    """All frames of a block. Those of one kind do not look at each other, so `pool` may work on them at once; each
    starts from the contexts as they were before the first of them, so that it is the same with and without a pool.
    """
    ctx = state.ctx
    links = {-1: state.past} if state.past is not None else {}
    n = len(analysis.planes)
    parts = [FrameTokens.empty(state.height, state.width) for _ in range(n)]

    def work(place: Place) -> tuple[Place, Decoded, npt.NDArray[np.uint16]]:
        own = ctx.copy()
        with stage(MODEL):
            return place, _encode_frame(place, links, analysis, parts[place.time], motion, hints, own, step), own

    order = coding_order(n, state.past is not None)
    if motion is None and not analysis.coarse:
        _search_coarsely(analysis, order, state.past, pool)
    for _, group in groupby(order, key=lambda place: place.kind):
        places = list(group)
        if motion is None:  # before the threads start, so that they do not make them twice
            for time in {t for place in places for t in (place.first, place.second) if t is not None}:
                with stage(MOTION_ESTIMATION):
                    _phases(links[time])
        with stage(None):  # waits for the pool
            done = list(pool.map(work, places) if pool is not None and len(places) > 1 else map(work, places))
        links.update({place.time: decoded for place, decoded, _ in done})
        ctx = done[0][2]
    return parts, links


def _encode_frame(
    place: Place,
    links: Mapping[int, Decoded],
    analysis: Analysis,
    part: FrameTokens,
    motion: Motion | None,
    hints: Motion | None,
    ctx: npt.NDArray[np.uint16],
    step: int,
) -> Decoded:
    """One frame into `part`: its motion (searched unless given), then its coefficients. ctx adapts."""
    src, (h, w) = analysis.planes[place.time], part.q.shape[1:]
    s = step_of(place, links, h, w)
    q_step = frame_step(step, place.kind, -1 not in links)
    lam = np.float32(LAMBDA * q_step * q_step)
    if place.first is None:
        part.intra[:] = 0
    elif motion is None:
        hint = hints[place.time][2] if hints is not None else np.zeros(part.mv.shape, np.int16)
        with stage(MOTION_ESTIMATION):
            search_motion(place, links, analysis, part, s, hint, ctx, q_step)
    else:
        part.split[:], part.intra[:], part.mv[:] = motion[place.time]
    rec = predict_frame(place, links, part)
    if place.first is not None:
        first, second = links[place.first], links[place.first if place.second is None else place.second]
        choose_alone(
            ctx, place.kind, src, first.planes, second.planes, part.mv, part.intra, q_step, lam, part.alone, rec
        )
    act = np.zeros(part.split.shape, np.uint8)
    encode_residual(
        ctx, place.kind, src, rec, q_step, lam, s.act0, s.act1, part.mv, part.intra, part.eight, part.q, act
    )
    return finish_frame(rec, part, Link(part.mv, s.d0, s.d1, place.kind, act), q_step)


def search_motion(
    place: Place,
    links: Mapping[int, Decoded],
    analysis: Analysis,
    part: FrameTokens,
    s: Step,
    hint: npt.NDArray[np.int16],
    ctx: npt.NDArray[np.uint16],
    q_step: np.float32,
) -> None:
    """Choose the motion of a predicted frame into `part`. hint: vectors of another search, or zeros. ctx adapts."""
    assert place.first is not None
    lam = np.float32(LAMBDA * q_step * q_step)
    first = links[place.first]
    second = links[place.second] if place.second is not None else first
    coarse0 = analysis.coarse[place.time, place.first]
    coarse1 = analysis.coarse[place.time, place.second] if place.second is not None else coarse0
    limit, gain = np.float32(0.8 * q_step * q_step), np.float32(0.5 * lam)
    src = analysis.planes[place.time]
    frame = Frame(
        place.kind, s.two, s.d0, s.d1, s.temporal, src[0], _phases(first), _phases(second), coarse0, coarse1,
        hint, lam, limit, gain,
    )  # fmt: skip
    search_frame(ctx, frame, src, part.split, part.intra, part.mv)
