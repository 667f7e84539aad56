"""Motion vectors of a frame: merge candidates, motion vector prediction, temporal motion, mvd coding.

mv: int16 (rows, columns, ..) of 8x8 blocks (cells.py): x, y into reference 0; x, y into reference 1, in quarter pixels;
which are used (1 first, 2 second, 3 both, 0 none or not coded yet); 1 if merged.
"""

from __future__ import annotations

import numpy as np

from ....entropy.mixing import code
from ....entropy.rangecoder import DECODE, MODE, code_raw
from ....jit import compiled, compiled_inner
from . import contexts as cx

MERGE_CANDIDATES = 7
VECTOR_LIMIT = 2047  # quarter pixels


@compiled_inner
def scaled(v, num, den):
    """V * num / den, rounded to nearest, symmetric about zero."""
    p = v * num
    if den < 0:
        p, den = -p, -den
    return (p + den // 2) // den if p >= 0 else -((-p + den // 2) // den)


@compiled_inner
def is_same(a, b):
    """Whether two vectors say the same (what they do not use is ignored)."""
    if a[4] != b[4]:
        return False
    if a[4] & 1 and (a[0] != b[0] or a[1] != b[1]):
        return False
    return not (a[4] & 2 and (a[2] != b[2] or a[3] != b[3]))


@compiled_inner
def _offer(candidates, n, m, source):
    """Append m unless it is empty or already there."""
    if m[4] == 0 or n >= MERGE_CANDIDATES:
        return n
    for i in range(n):
        if is_same(candidates[i], m):
            return n
    for j in range(5):
        candidates[n, j] = m[j]
    candidates[n, 5] = source
    return n + 1


@compiled_inner
def merge_list(mv, temporal, two, bx, by, w, candidates):
    """Fill candidates (8, 6) with what a block of w 8x8 blocks at (bx, by) may take over; returns how many.

    The sixth number says where a candidate is from.
    """
    rows, columns = mv.shape[0], mv.shape[1]
    n = 0
    low, right = min(by + w, rows) - 1, min(bx + w, columns) - 1
    if bx > 0:
        n = _offer(candidates, n, mv[low, bx - 1], np.int64(0))
    if by > 0:
        n = _offer(candidates, n, mv[by - 1, right], np.int64(1))
    n = _offer(candidates, n, temporal[min(by + w // 2, rows - 1), min(bx + w // 2, columns - 1)], np.int64(2))
    if by > 0 and bx + w < columns:
        n = _offer(candidates, n, mv[by - 1, bx + w], np.int64(3))
    if bx > 0 and by + w < rows:
        n = _offer(candidates, n, mv[by + w, bx - 1], np.int64(4))
    if by > 0 and bx > 0:
        n = _offer(candidates, n, mv[by - 1, bx - 1], np.int64(5))
    if by + w < rows and bx + w < columns:
        n = _offer(candidates, n, temporal[by + w, bx + w], np.int64(6))
    zero = candidates[7]
    zero[:] = 0
    zero[4] = 3 if two else 1
    return _offer(candidates, n, zero, np.int64(7))


@compiled_inner
def _median(a, b, c):
    return max(min(a, b), min(max(a, b), c))


@compiled_inner
def _component(m, ref, axis, d0, d1):
    """The vector of m into reference `ref`, mirrored in time from the other one if it has none of its own."""
    if ref == 0:
        return np.int64(m[axis]) if m[4] & 1 else scaled(np.int64(m[2 + axis]), d0, d1)
    return np.int64(m[2 + axis]) if m[4] & 2 else scaled(np.int64(m[axis]), d1, d0)


@compiled_inner
def motion_vector_predictor(mv, temporal, bx, by, w, ref, axis, d0, d1):
    """Median of the neighbours' vectors: left, above, above right (or above left); temporal where one is missing."""
    columns = mv.shape[1]
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
    if by > 0 and bx + w < columns and mv[by - 1, bx + w, 4]:
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
    t = temporal[by, bx]
    if n == 2:
        return _median(a, b, _component(t, ref, axis, d0, d1)) if t[4] else a
    if n == 0 and t[4]:
        return _component(t, ref, axis, d0, d1)
    return a


@compiled_inner
def _mvd_bit(coder, kind, group, level, at, weights, bit):
    coder.active[0] = cx.MVD0 + (kind * 4 + group) * 40 + at
    coder.active[1] = cx.MVD1 + (level * 4 + group) * 40 + at
    coder.active[2] = cx.MVD2 + group * 40 + at
    return code(coder, cx.W_MVD + weights, np.int64(3), bit)


@compiled_inner
def code_mvd(coder, kind, group, level, value):
    """A motion vector difference: zero flag, sign, Exp-Golomb with adaptive prefix and first suffix bit."""
    if not _mvd_bit(coder, kind, group, level, np.int64(0), np.int64(0), np.int64(1 if value else 0)):
        return np.int64(0)
    negative = _mvd_bit(coder, kind, group, level, np.int64(1), np.int64(1), np.int64(1 if value < 0 else 0))
    rest = abs(value) - 1
    k = 0
    while k < 13 and _mvd_bit(coder, kind, group, level, 2 + k, np.int64(2), np.int64(1 if rest >= (1 << k) else 0)):
        rest -= 1 << k
        k += 1
    out = np.int64((1 << k) - 1)
    if k:
        top = _mvd_bit(coder, kind, group, level, 20 + k, np.int64(3), np.int64((rest >> (k - 1)) & 1))
        out += (top << (k - 1)) + code_raw(coder.io, coder.buf, rest & ((1 << (k - 1)) - 1), k - 1)
    out += 1
    return -out if negative else out


@compiled_inner
def clamped(v):
    """A component inside what a vector may have."""
    return min(max(v, -VECTOR_LIMIT - 1), VECTOR_LIMIT)


@compiled_inner
def code_merge_index(coder, kind, level, skip, candidates, n, index):
    """Which of n merge candidates is taken."""
    i = 0
    x = coder.active
    while i < n - 1:
        source = candidates[i, 5]
        x[0] = cx.MERGE_INDEX0 + (i * cx.KINDS + kind) * 4 + level
        x[1] = cx.MERGE_INDEX1 + (i * 8 + n) * 2 + skip
        x[2] = cx.MERGE_INDEX2 + (i * 8 + source) * cx.KINDS + kind
        x[3] = cx.MERGE_INDEX3 + (i * 8 + candidates[i + 1, 5]) * 2 + (1 if level > 1 else 0)
        if not code(coder, cx.W_MERGE_INDEX + i, np.int64(4), np.int64(1 if i < index else 0)):
            break
        i += 1
    return i


@compiled_inner
def code_new_vector(coder, kind, two, d0, d1, mv, temporal, bx, by, w, level, m):
    """A vector that is not merged: m (6,) in, or out when decoding."""
    decoding = coder.io[MODE] == DECODE
    uses = np.int64(1)
    x = coder.active
    if two:
        left = np.int64(mv[by, bx - 1, 4]) & 3 if bx > 0 else np.int64(0)
        above = np.int64(mv[by - 1, bx, 4]) & 3 if by > 0 else np.int64(0)
        both = (1 if left == 3 else 0) + (1 if above == 3 else 0)
        near = (0 if left == 0 else (1 if left < 3 else 2)) * 3 + (0 if above == 0 else (1 if above < 3 else 2))
        x[0] = cx.DIRECTION0 + kind * 4 + level
        x[1] = cx.DIRECTION1 + near
        x[2] = cx.DIRECTION2 + kind * 3 + both
        if code(coder, cx.W_DIRECTION, np.int64(3), np.int64(1 if m[4] == 3 else 0)):
            uses = np.int64(3)
        else:
            near = (left % 3) * 3 + above % 3
            x[0] = cx.DIRECTION0 + (cx.KINDS + kind) * 4 + level
            x[1] = cx.DIRECTION1 + 9 + near
            x[2] = cx.DIRECTION2 + (cx.KINDS + kind) * 3
            uses = 1 + code(coder, cx.W_DIRECTION + 1, np.int64(3), np.int64(1 if m[4] == 2 else 0))
    for j in range(4):  # what a vector does not use is zero, so that equal decisions are equal arrays
        if decoding or not uses & (1 << (j >> 1)):
            m[j] = 0
    m[4] = uses
    m[5] = 0
    for ref in range(2):
        if not uses & (1 << ref):
            continue
        for axis in range(2):
            j = 2 * ref + axis
            group = axis
            if ref == 1 and uses == 3:
                p = scaled(np.int64(m[axis]), d1, d0)
                group = axis + 2
            else:
                p = motion_vector_predictor(mv, temporal, bx, by, w, ref, axis, d0, d1)
            m[j] = clamped(p + code_mvd(coder, kind, group, level, np.int64(m[j]) - p))


@compiled
def project(late, prefer, late_d0, late_d1, d0, d1, temporal):
    """Motion of a frame coded earlier, scaled to this frame's distances: temporal (rows, columns, 6)."""
    for y in range(late.shape[0]):
        for x in range(late.shape[1]):
            m, t = late[y, x], temporal[y, x]
            uses = np.int64(m[4])
            for j in range(6):
                t[j] = 0
            if uses == 0:
                continue
            second = uses == 2 or (uses == 3 and prefer == 1)
            vx, vy = np.int64(m[2 if second else 0]), np.int64(m[3 if second else 1])
            den = late_d1 if second else late_d0
            if den == 0:
                continue
            t[0], t[1] = clamped(scaled(vx, d0, den)), clamped(scaled(vy, d0, den))
            t[4] = 1
            if d1 != 0:
                t[2], t[3] = clamped(scaled(vx, d1, den)), clamped(scaled(vy, d1, den))
                t[4] = 3
