"""The closed-loop encoder: chooses every token of a block at one quantiser step, decoding as it goes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import groupby
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ....entropy import rangecoder as rc
from ....entropy.mixing import mixing_coder
from ....stages import MODEL, MOTION_ESTIMATION, stage
from ..decoder import STEP_TO_ERROR, Planes, ReferenceFrame, State, base_qstep, finished, frame_qsteps, references
from ..recon.colour import to_planes, to_rgb
from ..recon.loop_filter import deblock
from ..syntax.block import FrameTokens, RefInfo, Tables, frame_context
from ..syntax.cells import Cells
from ..syntax.hierarchy import Place, coding_order
from ..syntax.step_offsets import MOST, settle_offsets
from .mode_decision import decide_frame, recode_frame
from .motion_estimation import quarter_phases, quarter_size, search_hints
from .prices import price_table
from .propagation import step_offsets
from .task import Task

LAMBDA = 0.13  # of a squared quantiser step, per bit
MOTION_REACH = 12  # quantiser indexes (1.5 dB) on which decisions about blocks and motion are still good
WEIGHTS = ((0.667, 0.889), (2.2, 2.9))  # of errors in U and V over those in Y: at full and at half size
HALF_LOSS = 0.05  # of the error that a step makes: what half-size chroma may cost

A = TypeVar("A")
B = TypeVar("B")
Hints = dict[tuple[int, int], npt.NDArray[np.int16]]
Coded = tuple[list[FrameTokens], dict[int, ReferenceFrame]]


@dataclass
class Analysis:
    """A block's source; its motion hints; and by step the decisions about blocks and motion."""

    frames: npt.NDArray[np.uint8]
    planes: dict[int, list[Planes]] = field(default_factory=dict)
    loss: float | None = None
    hints: Hints | None = None
    decided: dict[int, list[Cells]] = field(default_factory=dict)
    taken: dict[int, int] = field(default_factory=dict)


def source_planes(analysis: Analysis, half: int) -> list[Planes]:
    """The block's planes, made once."""
    if half not in analysis.planes:
        made = []
        for rgb in analysis.frames:
            planes = np.zeros((3, *rgb.shape[:2]), np.uint8)
            to_planes(rgb, half, planes)
            made.append(planes)
        analysis.planes[half] = made
    return analysis.planes[half]


def chroma_is_half(analysis: Analysis, qindex: int) -> int:
    """Whether a GOP that starts with this block has chroma at half size: 1 unless that loses too much."""
    if analysis.loss is None:
        rgb = analysis.frames[0]
        out = np.empty_like(rgb)
        to_rgb(source_planes(analysis, 1)[0], 1, out)
        analysis.loss = float(np.mean((out.astype(np.float64) - rgb) ** 2))
    return int(analysis.loss - 0.4 <= HALF_LOSS * (base_qstep(qindex) / STEP_TO_ERROR) ** 2)


def _in_parallel(pool: Executor | None, work: Callable[[A], B], items: list[A]) -> list[B]:
    """The results of `work` on every item, in order; in the pool's threads where there is one and it pays."""
    if pool is None or len(items) < 2:
        return list(map(work, items))
    with stage(None):  # waits for the pool
        return list(pool.map(work, items))


def _search_hints(analysis: Analysis, past: ReferenceFrame | None, half: int, pool: Executor | None) -> Hints:
    """Whole-pixel motion of every frame in its references: its own block's frames are taken as in the source."""
    planes = source_planes(analysis, half)
    luma = {t: p[0] for t, p in enumerate(planes)}
    if past is not None:
        luma[-1] = np.ascontiguousarray(past.luma)
    small = {t: quarter_size(p) for t, p in luma.items()}
    order = coding_order(len(planes), past is not None)
    pairs = [(place.time, ref) for place in order for ref in (place.first, place.second) if ref is not None]
    rows, columns = (planes[0].shape[1] + 15) // 16, (planes[0].shape[2] + 15) // 16
    found: Hints = {}

    def work(pair: tuple[int, int]) -> npt.NDArray[np.int16]:
        time, ref = pair
        before = np.zeros((rows, columns, 3), np.int16)
        nearer = [p for p in found if p[1] == ref and (p[0] - ref) * (time - ref) > 0]
        if nearer:
            near = max(nearer, key=lambda p: abs(p[0] - ref))
            before[:] = found[near] * ((time - ref) / (near[0] - ref))
        out = np.zeros((rows, columns, 3), np.int16)
        with stage(MOTION_ESTIMATION):
            search_hints(luma[time], luma[ref], small[time], small[ref], before, out)
        return out

    for _, group in groupby(sorted(pairs, key=lambda p: abs(p[0] - p[1])), key=lambda p: abs(p[0] - p[1])):
        batch = list(group)
        found.update(zip(batch, _in_parallel(pool, work, batch), strict=True))
    return found


