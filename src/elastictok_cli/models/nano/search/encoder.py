"""The encoder of a block at one qindex: motion search and quantisation in the closed loop."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import numpy.typing as npt

from ....stages import MODEL, MOTION_ESTIMATION, stage
from ..decoder import ReferenceFrame, State, finish_frame, frame_qstep, predict_frame
from ..recon.colour import PAD, planes_of
from ..syntax.block import frame_refs
from ..syntax.frame import FrameRefs, FrameTokens, RefInfo
from ..syntax.gop_structure import GopEntry, coding_order
from .coarse_search import coarse_search, quarter_size
from .motion_cost import FrameSearch
from .motion_estimation import search_frame
from .obmc import choose_no_obmc
from .residual import encode_residual
from .satd import CostModel, quarter_phases

LAMBDA = np.float32(0.16)  # times qstep squared; 0.12 and 0.20 are worse or equal
RANGE_Y, RANGE_X = 14, 18  # of the coarse search, in pixels of the quarter-size picture

# In qindexes. A motion search is used again up to the first distance (1.5 dB): less costs time, more costs bytes. Up to
# the second, a new search starts from its vectors.
MAX_REUSE_DISTANCE = 12
MAX_HINT_DISTANCE = 84

# By time: split, intra modes and vectors of a frame, as in FrameTokens.
Motion = dict[int, tuple[npt.NDArray[np.uint8], npt.NDArray[np.int8], npt.NDArray[np.int16]]]
EncodedBlock = tuple[list[FrameTokens], dict[int, ReferenceFrame]]


@dataclass
class Analysis:
    """The source of a block, and what was searched for it so far.

    planes: float32 (3, height, width) per frame. quarter: luma at a quarter of the size, per frame. motion: results of
    searches, by qindex. motion_used: for each qindex that was encoded, the qindex whose motion it used. coarse: vectors
    of the coarse search by (time, time of the reference), int64 (rows, columns, 2) in quarter pixels.
    """

    planes: list[npt.NDArray[np.float32]]
    quarter: list[npt.NDArray[np.float32]]
    motion: dict[int, Motion] = field(default_factory=dict)
    motion_used: dict[int, int] = field(default_factory=dict)
    coarse: dict[tuple[int, int], npt.NDArray[np.int64]] = field(default_factory=dict)


def analyse(frames: npt.NDArray[np.uint8]) -> Analysis:
    """What depends on the source alone. frames: uint8 (T, height, width, 3)."""
    planes = [planes_of(f) for f in frames]
    return Analysis(planes, [_quarter_luma(p[0], 0) for p in planes])


def cost_model(qstep: np.float32) -> CostModel:
    """The costs of a frame with this qstep."""
    lam = np.float32(LAMBDA * qstep * qstep)
    return CostModel(qstep, lam, np.float32(0.8 * qstep * qstep), np.float32(0.5 * lam))


def _quarter_luma(plane: npt.NDArray[np.float32], pad: int) -> npt.NDArray[np.float32]:
    h, w = plane.shape[0] - 2 * pad, plane.shape[1] - 2 * pad
    out = np.empty((h // 4, w // 4), np.float32)
    quarter_size(plane, pad, out)
    return out


def _phases(frame: ReferenceFrame) -> npt.NDArray[np.float32]:
    if "phases" not in frame.cache:
        out = np.empty((16, *frame.planes.shape[1:]), np.float32)
        quarter_phases(frame.planes[0], out)
        frame.cache["phases"] = out
    phases: npt.NDArray[np.float32] = frame.cache["phases"]
    return phases


def _search_coarsely(
    analysis: Analysis, order: tuple[GopEntry, ...], reference: ReferenceFrame | None, pool: Executor | None
) -> None:
    """The coarse search of every frame in its references, once per block: references inside it are source frames."""
    pairs = [(entry.time, ref) for entry in order for ref in (entry.ref0, entry.ref1) if ref is not None]
    quarter = dict(enumerate(analysis.quarter))
    if reference is not None:
        quarter[-1] = _quarter_luma(reference.planes[0], PAD)

    def work(pair: tuple[int, int]) -> npt.NDArray[np.int64]:
        src, ref = quarter[pair[0]], quarter[pair[1]]
        best = np.zeros((src.shape[0] // 4, src.shape[1] // 4, 2), np.int64)
        with stage(MOTION_ESTIMATION):
            coarse_search(src, ref, RANGE_Y, RANGE_X, best)
        return best

    with stage(None):  # waits for the pool
        found = list(pool.map(work, pairs) if pool is not None else map(work, pairs))
    analysis.coarse = dict(zip(pairs, found, strict=True))


def encode_block(state: State, analysis: Analysis, qindex: int, pool: Executor | None = None) -> EncodedBlock:
    """Choose every token of a block at one qindex. Also returns the decoded frames, by time.

    The best vectors depend on the qindex, but searching is slow, so a candidate reuses the motion of an earlier one of
    this block with a similar qindex. The same qindex always uses the same motion.
    """
    searched = analysis.motion
    nearest = min(searched, key=lambda other: (abs(other - qindex), other), default=qindex)
    distance = abs(nearest - qindex)
    motion_from = analysis.motion_used.setdefault(qindex, nearest if distance <= MAX_REUSE_DISTANCE else qindex)
    motion = searched.get(motion_from)
    hints = searched.get(nearest) if motion is None and distance <= MAX_HINT_DISTANCE else None
    encoded = _encode_frames(state, analysis, qindex, motion, pool, hints)
    if motion is None:
        searched[qindex] = {t: (p.split, p.intra_mode, p.mv) for t, p in enumerate(encoded[0])}
    return encoded


def _encode_frames(
    state: State,
    analysis: Analysis,
    qindex: int,
    motion: Motion | None,
    pool: Executor | None,
    hints: Motion | None = None,
) -> EncodedBlock:
    """All frames of a block.

    Frames of one temporal layer do not refer to each other, so `pool` may encode them in parallel. Each starts from the
    contexts as they were before the first of them, so that the result is the same without a pool.
    """
    ctx = state.ctx
    refs = {-1: state.reference} if state.reference is not None else {}
    n = len(analysis.planes)
    parts = [FrameTokens.empty(state.height, state.width) for _ in range(n)]

    def work(entry: GopEntry) -> tuple[GopEntry, ReferenceFrame, npt.NDArray[np.uint16]]:
        own = ctx.copy()
        with stage(MODEL):
            return entry, _encode_frame(entry, refs, analysis, parts[entry.time], motion, hints, own, qindex), own

    order = coding_order(n, state.reference is not None)
    if motion is None and not analysis.coarse:
        _search_coarsely(analysis, order, state.reference, pool)
    for _, group in groupby(order, key=lambda entry: entry.layer):
        entries = list(group)
        if motion is None:  # before the threads start, so that no two of them compute the same phases
            for time in {t for entry in entries for t in (entry.ref0, entry.ref1) if t is not None}:
                with stage(MOTION_ESTIMATION):
                    _phases(refs[time])
        with stage(None):  # waits for the pool
            done = list(pool.map(work, entries) if pool is not None and len(entries) > 1 else map(work, entries))
        refs.update({entry.time: decoded for entry, decoded, _ in done})
        ctx = done[0][2]
    return parts, refs


def _encode_frame(
    entry: GopEntry,
    refs: Mapping[int, ReferenceFrame],
    analysis: Analysis,
    tokens: FrameTokens,
    motion: Motion | None,
    hints: Motion | None,
    ctx: npt.NDArray[np.uint16],
    qindex: int,
) -> ReferenceFrame:
    """One frame into `tokens`: its motion (searched unless given), then its coefficients. ctx is adapted."""
    src, (h, w) = analysis.planes[entry.time], tokens.levels.shape[1:]
    own_refs = frame_refs(entry, refs, h, w)
    cost = cost_model(frame_qstep(qindex, entry.layer, -1 not in refs))
    if entry.ref0 is None:
        tokens.intra_mode[:] = 0
    elif motion is None:
        hint = hints[entry.time][2] if hints is not None else np.zeros(tokens.mv.shape, np.int16)
        with stage(MOTION_ESTIMATION):
            search_motion(entry, refs, analysis, tokens, own_refs, hint, ctx, cost)
    else:
        tokens.split[:], tokens.intra_mode[:], tokens.mv[:] = motion[entry.time]
    rec = predict_frame(entry, refs, tokens)
    if entry.ref0 is not None:
        ref0, ref1 = refs[entry.ref0], refs[entry.ref0 if entry.ref1 is None else entry.ref1]
        choose_no_obmc(ctx, entry.layer, src, ref0.planes, ref1.planes, tokens, cost, rec)
    activity = np.zeros(tokens.split.shape, np.uint8)
    encode_residual(ctx, own_refs, src, rec, cost, tokens, activity)
    info = RefInfo(tokens.mv, own_refs.dist0, own_refs.dist1, entry.layer, activity)
    return finish_frame(rec, tokens, info, cost.qstep)


def search_motion(
    entry: GopEntry,
    refs: Mapping[int, ReferenceFrame],
    analysis: Analysis,
    tokens: FrameTokens,
    own_refs: FrameRefs,
    hint: npt.NDArray[np.int16],
    ctx: npt.NDArray[np.uint16],
    cost: CostModel,
) -> None:
    """Choose the motion of a predicted frame into `tokens`. hint: vectors of another search, or zeros.

    ctx is adapted.
    """
    assert entry.ref0 is not None
    ref0 = refs[entry.ref0]
    ref1 = refs[entry.ref1] if entry.ref1 is not None else ref0
    coarse0 = analysis.coarse[entry.time, entry.ref0]
    coarse1 = analysis.coarse[entry.time, entry.ref1] if entry.ref1 is not None else coarse0
    src = analysis.planes[entry.time]
    frame = FrameSearch(own_refs, cost, src[0], _phases(ref0), _phases(ref1), coarse0, coarse1, hint)
    search_frame(ctx, frame, src, tokens)
