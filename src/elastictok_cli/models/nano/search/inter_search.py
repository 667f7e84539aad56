"""Which motion a coding block takes: merge candidates, then a search in each reference, then both together."""

from __future__ import annotations

import numpy as np

from ....entropy.rangecoder import COST
from ....jit import compiled_inner
from ..recon.inter import predict_inter
from ..syntax.coding_tree import merge_index_of
from ..syntax.flags import code_intra_flag, code_merge_flag, code_skip
from ..syntax.motion import code_merge_index, code_new_vector, merge_list, motion_vector_predictor, scaled
from .distortion import hadamard_cost, sad_both
from .motion_estimation import AROUND_X, AROUND_Y, corner, phase_sad, vector_bits
from .task import BEST, ESTIMATE, FOUND, OTHER, PRICED

LIMIT = 2000  # quarter pixels, a little inside motion.VECTOR_LIMIT


@compiled_inner
def vector_price(task, trial, by, bx, level, m, count, skip):
    """Price of a coding block's motion: skip flag, intra flag, merge flag and index, or vector. 1/256 bit."""
    frame, coder, listed = task.frame, task.coder, trial.candidates[1]
    coder.io[COST] = 0
    index = merge_index_of(listed, count, m)
    code_skip(coder, frame, task.cells, by, bx, level, count, skip)
    if not skip:
        code_intra_flag(coder, frame, task.cells, by, bx, level, np.int64(0))
        bit = np.int64(1 if index >= 0 else 0)
        code_merge_flag(coder, frame, task.cells, by, bx, level, count, bit)
    if index >= 0:
        code_merge_index(coder, frame.kind, level, skip, listed, count, index)
    else:
        for j in range(6):
            trial.vectors[PRICED, j] = m[j]
        code_new_vector(
            coder, frame.kind, frame.two, frame.d0, frame.d1, task.cells, frame.temporal, bx, by, 1 << level, level,
            trial.vectors[PRICED],
        )  # fmt: skip
    return coder.io[COST]


@compiled_inner
def _sad_of(task, y, x, n, m, stride):
    """Absolute differences of the prediction by a vector m."""
    uses = m[4]
    if uses == 3:
        p, v, u = corner(task.phases0, y, x, m[0], m[1], n)
        q, w, t = corner(task.phases1, y, x, m[2], m[3], n)
        return sad_both(task.src[0], y, x, task.phases0[p], v, u, task.phases1[q], w, t, n, stride)
    if uses == 1:
        return phase_sad(task.src[0], y, x, task.phases0, m[0], m[1], n, stride)
    return phase_sad(task.src[0], y, x, task.phases1, m[2], m[3], n, stride)


@compiled_inner
def predict_luma(task, y, x, n, m, out):
    """The luma prediction of a vector from the interpolated references."""
    uses = m[4]
    p, v, u = corner(task.phases0, y, x, m[0], m[1], n)
    q, w, t = corner(task.phases1, y, x, m[2], m[3], n)
    first, second = task.phases0[p], task.phases1[q]
    for j in range(n):
        o = out[j]
        a, b = first[v + j, u : u + n], second[w + j, t : t + n]
        if uses == 3:
            for i in range(n):
                o[i] = (np.int32(a[i]) + np.int32(b[i]) + 1) >> 1
        elif uses == 1:
            for i in range(n):
                o[i] = a[i]
        else:
            for i in range(n):
                o[i] = b[i]


@compiled_inner
def predict_all(task, trial, by, bx, level, m):
    """All three planes of a block predicted by m into trial.pred."""
    half, n = task.frame.half, np.int64(8) << level
    predict_luma(task, 8 * by, 8 * bx, n, m, trial.pred[0])
    buffers = trial.buffers
    for plane in range(1, 3):
        predict_inter(
            task.refs0, task.refs1, plane, half, 8 * by >> half, 8 * bx >> half, n >> half, m,
            trial.pred[plane], buffers.pred[1], buffers.tmp16,
        )  # fmt: skip


