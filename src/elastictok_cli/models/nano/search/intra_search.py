"""Which intra mode a coding block takes: a Hadamard estimate ranks the modes, the best are coded in full."""

from __future__ import annotations

import numpy as np

from ....entropy.rangecoder import COST
from ....jit import compiled_inner
from ..recon.intra import gather_edges, predict_intra, smooth_edges, wants_smooth
from ..recon.reconstruct import mark_done
from ..syntax.flags import INTRA_MODES, code_intra_mode
from .distortion import hadamard_cost
from .residual_search import intra_chroma, intra_plane, tsplit_price
from .task import PROBABLE

COARSE = 1.5  # how far from the bound every eighth mode may be, for those between to be tried


@compiled_inner
def mode_price(task, trial, by, bx, level, mode):
    """Price of an intra mode in 1/256 bit."""
    task.coder.io[COST] = 0
    code_intra_mode(task.coder, task.cells, by, bx, level, trial.vectors[PROBABLE], mode)
    return task.coder.io[COST]


@compiled_inner
def _estimate(task, trial, by, bx, level, n, mode, limit, gain):
    edges, pred = trial.buffers.edges, trial.pred[3]
    smooth = 2 if wants_smooth(n, mode) else 0
    predict_intra(edges[smooth], edges[smooth + 1], n, mode, pred, edges[4])
    cost = hadamard_cost(task.src[0], 8 * by, 8 * bx, pred, n, limit, gain, trial.hadamard, trial.values, trial.bits)
    return cost + task.lam * mode_price(task, trial, by, bx, level, mode)


@compiled_inner
def search_intra(task, trial, by, bx, level, tries, bound):
    """Code an intra block with the best of `tries` modes; pixels and levels are left in the frame.

    It gives up, at a cost of 1e30, if no mode's estimate is within `bound`. Returns cost, mode,
    whether the transform is split, and whether luma has levels.
    """
    w = np.int64(8) << level
    n = min(w, 32)
    limit, gain = np.int32(task.qsteps[0] * task.qsteps[0] * 0.8 / 256), 0.5 * task.lam * 256
    edges, costs = trial.buffers.edges, trial.costs[0]
    mark_done(task.done, 8 * by, 8 * bx, w, np.uint8(0))
    gather_edges(task.rec[0], 0, task.done, 8 * by, 8 * bx, n, edges[0], edges[1])
    smooth_edges(edges[0], edges[1], n, edges[2], edges[3])
    costs[:] = 1e30
    best = np.int64(0)
    stride = 8 if task.frame.kind else 4
    for mode in range(INTRA_MODES):
        if mode < 2 or (mode - 2) % stride == 0:
            costs[mode] = _estimate(task, trial, by, bx, level, n, mode, limit, gain)
            if costs[mode] < costs[best]:
                best = mode
    while stride > 1 and costs[best] < COARSE * bound:
        stride >>= 1
        centre = best
        for side in range(2):
            mode = centre + stride * (1 - 2 * side)
            if centre >= 2 and 2 <= mode < INTRA_MODES and costs[mode] > 1e29:
                costs[mode] = _estimate(task, trial, by, bx, level, n, mode, limit, gain)
                if costs[mode] < costs[best]:
                    best = mode
    if costs[best] > bound:
        return 1e30, best, np.int64(0), False
    lowest, best_mode, best_split, last_mode, last_split = 1e30, np.int64(0), np.int64(0), np.int64(-1), np.int64(0)
    best_coded = np.int64(0)
    for k in range(tries + 1):
        mode, tsplit = best, np.int64(0)
        if k == tries:  # the best mode with the transform split
            if level == 3 or best_coded == 0:
                break
            mode, tsplit = best_mode, np.int64(1)
        elif k:
            mode = np.int64(np.argmin(costs))
            if costs[mode] > 1e29:
                continue
        costs[mode] = 1e30
        cost, coded = intra_plane(task, trial, np.int64(0), by, bx, w, n >> tsplit, mode, np.int64(0))
        bits = mode_price(task, trial, by, bx, level, mode) + tsplit_price(task, by, bx, level, np.int64(1), tsplit)
        cost += task.lam * bits
        last_mode, last_split = mode, tsplit
        if cost < lowest:
            lowest, best_mode, best_split, best_coded = cost, mode, tsplit, coded
    if last_mode != best_mode or last_split != best_split:
        intra_plane(task, trial, np.int64(0), by, bx, w, n >> best_split, best_mode, np.int64(0))
    lowest += intra_chroma(task, trial, by, bx, level, best_mode, best_coded > 0)
    return lowest, best_mode, best_split, best_coded > 0
