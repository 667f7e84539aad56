"""The grammar of nano tokens ("nano/3"), second half: the quantised coefficients of a frame, after its motion.

As in motion_syntax.py, one function writes, reads, adapts or prices, and contexts depend on symbols alone.

    eight  uint8 (ph, pw)       luma by four 8x8 transforms
    q      int16 (3, h, w)      quantised coefficients, each patch's at its own place, [vertical][horizontal] frequency
"""

from __future__ import annotations

import numpy as np

from ....entropy.rangecoder import DECODE, MODE, code, code_raw, code_tree
from ....jit import compiled
from . import contexts as cx
from .motion import near_count

# Diagonals of a 16x16 (row 0) and 8x8 (row 1) block: DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k], k < DIAGONAL_N[t, d].
DIAGONAL_V = np.zeros((2, 31, 16), np.int64)
DIAGONAL_H = np.zeros((2, 31, 16), np.int64)
DIAGONAL_N = np.zeros((2, 31), np.int64)
for _t, _n in ((0, 16), (1, 8)):
    for _d in range(2 * _n - 1):
        _cells = [(v, _d - v) for v in range(_n) if 0 <= _d - v < _n]
        DIAGONAL_N[_t, _d] = len(_cells)
        for _k, (_v, _h) in enumerate(_cells):
            DIAGONAL_V[_t, _d, _k], DIAGONAL_H[_t, _d, _k] = _v, _h

DIAGONAL_CLASS = np.zeros((2, 31), np.int64)
for _d in range(31):
    DIAGONAL_CLASS[0, _d] = sum(_d >= _first for _first in (1, 2, 3, 5, 8, 12, 18))
    DIAGONAL_CLASS[1, _d] = min(7, DIAGONAL_CLASS[0, _d] + 1) if _d > 4 else DIAGONAL_CLASS[0, _d]


@compiled(inline=True)
def neighbour_sums(b, v, h, k):
    """(S, S1): magnitudes of five neighbours, and what of them exceeds 1. b: (18, 18), zero beyond the block."""
    a0, a1, a2, a3, a4 = abs(b[v + 1, h]), abs(b[v + 2, h]), abs(b[v, h + 1]), abs(b[v, h + 2]), abs(b[v + 1, h + 1])
    s = a0 + a1 + a2 + a3 + a4
    s1 = max(a0 - 1, 0) + max(a1 - 1, 0) + max(a2 - 1, 0) + max(a3 - 1, 0) + max(a4 - 1, 0)
    if k > 0 and b[v - 1, h + 1] != 0:
        s += 1
    return s, s1


@compiled(inline=True)
def significance(plane, kind, t, d, last, s, near):
    """Context of "is this coefficient not zero"."""
    cls = 8 if d == last else DIAGONAL_CLASS[t, d]
    sc = 6 if s >= 6 else (5 if s >= 4 else s)
    nm = 2 if near > 2 else (1 if near > 0 else 0)
    return cx.SIGNIFICANT + (((plane * cx.KINDS + kind) * 9 + cls) * 7 + sc) * 3 + nm


@compiled(inline=True)
def magnitude(plane, kind, d, s1):
    """Offset of the greater-1 and greater-2 contexts inside their groups."""
    return ((plane * 2 + (1 if kind > 0 else 0)) * 3 + (0 if d == 0 else (1 if d < 4 else 2))) * 6 + min(s1, 5)


@compiled
def coded_flag(plane, kind, near_coded, activity, other_coded):
    """Context of "has this block any coefficient"."""
    return cx.CODED + (((plane * cx.KINDS + kind) * 3 + near_coded) * 4 + activity) * 2 + other_coded


@compiled
def code_last(io, buf, ctx, last, t, plane, kind, activity):
    """Which diagonal is the last with a coefficient. t: 1 for an 8x8 block."""
    base = cx.LAST + ((plane * cx.KINDS + kind) * 4 + activity) * 32
    return code_tree(io, buf, ctx, base, last, 4 if t else 5)