@compiled_inner
def _estimate(task, trial, by, bx, level, m, count, limit, gain):
    """Hadamard estimate of a vector's cost with its true price."""
    n = np.int64(8) << level
    predict_luma(task, 8 * by, 8 * bx, n, m, trial.pred[3])
    cost = hadamard_cost(
        task.src[0], 8 * by, 8 * bx, trial.pred[3], n, limit, gain, trial.hadamard, trial.values, trial.bits
    )
    return cost + task.lam * vector_price(task, trial, by, bx, level, m, count, np.int64(0))


@compiled_inner
def _one_reference(task, trial, ref, by, bx, level, px, py, count, slope):
    """Best vector into one reference by absolute differences: trial.vectors[FOUND]. Returns its cost."""
    n = np.int64(8) << level
    y, x = 8 * by, 8 * bx
    stride = 2 if n > 16 else 1
    src, frame = task.src[0], task.frame
    phases = task.phases1 if ref else task.phases0
    hints = task.hints[ref]
    lowest, best_x, best_y = 1e30, np.int64(0), np.int64(0)
    hy, hx = by >> 1, bx >> 1
    span = max((1 << level) >> 1, 1)
    # the prediction, zero, hints of the 16x16 blocks inside (corners and centre), merge candidates
    for k in range(7 + count):
        if k == 0:
            vx, vy = px, py
        elif k == 1:
            vx = vy = np.int64(0)
        elif k < 7:
            if span == 1 and k > 2:
                continue
            if span == 2 and k > 5:
                continue
            j, i = 0, 0
            if k == 3:
                i = span - 1
            elif k == 4:
                j = span - 1
            elif k == 5:
                j = i = span - 1
            elif k == 6:
                j = i = span >> 1
            hint = hints[min(hy + j, hints.shape[0] - 1), min(hx + i, hints.shape[1] - 1)]
            vx, vy = np.int64(hint[0]) * 4, np.int64(hint[1]) * 4
        else:
            c = trial.candidates[1, k - 7]
            if c[4] & (1 << ref):
                vx, vy = c[2 * ref], c[2 * ref + 1]
            elif ref == 0:
                vx, vy = scaled(c[2], frame.d0, frame.d1), scaled(c[3], frame.d0, frame.d1)
            else:
                vx, vy = scaled(c[0], frame.d1, frame.d0), scaled(c[1], frame.d1, frame.d0)
        vx, vy = min(max(vx, -LIMIT), LIMIT), min(max(vy, -LIMIT), LIMIT)
        s = phase_sad(src, y, x, phases, vx, vy, n, stride) + slope * vector_bits(vx - px, vy - py)
        if s < lowest:
            lowest, best_x, best_y = s, vx, vy
    for stage in range(3):
        reach = 4 >> stage
        for _ in range(6 if stage == 0 else 1):
            gx, gy = best_x, best_y
            for k in range(4 if stage == 0 else 8):
                vx, vy = gx + AROUND_X[k] * reach, gy + AROUND_Y[k] * reach
                if abs(vx) > LIMIT or abs(vy) > LIMIT:
                    continue
                s = phase_sad(src, y, x, phases, vx, vy, n, stride) + slope * vector_bits(vx - px, vy - py)
                if s < lowest:
                    lowest, best_x, best_y = s, vx, vy
            if gx == best_x and gy == best_y:
                break
    trial.vectors[FOUND, 2 * ref], trial.vectors[FOUND, 2 * ref + 1] = best_x, best_y
    return lowest


@compiled_inner
def _refine_both(task, m, base, y, x, n, stride, mirrored):
    """Improve a vector pair in m by quarter pixels; `mirrored` keeps the second as the first mirrored in time."""
    frame = task.frame
    lowest = _sad_of(task, y, x, n, m, stride)
    for _ in range(2):
        changed = False
        for side in range(1 if mirrored else 2):
            for j in range(6):
                base[j] = m[j]
            for k in range(8):
                x0, y0, x1, y1 = base[0], base[1], base[2], base[3]
                if mirrored:
                    x0, y0 = x0 + AROUND_X[k], y0 + AROUND_Y[k]
                    x1, y1 = scaled(x0, frame.d1, frame.d0), scaled(y0, frame.d1, frame.d0)
                elif side == 0:
                    x1, y1 = x1 + AROUND_X[k], y1 + AROUND_Y[k]
                else:
                    x0, y0 = x0 + AROUND_X[k], y0 + AROUND_Y[k]
                if max(abs(x0), abs(y0), abs(x1), abs(y1)) > LIMIT:
                    continue
                p, v, u = corner(task.phases0, y, x, x0, y0, n)
                q, w, t = corner(task.phases1, y, x, x1, y1, n)
                s = sad_both(task.src[0], y, x, task.phases0[p], v, u, task.phases1[q], w, t, n, stride)
                if s < lowest:
                    lowest, changed = s, True
                    m[0], m[1], m[2], m[3] = x0, y0, x1, y1
        if not changed:
            break
    return lowest


