"""Motion vector prediction: merge candidates, the median predictor and temporal candidates, as in H.265 and H.266.

Integers only: what a decoder derives from vectors already decoded.
"""

from __future__ import annotations

import numpy as np

from ....jit import compiled

MERGE_CANDIDATES = 6
VECTOR_LIMIT = 511  # quarter pixels


@compiled
def scaled(v, num, den):
    """v * num / den, rounded to nearest, symmetric about zero."""
    p = v * num
    if den < 0:
        p, den = -p, -den
    return (p + den // 2) // den if p >= 0 else -((-p + den // 2) // den)


@compiled
def is_same(a, b):
    """Whether two vectors say the same (what they do not use is ignored)."""
    if a[4] != b[4]:
        return False
    if a[4] & 1 and (a[0] != b[0] or a[1] != b[1]):
        return False
    return not (a[4] & 2 and (a[2] != b[2] or a[3] != b[3]))


@compiled
def is_equal(a, b):
    """Whether two vectors are the same in every number, used or not."""
    return a[4] == b[4] and a[0] == b[0] and a[1] == b[1] and a[2] == b[2] and a[3] == b[3]


@compiled
def _offer(cand, n, m):
    """Append m unless it is empty or already there."""
    if m[4] == 0 or n >= MERGE_CANDIDATES:
        return n
    for i in range(n):
        if is_same(cand[i], m):
            return n
    for j in range(5):
        cand[n, j] = m[j]
    return n + 1


@compiled
def merge_list(mv, temporal, two, bx, by, w, cand):
    """Fill cand (8, 6) with the vectors that a block at cell (bx, by), w cells wide, may take over: how many."""
    fh, fw = mv.shape[0], mv.shape[1]
    n = 0
    if bx > 0:
        n = _offer(cand, n, mv[by + w - 1, bx - 1])
    if by > 0:
        n = _offer(cand, n, mv[by - 1, bx + w - 1])
    n = _offer(cand, n, temporal[min(by + w // 2, fh - 1), min(bx + w // 2, fw - 1)])
    if by > 0 and bx + w < fw:
        n = _offer(cand, n, mv[by - 1, bx + w])
    if by > 0 and bx > 0:
        n = _offer(cand, n, mv[by - 1, bx - 1])
    zero = cand[7]
    zero[:] = 0
    zero[4] = 3 if two else 1
    return _offer(cand, n, zero)


@compiled
def _median(a, b, c):
    return max(min(a, b), min(max(a, b), c))


@compiled
def _component(m, ref, axis, d0, d1):
    """The vector of m into reference `ref`, mirrored in time from the other one if it has none of its own."""
    if ref == 0:
        return np.int64(m[axis]) if m[4] & 1 else scaled(np.int64(m[2 + axis]), d0, d1)
    return np.int64(m[2 + axis]) if m[4] & 2 else scaled(np.int64(m[axis]), d1, d0)


@compiled
def predicted_vector(mv, temporal, bx, by, w, ref, axis, d0, d1):
    """Median of the neighbours' vectors: left, above, above right (or above left); temporal where one is missing."""
    fw = mv.shape[1]
    n = 0
    a = b = c = np.int64(0)
    if bx > 0 and mv[by, bx - 1, 4]:
        a = _component(mv[by, bx - 1], ref, axis, d0, d1)
        n += 1
    if by > 0 and mv[by - 1, bx, 4]:
        v = _component(mv[by - 1, bx], ref, axis, d0, d1)
        if n == 0:
            a = v
        else:
            b = v
        n += 1
    third = False
    if by > 0 and bx + w < fw and mv[by - 1, bx + w, 4]:
        c = _component(mv[by - 1, bx + w], ref, axis, d0, d1)
        third = True
    elif by > 0 and bx > 0 and mv[by - 1, bx - 1, 4]:
        c = _component(mv[by - 1, bx - 1], ref, axis, d0, d1)
        third = True
    if third:
        if n == 0:
            return c
        if n == 2:
            return _median(a, b, c)
        b = c
        n = 2
    if n == 2:
        t = temporal[by, bx]
        return _median(a, b, _component(t, ref, axis, d0, d1)) if t[4] else a
    return a


@compiled
def project(field, prefer, den0, den1, num0, num1, out):
    """Temporal candidates: another frame's vectors, rescaled from its distances den0, den1 to this frame's num0, num1.

    prefer: 0 or 1, which of its two vectors is followed where it has both. num1 0: this frame has one reference.
    """
    for y in range(field.shape[0]):
        for x in range(field.shape[1]):
            m = field[y, x]
            k = prefer
            if not m[4] & (1 << k):
                k = 1 - k
            den = den1 if k else den0
            if m[4] == 0 or den == 0:
                out[y, x, 4] = 0
                continue
            for axis in range(2):
                v = np.int64(m[2 * k + axis])
                out[y, x, axis] = min(max(scaled(v, num0, den), -512), 511)
                out[y, x, 2 + axis] = min(max(scaled(v, num1, den), -512), 511)
            out[y, x, 4] = 3 if num1 != 0 else 1
