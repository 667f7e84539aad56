"""What a motion vector or an intra mode costs, estimated, and what the motion search of a frame looks at.

Nothing here is needed to decode, so fastmath is allowed. All costs are squared errors plus lambda times bits, on luma.

Arguments that recur:
    frame       FrameSearch
    at          Square of the block in luma
    m           int64 (6,), one motion vector (motion_vectors.py)
    work        Work
    scratch     HadamardScratch: numba passes every array of a tuple by itself, so inner functions get only this one
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ....entropy.rangecoder import COST, ContextCoder
from ....jit import compiled
from ..recon.colour import PAD
from ..recon.intra import NUM_INTRA_MODES, predict_intra, reference_samples
from ..recon.square import Square
from ..syntax.frame import FrameRefs
from ..syntax.motion import code_motion_vector
from ..syntax.motion_vectors import MV_X0, MV_X1, MV_Y0, MV_Y1, PRED_BI, PRED_FLAGS, PRED_L0, scale_mv
from .satd import CostModel, HadamardScratch, hadamard_cost

BITS = np.float32(1 / 256)  # a price in bits


class FrameSearch(NamedTuple):
    """What the search of one frame looks at.

    luma: float32 (height, width). phases0, phases1: of the references, see `quarter_phases`. coarse0, coarse1: vectors
    of the coarse search. hint: int16 (2 rows, 2 columns, 6), vectors that a search at another qindex found, or zeros.
    Where it has a vector, that is tried instead of a search.
    """

    refs: FrameRefs
    cost: CostModel
    luma: npt.NDArray[np.float32]
    phases0: npt.NDArray[np.float32]
    phases1: npt.NDArray[np.float32]
    coarse0: npt.NDArray[np.int64]
    coarse1: npt.NDArray[np.int64]
    hint: npt.NDArray[np.int16]


class Work(NamedTuple):
    """Working memory of the search of one block, and the vectors that are coded so far."""

    coder: ContextCoder  # only prices or adapts
    coded_mv: npt.NDArray[np.int16]  # (2 rows, 2 columns, 6), zero elsewhere
    trial: npt.NDArray[np.int64]  # (6,)
    found: npt.NDArray[np.int64]  # (2,)
    pricing_candidates: npt.NDArray[np.int64]  # (8, 6)
    candidates: npt.NDArray[np.int64]  # (8, 6)
    hadamard: HadamardScratch


@compiled
def _locate(phases, at, vx, vy):
    """Where the block moved by (vx, vy) stands: phase, row and column of `phases`. Clamped to the padding."""
    h, w = phases.shape[1] - 2 * PAD, phases.shape[2] - 2 * PAD
    x0 = min(max(at.x + (vx >> 2), -PAD + 4), w + PAD - at.size - 5) + PAD
    y0 = min(max(at.y + (vy >> 2), -PAD + 4), h + PAD - at.size - 5) + PAD
    return 4 * (vy & 3) + (vx & 3), y0, x0


@compiled(fastmath=True)
def _difference(src, y, x, phase, y0, x0, d):
    """The 8x8 source minus one prediction, into d. Slices have a constant width: so the compiler vectorises them."""
    for j in range(8):
        a, b, out = src[y + j, x : x + 8], phase[y0 + j, x0 : x0 + 8], d[j, 0:8]
        for i in range(8):
            out[i] = a[i] - b[i]


@compiled(fastmath=True)
def _mean_difference(src, y, x, phase0, y0, x0, phase1, y1, x1, d):
    """The 8x8 source minus the mean of two predictions, into d."""
    half = np.float32(0.5)
    for j in range(8):
        a, b, out = src[y + j, x : x + 8], phase0[y0 + j, x0 : x0 + 8], d[j, 0:8]
        c = phase1[y1 + j, x1 : x1 + 8]
        for i in range(8):
            out[i] = a[i] - half * (b[i] + c[i])


@compiled(fastmath=True)
def vector_cost(frame, at, m, scratch):
    """The Hadamard cost of predicting a block with vector m, without the bits of the vector."""
    src, cost = frame.luma, frame.cost
    d = scratch.d
    flags = m[PRED_FLAGS]
    phase0, y0, x0 = _locate(frame.phases0, at, np.int64(m[MV_X0]), np.int64(m[MV_Y0]))
    phase1, y1, x1 = _locate(frame.phases1, at, np.int64(m[MV_X1]), np.int64(m[MV_Y1]))
    first, second = frame.phases0[phase0], frame.phases1[phase1]
    s = np.float32(0)
    for j in range(0, at.size, 8):
        for i in range(0, at.size, 8):
            y, x = at.y + j, at.x + i
            if flags == PRED_BI:
                _mean_difference(src, y, x, first, y0 + j, x0 + i, second, y1 + j, x1 + i, d)
            elif flags == PRED_L0:
                _difference(src, y, x, first, y0 + j, x0 + i, d)
            else:
                _difference(src, y, x, second, y1 + j, x1 + i, d)
            s += hadamard_cost(scratch, 0, 0, cost)
    return s


@compiled(fastmath=True)
def absolute_difference(src, ref, at, vx, vy, stop):
    """The sum of absolute differences at a whole-pixel vector. Gives up above `stop`."""
    y, x, n = at.y, at.x, at.size
    h, w = ref.shape[0] - 2 * PAD, ref.shape[1] - 2 * PAD
    x0 = min(max(x + (vx >> 2), -PAD + 4), w + PAD - n - 5) + PAD
    y0 = min(max(y + (vy >> 2), -PAD + 4), h + PAD - n - 5) + PAD
    s = np.float32(0)
    for i in range(0, n, 8):
        for j in range(n):
            a, b = src[y + j, x + i : x + i + 8], ref[y0 + j, x0 + i : x0 + i + 8]
            for k in range(8):
                s += abs(a[k] - b[k])
        if s > stop:
            return s
    return s


@compiled(fastmath=True)
def mvd_bits(dx, dy):
    """The bits of a vector difference, roughly."""
    return np.float32(2) * (math.log2(np.float32(1 + abs(dx))) + math.log2(np.float32(1 + abs(dy))))


@compiled(fastmath=True)
def bi_cost(frame, at, m, pred_x, pred_y, scratch):
    """The cost of a pair of vectors with a rough price: first to the predictor, second to the first one mirrored."""
    dist0, dist1 = frame.refs.dist0, frame.refs.dist1
    bits = mvd_bits(m[MV_X0] - pred_x, m[MV_Y0] - pred_y)
    bits += mvd_bits(m[MV_X1] - scale_mv(m[MV_X0], dist1, dist0), m[MV_Y1] - scale_mv(m[MV_Y0], dist1, dist0))
    return vector_cost(frame, at, m, scratch) + np.float32(0.7) * frame.cost.lam * bits


@compiled(fastmath=True)
def priced_cost(frame, x8, y8, w8, m, work):
    """The cost of vector m with the price of coding it. x8, y8, w8: the block, in 8x8 blocks."""
    io = work.coder.io
    io[COST] = 0
    code_motion_vector(work.coder, frame.refs, work.coded_mv, x8, y8, w8, m, work.pricing_candidates)
    at = Square(np.int64(0), y8 * 8, x8 * 8, w8 * 8)
    return vector_cost(frame, at, m, work.hadamard) + frame.cost.lam * BITS * np.float32(io[COST])


@compiled(fastmath=True)
def intra_cost(src, at, cost, above, left, out, scratch):
    """The best intra mode, estimated: (cost, mode). From source pixels, because decoded ones are not there yet."""
    y, x = at.y, at.x
    reference_samples(src, at, above, left)
    lowest = np.float32(1e30)
    mode = 0
    for k in range(NUM_INTRA_MODES):
        predict_intra(above, left, at.size, k, out)
        for j in range(16):
            for i in range(16):
                scratch.d[j, i] = src[0, y + j, x + i] - out[j, i]
        s = np.float32(0)
        for j in range(0, 16, 8):
            for i in range(0, 16, 8):
                s += hadamard_cost(scratch, j, i, cost)
        if s < lowest:
            lowest = s
            mode = k
    return lowest, mode