@compiled_inner
def search_inter(task, trial, by, bx, level):
    """Find the best vector of a block, into trial.vectors[BEST]; returns the number of merge candidates and the best.

    The merge candidates go into trial.candidates[1].
    """
    frame = task.frame
    n, w = np.int64(8) << level, 1 << level
    y, x = 8 * by, 8 * bx
    count = merge_list(task.cells, frame.temporal, frame.two, bx, by, w, trial.candidates[1])
    listed, best = trial.candidates[1], trial.vectors[BEST]
    lam = task.lam * 256
    limit, gain = np.int32(task.qsteps[0] * task.qsteps[0] * 0.8 / 256), 0.5 * lam
    slope = 0.9 * np.sqrt(lam)
    stride = 2 if n > 16 else 1
    # merge candidates: absolute differences rank them, the best two are estimated
    costs = trial.costs[0]
    for i in range(count):
        costs[i] = _sad_of(task, y, x, n, listed[i], stride) + slope * i
    lowest, best_merge = 1e30, 0
    for _ in range(min(count, 2)):
        i = np.int64(0)
        for j in range(1, count):
            if costs[j] < costs[i]:
                i = j
        costs[i] = 1e29
        s = _estimate(task, trial, by, bx, level, listed[i], count, limit, gain)
        if s < lowest:
            lowest, best_merge = s, i
    for j in range(6):
        best[j] = listed[best_merge, j]
    trial.costs[0, ESTIMATE] = lowest
    # what a neighbour's vector predicts to within a few bits needs no search
    if lowest < lam * 8:
        return count, best_merge
    m = trial.vectors[OTHER]
    found = trial.vectors[FOUND]
    cost0 = cost1 = 1e30
    axis = np.int64(0)
    for k in range(4):
        if k < 2:
            if k == 1 and not frame.two:
                break
            px = motion_vector_predictor(task.cells, frame.temporal, bx, by, w, k, axis, frame.d0, frame.d1)
            py = motion_vector_predictor(task.cells, frame.temporal, bx, by, w, k, axis + 1, frame.d0, frame.d1)
            s = _one_reference(task, trial, k, by, bx, level, px, py, count, slope)
            if k:
                cost1 = s
            else:
                cost0 = s
            for j in range(6):
                m[j] = 0
            m[2 * k], m[2 * k + 1], m[4] = found[2 * k], found[2 * k + 1], 1 + k
        else:
            m[0], m[1], m[2], m[3] = found[0], found[1], found[2], found[3]
            m[4], m[5] = 3, 0
            if k == 3:
                if cost0 < cost1:
                    m[2], m[3] = scaled(m[0], frame.d1, frame.d0), scaled(m[1], frame.d1, frame.d0)
                else:
                    m[0], m[1] = scaled(m[2], frame.d0, frame.d1), scaled(m[3], frame.d0, frame.d1)
                if max(abs(m[0]), abs(m[1]), abs(m[2]), abs(m[3])) > LIMIT:
                    continue
            s = _refine_both(task, m, trial.vectors[PRICED], y, x, n, stride, k == 3)
            if s > 1.25 * min(cost0, cost1):
                continue
        s = _estimate(task, trial, by, bx, level, m, count, limit, gain)
        if s < lowest:
            lowest = s
            for j in range(6):
                best[j] = m[j]
    trial.costs[0, ESTIMATE] = lowest
    return count, best_merge
