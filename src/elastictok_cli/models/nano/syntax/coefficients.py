"""Quantised coefficients of one transform block: last diagonal, significance, magnitudes, signs.

Contexts look only at symbols already coded. The encoder's quantiser prices with the first context of each bit.
"""

from __future__ import annotations

import numpy as np

from ....entropy.mixing import code
from ....entropy.rangecoder import DECODE, MODE, code_raw
from ....jit import compiled_inner
from ..recon.transform import size_index
from . import contexts as cx

LAST_DIAGONAL = np.array([6, 14, 30, 31], np.int64)  # by size: beyond it a 32x32 transform has nothing
PADDED = 36  # side of a block with its margin of zeros
MAX_LEVEL = 32767

# DIAGONAL_V[size, d, k], DIAGONAL_H[size, d, k], k < DIAGONAL_N[size, d]
DIAGONAL_V = np.zeros((4, 32, 32), np.int8)
DIAGONAL_H = np.zeros((4, 32, 32), np.int8)
DIAGONAL_N = np.zeros((4, 32), np.int64)
DIAGONAL_CLASS = np.zeros((4, 32), np.int64)
for _t, _n in enumerate((4, 8, 16, 32)):
    for _d in range(LAST_DIAGONAL[_t] + 1):
        _cells = [(v, _d - v) for v in range(_n) if 0 <= _d - v < _n]
        DIAGONAL_N[_t, _d] = len(_cells)
        for _k, (_v, _h) in enumerate(_cells):
            DIAGONAL_V[_t, _d, _k], DIAGONAL_H[_t, _d, _k] = _v, _h
        DIAGONAL_CLASS[_t, _d] = sum(_d >= first for first in (1, 2, 3, 5, 8, 12, 18))

# Last diagonal d: class 0, 1, 2 (2, 3), 3 (4..7), 4 (8..15), 5 (16..31)
LAST_CLASS = np.array([int(d).bit_length() for d in range(32)], np.int64)


@compiled_inner
def any_level(q, y, x, height, width):
    """Whether a rectangle of levels has one that is not zero."""
    for j in range(y, y + height):
        row = q[j, x : x + width]
        s = np.int32(0)
        for i in range(row.size):
            s |= np.int32(row[i])
        if s != 0:
            return True
    return False


@compiled_inner
def neighbour_sums(b, v, h):
    """(S, S1): magnitudes of five coded neighbours, and what of them exceeds 1. b: zero beyond the block."""
    a0, a1, a2, a3, a4 = abs(b[v + 1, h]), abs(b[v + 2, h]), abs(b[v, h + 1]), abs(b[v, h + 2]), abs(b[v + 1, h + 1])
    s = a0 + a1 + a2 + a3 + a4
    s1 = max(a0 - 1, 0) + max(a1 - 1, 0) + max(a2 - 1, 0) + max(a3 - 1, 0) + max(a4 - 1, 0)
    if v > 0 and b[v - 1, h + 1] != 0:
        s += 1
    return s, s1


@compiled_inner
def significance_context(chroma, t, position_class, s):
    """The first context of "is this coefficient not zero"."""
    return cx.SIG0 + ((chroma * 4 + t) * 9 + position_class) * 7 + min(s, 6)


@compiled_inner
def greater_context(chroma, which, d, s1):
    """The first context of "is the magnitude greater than `which` + 1"."""
    return cx.GREATER0 + ((chroma * 2 + which) * 3 + (0 if d == 0 else (1 if d < 4 else 2))) * 6 + min(s1, 5)


@compiled_inner
def last_context(plane, t, intra, i):
    """The first context of bin i of the last diagonal's class."""
    return cx.LAST0 + ((plane * 4 + t) * 8 + i) * 2 + intra


@compiled_inner
def code_last(coder, last, t, plane, kind, intra, quality):
    """The last diagonal that has a coefficient."""
    chroma = 1 if plane else 0
    x = coder.active
    most = LAST_CLASS[LAST_DIAGONAL[t]]
    group = LAST_CLASS[max(last, 0)]
    i = np.int64(0)
    while i < most:
        x[0] = last_context(plane, t, intra, i)
        x[1] = cx.LAST1 + ((chroma * 4 + t) * 8 + i) * cx.QUALITIES + quality
        x[2] = cx.LAST2 + (t * 8 + i) * cx.KINDS + kind
        if not code(coder, cx.W_LAST + chroma, np.int64(3), np.int64(1 if group > i else 0)):
            break
        i += 1
    if i < 2:
        return i
    node = np.int64(1)
    for k in range(i - 2, -1, -1):
        x[0] = cx.LAST_REST0 + (t * 6 + i) * 16 + node
        x[1] = cx.LAST_REST1 + (chroma * 6 + i) * 16 + node
        node = 2 * node + code(coder, cx.W_LAST_REST, np.int64(2), np.int64((last >> k) & 1))
    # most classes end within the block; a damaged stream may say more
    return min(node, LAST_DIAGONAL[t])


