"""Residuals in the search: the levels of a coding block whose prediction is known, inter or intra."""

from __future__ import annotations

import numpy as np

from ....entropy.rangecoder import COST
from ....jit import compiled_inner
from ..recon.reconstruct import intra_prediction, mark_done
from ..recon.residual import add_residual, copy_block
from ..recon.transform import forward, size_index
from ..syntax.flags import code_cbf, code_tsplit
from .distortion import difference, sse
from .quantise import quantise
from .task import BETWEEN, COEFFICIENTS, DIFFERENCE, LEVELS


@compiled_inner
def _flag_price(task, plane, by, bx, t, intra, before, bit):
    task.coder.io[COST] = 0
    code_cbf(task.coder, task.frame, task.cells, by, bx, plane, t, intra, before, bit)
    return task.coder.io[COST]


@compiled_inner
def tsplit_price(task, by, bx, level, intra, bit):
    """Price of splitting the transform or not."""
    if level == 3:
        return 0
    task.coder.io[COST] = 0
    code_tsplit(task.coder, task.frame, task.cells, by, bx, level, intra, bit)
    return task.coder.io[COST]


@compiled_inner
def _transform_block(task, trial, plane, by, bx, n, intra, before):
    """Quantise the difference in trial.square[DIFFERENCE]; levels into trial.square[LEVELS]. Returns the cost."""
    c, b = trial.square[COEFFICIENTS], trial.square[LEVELS]
    t = size_index(n)
    forward(trial.square[DIFFERENCE], n, c, trial.square[BETWEEN])
    price0 = _flag_price(task, plane, by, bx, t, intra, before, np.int64(0))
    price1 = _flag_price(task, plane, by, bx, t, intra, before, np.int64(1))
    return quantise(
        c, n, t, task.qsteps[plane], task.lam, task.weights[plane], plane, intra, task.prices, price0, price1, b,
        trial.costs,
    )  # fmt: skip


@compiled_inner
def any_in_block(b, n):
    """Whether b[:n, :n] has a level."""
    for v in range(n):
        for h in range(n):
            if b[v, h] != 0:
                return True
    return False


@compiled_inner
def inter_plane(task, trial, plane, by, bx, w, n, before, slot):
    """Cost of one plane of a coding block whose prediction is in trial.pred; levels into trial.levels[slot].

    Returns cost and how many transform blocks are coded. w: its side in this plane, n: side of its transforms.
    """
    y, x = 8 * by, 8 * bx
    if plane:
        y, x = y >> task.frame.half, x >> task.frame.half
    src, pred, out = task.src[plane], trial.pred[plane], trial.levels[slot, plane]
    cost, coded = 0.0, np.int64(0)
    for j in range(0, w, n):
        for i in range(0, w, n):
            difference(src, y + j, x + i, pred, j, i, n, trial.square[DIFFERENCE])
            cost += _transform_block(
                task, trial, plane, by, bx, n, np.int64(0), min(coded, 3) if plane == 0 else before
            )
            if any_in_block(trial.square[LEVELS], n):
                coded += 1
            for v in range(n):
                row, mine = out[j + v, i : i + n], trial.square[LEVELS, v]
                for h in range(n):
                    row[h] = mine[h]
    return cost, coded


@compiled_inner
def inter_residual(task, trial, by, bx, level):
    """Best residual of a coding block predicted by trial.pred, into trial.levels[0].

    Returns cost, whether the transform is split, and whether anything is coded.
    """
    w, none = np.int64(8) << level, np.int64(0)
    n = min(w, 32)
    cost, coded = inter_plane(task, trial, none, by, bx, w, n, none, none)
    cost += task.lam * tsplit_price(task, by, bx, level, none, none)
    tsplit = np.int64(0)
    if coded and level < 3:
        split_cost, split_coded = inter_plane(task, trial, none, by, bx, w, n >> 1, none, none + 1)
        split_cost += task.lam * tsplit_price(task, by, bx, level, none, none + 1)
        if split_cost < cost and split_coded:
            cost, coded, tsplit = split_cost, split_coded, np.int64(1)
            for j in range(w):
                for i in range(w):
                    trial.levels[0, 0, j, i] = trial.levels[1, 0, j, i]
    before = np.int64(1 if coded else 0)
    cw = w >> task.frame.half
    for plane in range(1, 3):
        more, plane_coded = inter_plane(task, trial, np.int64(plane), by, bx, cw, min(cw, 32), before, none)
        cost += more
        if plane_coded:
            before |= 2
    return cost, tsplit, before != 0


