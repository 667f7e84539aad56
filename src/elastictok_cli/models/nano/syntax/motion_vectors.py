"""Motion vector prediction as in H.265 and H.266: merge candidates, the median predictor and temporal candidates.

Integers only, and only from vectors that are already coded. A motion vector is six numbers in this order; its
components are in quarter pixels:

    MV_X0, MV_Y0        the vector into reference 0
    MV_X1, MV_Y1        the vector into reference 1
    PRED_FLAGS          which references predict: PRED_L0, PRED_L1 or PRED_BI (the mean of both); 0 is not coded yet
    MERGE_FLAG          1 if the vector was taken over from a merge candidate
"""

from __future__ import annotations

import numpy as np

from ....jit import compiled

MV_X0, MV_Y0, MV_X1, MV_Y1, PRED_FLAGS, MERGE_FLAG, MV_FIELDS = range(7)
PRED_L0, PRED_L1, PRED_BI = 1, 2, 3

MAX_MERGE_CANDIDATES = 6
MAX_MV = 511  # quarter pixels; the smallest component is -512


@compiled
def scale_mv(v, num, den):
    """v * num / den, rounded to nearest, symmetric about zero: a component scaled by distances in time."""
    p = v * num
    if den < 0:
        p, den = -p, -den
    return (p + den // 2) // den if p >= 0 else -((-p + den // 2) // den)


@compiled
def predicts_same(a, b):
    """Whether two vectors make the same prediction: numbers that they do not use are ignored."""
    if a[PRED_FLAGS] != b[PRED_FLAGS]:
        return False
    if a[PRED_FLAGS] & PRED_L0 and (a[MV_X0] != b[MV_X0] or a[MV_Y0] != b[MV_Y0]):
        return False
    return not (a[PRED_FLAGS] & PRED_L1 and (a[MV_X1] != b[MV_X1] or a[MV_Y1] != b[MV_Y1]))


@compiled
def is_identical(a, b):
    """Whether two vectors are the same in every number, used or not. Merge flags do not count."""
    return a[4] == b[4] and a[0] == b[0] and a[1] == b[1] and a[2] == b[2] and a[3] == b[3]


@compiled
def _append_candidate(candidates, n, m):
    """Append m to the n candidates unless it is not coded, already there, or one too many. Returns the new n."""
    if m[PRED_FLAGS] == 0 or n >= MAX_MERGE_CANDIDATES:
        return n
    for i in range(n):
        if predicts_same(candidates[i], m):
            return n
    for j in range(5):
        candidates[n, j] = m[j]
    return n + 1


@compiled
def merge_list(mv, refs, x8, y8, w8, candidates):
    """Fill candidates (8, 6) with the merge list of a block and return its length.

    x8, y8, w8: position and width of the block, in 8x8 blocks. Row 7 is scratch.
    """
    rows, columns = mv.shape[0], mv.shape[1]
    temporal = refs.temporal_mv
    n = 0
    if x8 > 0:
        n = _append_candidate(candidates, n, mv[y8 + w8 - 1, x8 - 1])
    if y8 > 0:
        n = _append_candidate(candidates, n, mv[y8 - 1, x8 + w8 - 1])
    n = _append_candidate(candidates, n, temporal[min(y8 + w8 // 2, rows - 1), min(x8 + w8 // 2, columns - 1)])
    if y8 > 0 and x8 + w8 < columns:
        n = _append_candidate(candidates, n, mv[y8 - 1, x8 + w8])
    if y8 > 0 and x8 > 0:
        n = _append_candidate(candidates, n, mv[y8 - 1, x8 - 1])
    zero = candidates[7]
    zero[:] = 0
    zero[PRED_FLAGS] = PRED_BI if refs.bi_pred else PRED_L0
    return _append_candidate(candidates, n, zero)


@compiled
def _median(a, b, c):
    return max(min(a, b), min(max(a, b), c))


@compiled
def _component(m, ref, axis, refs):
    """One component of m into reference `ref`. Without a vector into it, the other vector is scaled in time."""
    if ref == 0:
        if m[PRED_FLAGS] & PRED_L0:
            return np.int64(m[axis])
        return scale_mv(np.int64(m[MV_X1 + axis]), refs.dist0, refs.dist1)
    if m[PRED_FLAGS] & PRED_L1:
        return np.int64(m[MV_X1 + axis])
    return scale_mv(np.int64(m[axis]), refs.dist1, refs.dist0)


@compiled
def motion_vector_predictor(mv, refs, x8, y8, w8, ref, axis):
    """The predictor of one component: the median of left, above and above right (or above left).

    The temporal candidate stands in where the third neighbour is missing.
    """
    columns = mv.shape[1]
    n = 0
    a = b = c = np.int64(0)
    if x8 > 0 and mv[y8, x8 - 1, PRED_FLAGS]:
        a = _component(mv[y8, x8 - 1], ref, axis, refs)
        n += 1
    if y8 > 0 and mv[y8 - 1, x8, PRED_FLAGS]:
        v = _component(mv[y8 - 1, x8], ref, axis, refs)
        if n == 0:
            a = v
        else:
            b = v
        n += 1
    has_third = False
    if y8 > 0 and x8 + w8 < columns and mv[y8 - 1, x8 + w8, PRED_FLAGS]:
        c = _component(mv[y8 - 1, x8 + w8], ref, axis, refs)
        has_third = True
    elif y8 > 0 and x8 > 0 and mv[y8 - 1, x8 - 1, PRED_FLAGS]:
        c = _component(mv[y8 - 1, x8 - 1], ref, axis, refs)
        has_third = True
    if has_third:
        if n == 0:
            return c
        if n == 2:
            return _median(a, b, c)
        b = c
        n = 2
    if n == 2:
        t = refs.temporal_mv[y8, x8]
        return _median(a, b, _component(t, ref, axis, refs)) if t[PRED_FLAGS] else a
    return a


@compiled
def scale_temporal_mv(ref_mv, prefer, ref_dist, dist, out):
    """Temporal candidates: the vectors of a reference, scaled to the distances of this frame. out: as ref_mv.

    ref_dist: the two distances of the reference to its own references. dist: those of this frame; the second is 0 for
    a frame of one reference. prefer: 0 or 1, the vector that is followed where a block of the reference has both.
    """
    for y in range(ref_mv.shape[0]):
        for x in range(ref_mv.shape[1]):
            m = ref_mv[y, x]
            k = prefer
            if not m[PRED_FLAGS] & (1 << k):
                k = 1 - k
            den = ref_dist[1] if k else ref_dist[0]
            if m[PRED_FLAGS] == 0 or den == 0:
                out[y, x, PRED_FLAGS] = 0
                continue
            for axis in range(2):
                v = np.int64(m[2 * k + axis])
                out[y, x, MV_X0 + axis] = min(max(scale_mv(v, dist[0], den), -MAX_MV - 1), MAX_MV)
                out[y, x, MV_X1 + axis] = min(max(scale_mv(v, dist[1], den), -MAX_MV - 1), MAX_MV)
            out[y, x, PRED_FLAGS] = PRED_BI if dist[1] != 0 else PRED_L0