@compiled_inner
def _code_magnitude(coder, chroma, plane, t, kind, quality, d, v, h, s, s1, size):
    """The magnitude of a coefficient that is not zero."""
    x = coder.active
    for which in range(2):
        x[0] = greater_context(chroma, which, d, s1)
        x[1] = cx.GREATER1 + ((which * 4 + t) * 16 + min(v, 3) * 4 + min(h, 3)) * 4 + min(s, 3)
        x[2] = cx.GREATER2 + ((which * cx.QUALITIES + quality) * cx.KINDS + kind) * 4 + min(s1, 3)
        if not code(coder, cx.W_GREATER + which, np.int64(3), np.int64(1 if size > which + 1 else 0)):
            return np.int64(which + 1)
    rest = size - 3
    k = np.int64(0)
    while k < 14:
        x[0] = cx.REST0 + plane * 20 + k
        x[1] = cx.REST1 + quality * 20 + k
        if not code(coder, cx.W_REST, np.int64(2), np.int64(1 if rest >= (1 << k) else 0)):
            break
        rest -= 1 << k
        k += 1
    return min(3 + (1 << k) - 1 + code_raw(coder.io, coder.buf, rest & ((1 << k) - 1), k), MAX_LEVEL)


@compiled_inner
def code_coefficients(coder, b, n, plane, kind, intra_class, quality):
    """One transform block that has a coefficient. b: int32 (PADDED, PADDED), zero but for the levels when writing."""
    t = size_index(n)
    chroma = 1 if plane else 0
    decoding = coder.io[MODE] == DECODE
    x = coder.active
    last = np.int64(0)
    if not decoding:
        last = last_diagonal(b, t)
    last = code_last(coder, last, t, plane, kind, np.int64(1 if intra_class else 0), quality)
    seen = np.int64(0)
    for d in range(last, -1, -1):
        count = DIAGONAL_N[t, d]
        for k in range(count):
            v, h = np.int64(DIAGONAL_V[t, d, k]), np.int64(DIAGONAL_H[t, d, k])
            s, s1 = neighbour_sums(b, v, h)
            level = np.int64(b[v, h])
            bit = np.int64(1 if level else 0)
            if d < last or seen > 0 or k < count - 1:
                cls = 8 if d == last else DIAGONAL_CLASS[t, d]
                x[0] = significance_context(chroma, t, cls, s)
                x[1] = cx.SIG1 + ((chroma * 4 + t) * 64 + min(v, 7) * 8 + min(h, 7)) * 3 + min(s, 2)
                x[2] = cx.SIG2 + ((kind * 3 + plane) * 9 + cls) * 7 + min(s, 6)
                x[3] = cx.SIG3 + (((quality * 4 + t) * 2 + chroma) * 9 + cls) * 4 + min(s, 3)
                x[4] = cx.SIG4 + ((intra_class * 16 + min(v, 3) * 4 + min(h, 3)) * 3 + min(s, 2)) * 4 + t
                x[5] = cx.SIG5 + (min(seen, 7) * 16 + min(d, 15)) * 4 + t
                bit = code(coder, cx.W_SIG + chroma * 4 + t, np.int64(6), bit)
            else:
                bit = np.int64(1)
            if bit:
                seen += 1
                size = _code_magnitude(coder, chroma, plane, t, kind, quality, d, v, h, s, s1, abs(level))
                negative = code_raw(coder.io, coder.buf, np.int64(1 if level < 0 else 0), 1)
                b[v, h] = -size if negative else size


@compiled_inner
def last_diagonal(b, t):
    """The last diagonal of b with a coefficient, -1 if there is none."""
    for d in range(LAST_DIAGONAL[t], -1, -1):
        for k in range(DIAGONAL_N[t, d]):
            if b[DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k]] != 0:
                return d
    return np.int64(-1)


@compiled_inner
def clear_block(b, n):
    """Zero a block and the margin that its contexts look at."""
    for v in range(n + 2):
        for h in range(n + 2):
            b[v, h] = 0


@compiled_inner
def load_block(q, y, x, n, b):
    """Levels of one block into b; returns whether there is any."""
    found = False
    for v in range(n):
        for h in range(n):
            level = q[y + v, x + h]
            b[v, h] = level
            if level != 0:
                found = True
    return found


@compiled_inner
def store_block(q, y, x, n, b):
    """Levels of b into their place."""
    for v in range(n):
        for h in range(n):
            q[y + v, x + h] = b[v, h]


@compiled_inner
def has_levels(q, y, x, height, width):
    """Whether any level of a rectangle is not zero."""
    for j in range(height):
        row, any_here = q[y + j, x : x + width], np.int16(0)
        for i in range(width):
            any_here |= row[i]
        if any_here != 0:
            return True
    return False