@compiled_inner
def inter_skip(task, trial, by, bx, level):
    """Distortion of a coding block that is its prediction, trial.pred."""
    w = np.int64(8) << level
    cost = float(sse(task.src[0], 8 * by, 8 * bx, trial.pred[0], w))
    half = task.frame.half
    for plane in range(1, 3):
        cost += task.weights[plane] * sse(task.src[plane], 8 * by >> half, 8 * bx >> half, trial.pred[plane], w >> half)
    return cost


@compiled_inner
def put_inter(task, trial, by, bx, level, tsplit, coded):
    """Write prediction and residual of the inter candidate into the frame: pixels and levels."""
    half, buffers = task.frame.half, trial.buffers
    luma_coded = False
    for plane in range(3):
        w = np.int64(8) << level
        n = min(w, 32) >> tsplit
        y, x = 8 * by, 8 * bx
        if plane:
            w, y, x = w >> half, y >> half, x >> half
            n = min(w, 32)
        levels, rec = trial.levels[0, plane], task.rec[plane]
        copy_block(trial.pred[plane], w, rec, y, x)
        out = task.levels[plane]
        if not coded:
            for j in range(w):
                row = out[y + j, x : x + w]
                for i in range(w):
                    row[i] = 0
            continue
        for j in range(w):
            row, mine = out[y + j, x : x + w], levels[j, 0:w]
            for i in range(w):
                row[i] = mine[i]
        for j in range(0, w, n):
            for i in range(0, w, n):
                b = levels[j:, i:]
                if any_in_block(b, n):
                    luma_coded = luma_coded or plane == 0
                    add_residual(
                        trial.pred[plane, j:, i:], b, n, task.qsteps[plane], rec, y + j, x + i, buffers.square
                    )  # fmt: skip
    mark_done(task.done, 8 * by, 8 * bx, np.int64(8) << level)
    return luma_coded


@compiled_inner
def clear_done(done, y, x, w):
    for j in range(y >> 2, (y + w) >> 2):
        for i in range(x >> 2, (x + w) >> 2):
            done[j, i] = 0


@compiled_inner
def intra_plane(task, trial, plane, by, bx, w, n, mode, before):
    """Predict, code and reconstruct one plane of an intra block. Returns cost and number of coded transform blocks."""
    half, buffers = task.frame.half, trial.buffers
    shift = half if plane else 0
    y, x = 8 * by >> shift, 8 * bx >> shift
    src, rec = task.src[plane], task.rec[plane]
    out, pred = task.levels[plane], buffers.pred[0]
    cost, coded = 0.0, np.int64(0)
    if plane == 0:
        clear_done(task.done, y, x, w)
    for j in range(0, w, n):
        for i in range(0, w, n):
            intra_prediction(rec, shift, task.done, plane == 0, y + j, x + i, n, mode, buffers)
            difference(src, y + j, x + i, pred, 0, 0, n, trial.square[DIFFERENCE])
            cost += _transform_block(
                task, trial, plane, by, bx, n, np.int64(1), min(coded, 3) if plane == 0 else before
            )
            for v in range(n):
                row, mine = out[y + j + v, x + i : x + i + n], trial.square[LEVELS, v]
                for h in range(n):
                    row[h] = mine[h]
            if any_in_block(trial.square[LEVELS], n):
                coded += 1
                b = trial.square[LEVELS, 0:, 0:]
                add_residual(pred, b, n, task.qsteps[plane], rec, y + j, x + i, buffers.square)
            else:
                copy_block(pred, n, rec, y + j, x + i)
            if plane == 0:
                mark_done(task.done, y + j, x + i, n)
    return cost, coded


@compiled_inner
def intra_chroma(task, trial, by, bx, level, mode, luma_coded):
    """Both chroma planes of an intra block. Returns the cost."""
    w = (np.int64(8) << level) >> task.frame.half
    before = np.int64(1 if luma_coded else 0)
    cost = 0.0
    for plane in range(1, 3):
        more, coded = intra_plane(task, trial, np.int64(plane), by, bx, w, min(w, 32), mode, before)
        cost += more
        if coded:
            before |= 2
    return cost
