"""Residuals in the search: the levels of a coding block whose prediction is known, inter or intra."""

from __future__ import annotations

import numpy as np

from ....entropy.rangecoder import COST
from ....jit import compiled_inner
from ..recon.reconstruct import intra_prediction, mark_done
from ..recon.residual import add_residual, copy_block
from ..recon.transform import size_index
from ..syntax.coefficients import any_level
from ..syntax.flags import code_cbf, code_tsplit
from .distortion import U, difference, sse
from .forward_transform import forward
from .quantise import quantise
from .task import BETWEEN, COEFFICIENTS, DIFFERENCE, FOLDED

LEAST_BLOCK = 4.0  # bits that a transform block takes at least: a smaller error is left as it is


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
def _transform_block(task, trial, plane, by, bx, src, y, x, pred, j, i, n, intra, before, out, oy, ox):
    """Quantise source less prediction of one transform block; levels into out[oy:, ox:].

    y, x: in the source. j, i: in the prediction. Returns the cost and whether there is a level.
    """
    flat, b = trial.flat, trial.block
    energy, t = difference(src, y, x, pred, j, i, n, flat[DIFFERENCE]), size_index(n)
    price0 = _flag_price(task, plane, by, bx, t, intra, before, np.int64(0))
    if energy * task.weights[plane] < task.lam * 256 * LEAST_BLOCK:
        for v in range(U(n)):
            row, left = U(oy) + v, U(ox)
            for h in range(U(n)):
                out[row, left + h] = 0
        return energy * task.weights[plane] + task.lam * price0, False
    forward(flat[DIFFERENCE], n, flat[COEFFICIENTS], flat[BETWEEN], flat[FOLDED])
    price1 = _flag_price(task, plane, by, bx, t, intra, before, np.int64(1))
    cost, coded = quantise(
        flat[COEFFICIENTS], n, t, energy, task.qsteps[plane], task.lam, task.weights[plane], plane, intra, task.prices,
        price0, price1, b, trial.costs,
    )  # fmt: skip
    for v in range(U(n)):
        row, left = U(oy) + v, U(ox)
        for h in range(U(n)):
            out[row, left + h] = b[v, h]
    return cost, coded


@compiled_inner
def inter_plane(task, trial, plane, by, bx, w, n, before, slot):
    """Cost of one plane of a coding block whose prediction is in trial.pred; levels into trial.levels[slot].

    Returns cost and how many transform blocks are coded. w: its side in this plane, n: side of its transforms.
    """
    y, x = 8 * by, 8 * bx
    if plane:
        y, x = y >> task.frame.half, x >> task.frame.half
    src, pred, out = task.src[plane], trial.pred[plane], trial.levels[slot, plane]
    cost, count = 0.0, np.int64(0)
    for j in range(0, w, n):
        for i in range(0, w, n):
            context = min(count, 3) if plane == 0 else before
            more, coded = _transform_block(
                task, trial, plane, by, bx, src, y + j, x + i, pred, j, i, n, np.int64(0), context, out, j, i
            )
            cost += more
            if coded:
                count += 1
    return cost, count


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
def luma_errors(task, trial, by, bx, level):
    """Squared error of a coding block's luma prediction, and that of its worst quarter (of it all at 8x8)."""
    src, pred, y, x, w = task.src[0], trial.pred[0], 8 * by, 8 * bx, np.int64(8) << level
    if level == 0:
        error = float(sse(src, y, x, pred, np.int64(0), np.int64(0), w))
        return error, error
    half, total, largest = w >> 1, 0.0, 0.0
    for k in range(4):
        j, i = half * (k >> 1), half * (k & 1)
        error = float(sse(src, y + j, x + i, pred, j, i, half))
        total += error
        largest = max(largest, error)
    return total, largest


@compiled_inner
def chroma_error(task, trial, by, bx, level):
    """Weighted squared error of a coding block's chroma prediction."""
    half, error = task.frame.half, 0.0
    w, none = (np.int64(8) << level) >> half, np.int64(0)
    for plane in range(1, 3):
        part = sse(task.src[plane], 8 * by >> half, 8 * bx >> half, trial.pred[plane], none, none, w)
        error += task.weights[plane] * part
    return error


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
                if any_level(levels, j, i, n, n):
                    b = levels[j:, i:]
                    luma_coded = luma_coded or plane == 0
                    add_residual(
                        trial.pred[plane, j:, i:], b, n, task.qsteps[plane], rec, y + j, x + i, buffers.square
                    )  # fmt: skip
    mark_done(task.done, 8 * by, 8 * bx, np.int64(8) << level, np.uint8(1))
    return luma_coded


@compiled_inner
def intra_plane(task, trial, plane, by, bx, w, n, mode, before):
    """Predict, code and reconstruct one plane of an intra block. Returns cost and number of coded transform blocks."""
    half, buffers = task.frame.half, trial.buffers
    shift = half if plane else 0
    y, x = 8 * by >> shift, 8 * bx >> shift
    src, rec = task.src[plane], task.rec[plane]
    out, pred = task.levels[plane], buffers.pred[0]
    cost, count, none = 0.0, np.int64(0), np.int64(0)
    if plane == 0:
        mark_done(task.done, y, x, w, np.uint8(0))
    for j in range(0, w, n):
        for i in range(0, w, n):
            intra_prediction(rec, shift, task.done, plane == 0, y + j, x + i, n, mode, buffers)
            context = min(count, 3) if plane == 0 else before
            more, coded = _transform_block(
                task, trial, plane, by, bx, src, y + j, x + i, pred, none, none, n, none + 1, context, out, y + j, x + i
            )
            cost += more
            if coded:
                count += 1
                add_residual(pred, trial.block, n, task.qsteps[plane], rec, y + j, x + i, buffers.square)
            else:
                copy_block(pred, n, rec, y + j, x + i)
            if plane == 0:
                mark_done(task.done, y + j, x + i, n, np.uint8(1))
    return cost, count


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