@compiled
def last_diagonal(b, n):
    """The last diagonal with a coefficient, -1 if the block is empty."""
    t = 1 if n == 8 else 0
    for d in range(2 * n - 2, -1, -1):
        for k in range(DIAGONAL_N[t, d]):
            if b[DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k]] != 0:
                return d
    return -1


@compiled
def code_levels(io, buf, ctx, b, n, last, plane, kind, activity, near):
    """The n x n coefficients in b (18, 18), not all zero; near (64,): magnitudes of the neighbour patches by frequency.

    From the last diagonal that has any (`last`, ignored when decoding) back to the first. Returns how many there are.
    """
    t = 1 if n == 8 else 0
    decoding = io[MODE] == DECODE
    last = min(code_last(io, buf, ctx, last, t, plane, kind, activity), 2 * n - 2)  # more only in a damaged stream
    count = 0
    for d in range(last, -1, -1):
        width = DIAGONAL_N[t, d]
        for k in range(width):
            v, h = DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k]
            value = np.int64(b[v, h])
            level = abs(value)
            s, s1 = neighbour_sums(b, v, h, k)
            if not (d == last and k == width - 1 and count == 0):  # else it is implied
                place = v * 8 + h if t else (v >> 1) * 8 + (h >> 1)
                i = significance(plane, kind, t, d, last, s, near[place])
                if not code(io, buf, ctx, i, 1 if level else 0):
                    if decoding:
                        b[v, h] = 0
                    continue
            count += 1
            negative = code_raw(io, buf, 1 if value < 0 else 0, 1)
            at = magnitude(plane, kind, d, s1)
            size = np.int64(1)
            if code(io, buf, ctx, cx.GREATER1 + at, 1 if level > 1 else 0):
                size = np.int64(2)
                if code(io, buf, ctx, cx.GREATER2 + at, 1 if level > 2 else 0):
                    rest = level - 3
                    e = 0
                    while e < 14 and code(io, buf, ctx, cx.REST + plane * 20 + e, 1 if rest >= (1 << e) else 0):
                        rest -= 1 << e
                        e += 1
                    size = 3 + (1 << e) - 1 + code_raw(io, buf, rest, e)
            if decoding:
                b[v, h] = -size if negative else size
    return count


@compiled
def load_block(q, plane, y, x, n, b):
    """Copy an n x n block of coefficients into b (18, 18) with a zero border."""
    for v in range(n + 2):
        for h in range(n + 2):
            b[v, h] = q[plane, y + v, x + h] if v < n and h < n else 0


@compiled
def store_block(q, plane, y, x, n, b):
    """Copy b back into the coefficient plane."""
    for v in range(n):
        for h in range(n):
            q[plane, y + v, x + h] = b[v, h]


@compiled
def add_magnitudes(b, n, out):
    """Add the magnitudes in b to the 8x8 frequency map `out` (64,)."""
    for v in range(n):
        for h in range(n):
            if b[v, h] != 0:
                out[v * 8 + h if n == 8 else (v >> 1) * 8 + (h >> 1)] += abs(b[v, h])


@compiled
def near_magnitudes(maps, coded, plane, py, px, near):
    """Sum of the left and upper patch's frequency maps into near (64,); returns how many of the two are coded."""
    n = 0
    near[:] = 0
    if px > 0 and coded[plane, py, px - 1]:
        n += 1
        near += maps[plane, py, px - 1]
    if py > 0 and coded[plane, py - 1, px]:
        n += 1
        near += maps[plane, py - 1, px]
    return n