def _phases(ref: ReferenceFrame) -> npt.NDArray[np.uint8]:
    if "phases" not in ref.cache:
        ref.cache["phases"] = quarter_phases(ref.planes[0])
    phases: npt.NDArray[np.uint8] = ref.cache["phases"]
    return phases


def encode_block(state: State, analysis: Analysis, qindex: int, half: int, pool: Executor | None = None) -> Coded:
    """Choose every token of a block at one quantiser step; also returns the decoded frames, by time.

    Searching is slow: a candidate takes over the block sizes and motion of an earlier one of this block whose step is
    near its own. Made again, it takes the same.
    """
    nearest = min(analysis.decided, key=lambda other: (abs(other - qindex), other), default=qindex)
    away = abs(nearest - qindex)
    given = analysis.decided.get(analysis.taken.setdefault(qindex, nearest if away <= MOTION_REACH else qindex))
    planes = source_planes(analysis, half)
    if given is None and analysis.hints is None:
        analysis.hints = _search_hints(analysis, state.past, half, pool)
    prices = price_table(state.tables[0])
    order = coding_order(len(planes), state.past is not None)
    offsets = step_offsets(analysis.hints or {}, order, qindex, state.height, state.width)
    refs: dict[int, ReferenceFrame] = {-1: state.past} if state.past is not None else {}
    parts = [FrameTokens.empty(state.height, state.width) for _ in planes]

    def work(place: Place) -> tuple[int, ReferenceFrame]:
        cells = given[place.time] if given is not None else None
        part, source = parts[place.time], planes[place.time]
        part.offsets = offsets[place.time]
        with stage(MODEL):
            frame = _encode_frame(place, refs, source, part, cells, analysis.hints, state.tables, prices, qindex, half)
        return place.time, frame

    for _, group in groupby(order, key=lambda place: place.kind):
        places = list(group)
        # before the threads start, so that they do not make them twice
        for time in {t for place in places for t in (place.first, place.second) if t is not None}:
            _phases(refs[time])
        refs.update(_in_parallel(pool, work, places))
    if given is None:
        analysis.decided[qindex] = [part.cells for part in parts]
    return parts, refs


def _encode_frame(
    place: Place,
    refs: dict[int, ReferenceFrame],
    source: Planes,
    part: FrameTokens,
    given: Cells | None,
    hints: Hints | None,
    tables: Tables,
    prices: npt.NDArray[np.int32],
    qindex: int,
    half: int,
) -> ReferenceFrame:
    """One frame into `part`. given: decisions about blocks and motion to take over."""
    height, width = source.shape[1:]
    frame = frame_context(place, refs, height, width, half, qindex)
    qsteps = frame_qsteps(qindex, place.kind, -1 not in refs, half)
    rec = np.zeros_like(source)
    first, second = references(place, refs, rec)
    both = np.zeros((2, 1, 1, 3), np.int16)
    if place.first is None:
        phases0 = phases1 = np.zeros((16, 1, 1), np.uint8)
    else:
        phases0 = _phases(refs[place.first])
        phases1 = _phases(refs[place.second]) if place.second is not None else phases0
        if hints is not None:
            one = hints[place.time, place.first]
            both = np.stack([one, hints[place.time, place.second] if place.second is not None else one])
    done = np.zeros((height // 4, width // 4), np.uint8)
    lam = LAMBDA / (256 * 256)
    coder = mixing_coder(rc.dry(rc.PRICE), *tables)
    task = Task(
        frame, source, phases0, phases1, first, second, both, part.cells, part.levels, rec, done, part.offsets,
        qsteps, qsteps[MOST], (1.0, *WEIGHTS[half]), lam, lam, prices, coder,
    )  # fmt: skip
    if given is None:
        decide_frame(task)
    else:
        recode_frame(task, given)
    settle_offsets(part.levels, half, place.kind, part.offsets)
    deblock(rec, half, part.cells, part.offsets, qsteps)
    return finished(rec, RefInfo(part.cells, frame.d0, frame.d1, place.kind), half)
