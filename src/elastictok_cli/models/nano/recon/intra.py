"""Intra prediction: planar, DC and 33 directions, as in ITU-T H.265, from decoded neighbours."""

from __future__ import annotations

import numpy as np

from ....jit import compiled_inner

ANGLES = np.array(
    [0, 0, 32, 26, 21, 17, 13, 9, 5, 2, 0, -2, -5, -9, -13, -17, -21, -26]
    + [-32, -26, -21, -17, -13, -9, -5, -2, 0, 2, 5, 9, 13, 17, 21, 26, 32],
    np.int64,
)
_negative = [-2, -5, -9, -13, -17, -21, -26, -32]
INVERSE_ANGLES = np.zeros(33, np.int64)  # by -angle
for _a in _negative:
    INVERSE_ANGLES[-_a] = round(8192 / -_a)


@compiled_inner
def gather_edges(rec, shift, done, y, x, n, above, left):
    """Collect the decoded pixels around a block: above[0] and left[0] are the corner, then 2n of each.

    A pixel that is not decoded yet is replaced by the nearest one that is. shift: 1 for chroma of half size. done: what
    is decoded, per 4x4 pixels of luma.
    """
    h, w, unit = rec.shape[0] >> shift, rec.shape[1] >> shift, 4 >> shift
    found = False
    # from the bottom left up to the corner, then right
    value = np.int64(128)
    missing = 0
    for k in range(2 * n, 0, -unit):
        yy = y + k - unit
        if x > 0 and yy < h and done[yy // unit, (x - 1) // unit]:
            for j in range(unit):
                left[k - j] = rec[y + k - 1 - j, x - 1]
            if not found:
                found = True
                first = np.int64(left[k])
                for j in range(k + 1, 2 * n + 1):
                    left[j] = first
            value = np.int64(left[k - unit + 1])
        elif found:
            for j in range(unit):
                left[k - j] = value
        else:
            missing += 1
    if x > 0 and y > 0 and done[(y - 1) // unit, (x - 1) // unit]:
        corner = np.int64(rec[y - 1, x - 1])
        if not found:
            found = True
            for j in range(1, 2 * n + 1):
                left[j] = corner
        value = corner
    elif found:
        corner = value
    else:
        corner = np.int64(-1)
    above[0] = corner
    for k in range(0, 2 * n, unit):
        xx = x + k
        if y > 0 and xx < w and done[(y - 1) // unit, xx // unit]:
            for i in range(unit):
                above[1 + k + i] = rec[y - 1, xx + i]
            if not found:
                found = True
                first = np.int64(above[1 + k])
                for j in range(1, 2 * n + 1):
                    left[j] = first
                for i in range(k + 1):
                    above[i] = first
            value = np.int64(above[k + unit])
        elif found:
            for i in range(unit):
                above[1 + k + i] = value
    if not found:
        for j in range(2 * n + 1):
            above[j] = 128
            left[j] = 128
    left[0] = above[0]


@compiled_inner
def smooth_edges(above, left, n, above2, left2):
    """The edges filtered by 1 2 1."""
    above2[0] = (left[1] + 2 * above[0] + above[1] + 2) >> 2
    left2[0] = above2[0]
    for i in range(1, 2 * n):
        above2[i] = (above[i - 1] + 2 * above[i] + above[i + 1] + 2) >> 2
        left2[i] = (left[i - 1] + 2 * left[i] + left[i + 1] + 2) >> 2
    above2[2 * n] = above[2 * n]
    left2[2 * n] = left[2 * n]


@compiled_inner
def wants_smooth(n, mode):
    """Whether a luma block of this size and mode is predicted from smoothed edges."""
    if mode == 1 or n == 4:
        return False
    if mode == 0:
        return True
    away = min(abs(mode - 26), abs(mode - 10))
    return away > (7 if n == 8 else (1 if n == 16 else 0))


@compiled_inner
def predict_intra(above, left, n, mode, out, line):
    """out[:n, :n] by a mode 0..34. line: int32 scratch (3 * 32 + 2,)."""
    if mode == 0:
        shift = (2 if n == 4 else (3 if n == 8 else (4 if n == 16 else 5))) + 1
        right, bottom = above[n + 1], left[n + 1]
        for j in range(n):
            o, a, up = out[j], left[j + 1], above[1 : n + 1]
            base, weight = np.int32((j + 1) * bottom + n), np.int32(n - 1 - j)
            for i in range(n):
                o[i] = np.int32((n - 1 - i) * a + (i + 1) * right + weight * up[i] + base) >> shift
        return
    if mode == 1:
        s = n
        for i in range(n):
            s += above[i + 1] + left[i + 1]
        value = s // (2 * n)
        for j in range(n):
            for i in range(n):
                out[j, i] = value
        return
    angle = ANGLES[mode]
    vertical = mode >= 18
    main, side = (above, left) if vertical else (left, above)
    # line[32 + i] is the main edge from its corner on; below, the other edge as it is seen along the direction
    for i in range(2 * n + 1):
        line[32 + i] = main[i]
    if angle < 0:
        inverse = INVERSE_ANGLES[-angle]
        for i in range(1, ((-angle * n) >> 5) + 1):
            line[32 - i] = side[min((i * inverse + 128) >> 8, 2 * n)]
    for j in range(n):
        delta = (j + 1) * angle
        whole, part = delta >> 5, delta & 31
        s, o = line[33 + whole : 33 + whole + n + 1], out[j]
        first, second = np.int32(32 - part), np.int32(part)
        for i in range(n):
            o[i] = np.int32(first * s[i] + second * s[i + 1] + 16) >> 5
    if not vertical:
        for j in range(n):
            for i in range(j):
                out[j, i], out[i, j] = out[i, j], out[j, i]