@compiled
def activity_class(mv, act0, act1, py, px):
    """0..3: how much was coded where this patch is copied from (act: coded luma coefficients per patch, uint8)."""
    ph, pw = act0.shape
    m = mv[2 * py, 2 * px]
    total = np.int64(0)
    if m[4] & 1:
        y = min(max(py * 16 + 8 + (m[1] >> 2), 0) >> 4, ph - 1)
        x = min(max(px * 16 + 8 + (m[0] >> 2), 0) >> 4, pw - 1)
        total += act0[y, x]
    if m[4] & 2:
        y = min(max(py * 16 + 8 + (m[3] >> 2), 0) >> 4, ph - 1)
        x = min(max(px * 16 + 8 + (m[2] >> 2), 0) >> 4, pw - 1)
        total += act1[y, x]
    if m[4] == 3:
        total = (total + 1) >> 1
    return 0 if total == 0 else (1 if total < 4 else (2 if total < 12 else 3))


@compiled
def code_residual_patch(io, buf, ctx, kind, activity, eight, q, maps, coded, py, px, b, near):
    """All coefficients of one patch: luma, then the two colour planes. Returns the number of luma coefficients.

    When decoding, q must be zero before. maps int32 (3, ph, pw, 64) and coded uint8 (3, ph, pw): neighbours' record.
    """
    decoding = io[MODE] == DECODE
    y, x = 16 * py, 16 * px
    luma = np.int64(0)
    large, small, grey, grey8 = np.int64(16), np.int64(8), np.int64(0), np.int64(1)  # variables: compiled once
    for plane in range(3):
        record = maps[plane, py, px]
        record[:] = 0
        n_near = near_magnitudes(maps, coded, plane, py, px, near)
        if decoding:
            b[:] = 0
        else:
            load_block(q, plane, y, x, large, b)
        last = last_diagonal(b, large)
        name = 1 + plane if plane else grey
        other = np.int64(1 if plane and (coded[0, py, px] or (plane == 2 and coded[1, py, px])) else 0)
        coded[plane, py, px] = code(
            io, buf, ctx, coded_flag(name, kind, n_near, activity, other), 1 if last >= 0 else 0
        )
        if plane == 0:
            if not coded[0, py, px]:
                eight[py, px] = 0
                continue
            eight[py, px] = code(io, buf, ctx, cx.EIGHT + kind * 3 + near_count(eight, py, px), np.int64(eight[py, px]))
            if eight[py, px]:
                for k in range(4):
                    y8, x8 = y + 8 * (k >> 1), x + 8 * (k & 1)
                    if decoding:
                        b[:] = 0
                    else:
                        load_block(q, grey, y8, x8, small, b)
                    last = last_diagonal(b, small)
                    at = coded_flag(grey8, kind, n_near, activity, np.int64(1 if luma else 0))
                    if code(io, buf, ctx, at, 1 if last >= 0 else 0):
                        luma += code_levels(io, buf, ctx, b, small, last, grey8, kind, activity, near)
                        add_magnitudes(b, small, record)
                        if decoding:
                            store_block(q, grey, y8, x8, small, b)
                continue
        elif not coded[plane, py, px]:
            continue
        n = code_levels(io, buf, ctx, b, large, last, name, kind, activity, near)
        add_magnitudes(b, large, record)
        if plane == 0:
            luma = n
        if decoding:
            store_block(q, plane, y, x, large, b)
    return luma


@compiled
def code_residual(io, buf, ctx, kind, act0, act1, mv, eight, q, act):
    """The coefficients of a frame, after its motion. q must be zero when decoding. act (ph, pw): out."""
    ph, pw = eight.shape
    b = np.zeros((18, 18), np.int64)
    near = np.zeros(64, np.int64)
    maps = np.zeros((3, ph, pw, 64), np.int32)
    coded = np.zeros((3, ph, pw), np.uint8)
    for py in range(ph):
        for px in range(pw):
            activity = activity_class(mv, act0, act1, py, px) if kind else np.int64(0)
            n = code_residual_patch(io, buf, ctx, kind, activity, eight, q, maps, coded, py, px, b, near)
            act[py, px] = min(n, 255)
