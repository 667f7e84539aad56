"""The residual syntax of a frame in "nano/3": quantised coefficients, after the motion of the frame.

As in motion.py, one function writes, reads, adapts or prices, and contexts depend on coded symbols alone. Coefficients
of a block are coded by diagonals of vertical plus horizontal frequency, from the last one with a coefficient back to
the first.

Arguments that recur:
    coder       ContextCoder
    block       BlockContext of one transform block
    b           int64 (18, 18), the levels of one transform block, with a border of zeros
    v, h        vertical and horizontal frequency; d = v + h; k is the place on the diagonal
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ....entropy.rangecoder import DECODE, MODE, code, code_raw, code_tree
from ....jit import Integer, compiled
from . import contexts as cx
from .motion import count_neighbours
from .motion_vectors import MV_X0, MV_X1, MV_Y0, MV_Y1, PRED_BI, PRED_FLAGS, PRED_L0, PRED_L1

# Diagonals of a 16x16 (row 0) and 8x8 (row 1) block: DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k], k < DIAGONAL_N[t, d].
DIAGONAL_V = np.zeros((2, 31, 16), np.int64)
DIAGONAL_H = np.zeros((2, 31, 16), np.int64)
DIAGONAL_N = np.zeros((2, 31), np.int64)
for _t, _n in ((0, 16), (1, 8)):
    for _d in range(2 * _n - 1):
        _places = [(v, _d - v) for v in range(_n) if 0 <= _d - v < _n]
        DIAGONAL_N[_t, _d] = len(_places)
        for _k, (_v, _h) in enumerate(_places):
            DIAGONAL_V[_t, _d, _k], DIAGONAL_H[_t, _d, _k] = _v, _h

DIAGONAL_CLASS = np.zeros((2, 31), np.int64)
for _d in range(31):
    DIAGONAL_CLASS[0, _d] = sum(_d >= _first for _first in (1, 2, 3, 5, 8, 12, 18))
    DIAGONAL_CLASS[1, _d] = min(7, DIAGONAL_CLASS[0, _d] + 1) if _d > 4 else DIAGONAL_CLASS[0, _d]


class BlockContext(NamedTuple):
    """What selects the contexts of one transform block.

    size: 16 or 8. plane: as in contexts.py, 0 .. 3. layer: temporal layer of the frame. activity: see
    `activity_class`. near_coded: CTUs left and above with a coefficient in this plane, 0 .. 2. other_coded: 1 if a
    plane (or 8x8 block) of this CTU before this one has a coefficient. magnitudes: int64 (64,), summed magnitudes of
    the CTUs left and above by frequency.
    """

    size: Integer
    plane: Integer
    layer: Integer
    activity: Integer
    near_coded: Integer
    other_coded: Integer
    magnitudes: npt.NDArray[np.int64]


class CodedResidual(NamedTuple):
    """What the residual syntax remembers of the CTUs of a frame, and its working memory.

    magnitudes: int32 (3, rows, columns, 64), magnitudes of the coefficients by plane, CTU and frequency. coded: uint8
    (3, rows, columns), coded block flags. near: int64 (64,), see BlockContext.magnitudes. levels: int64 (18, 18).
    """

    magnitudes: npt.NDArray[np.int32]
    coded: npt.NDArray[np.uint8]
    near: npt.NDArray[np.int64]
    levels: npt.NDArray[np.int64]


@compiled
def new_coded_residual(rows, columns):
    """The memory of a frame of which nothing is coded yet."""
    return CodedResidual(
        np.zeros((3, rows, columns, 64), np.int32),
        np.zeros((3, rows, columns), np.uint8),
        np.zeros(64, np.int64),
        np.zeros((18, 18), np.int64),
    )


@compiled(inline=True)
def neighbour_sums(b, v, h, k):
    """The magnitudes of five neighbours that are coded already: their sum, and the sum of what exceeds 1."""
    a0, a1, a2, a3, a4 = abs(b[v + 1, h]), abs(b[v + 2, h]), abs(b[v, h + 1]), abs(b[v, h + 2]), abs(b[v + 1, h + 1])
    s = a0 + a1 + a2 + a3 + a4
    s1 = max(a0 - 1, 0) + max(a1 - 1, 0) + max(a2 - 1, 0) + max(a3 - 1, 0) + max(a4 - 1, 0)
    if k > 0 and b[v - 1, h + 1] != 0:
        s += 1
    return s, s1


@compiled(inline=True)
def significant_context(block, d, last, s, place):
    """The context of a coefficient's significance flag. place: its frequency in `block.magnitudes`."""
    cls = 8 if d == last else DIAGONAL_CLASS[1 if block.size == 8 else 0, d]
    sum_class = 6 if s >= 6 else (5 if s >= 4 else s)
    near = block.magnitudes[place]
    near_class = 2 if near > 2 else (1 if near > 0 else 0)
    return cx.SIGNIFICANT + (((block.plane * cx.LAYERS + block.layer) * 9 + cls) * 7 + sum_class) * 3 + near_class


@compiled(inline=True)
def greater_context(block, d, s1):
    """The offset of the contexts of greater-1 and greater-2 flags inside their groups."""
    inter = 1 if block.layer > 0 else 0
    return ((block.plane * 2 + inter) * 3 + (0 if d == 0 else (1 if d < 4 else 2))) * 6 + min(s1, 5)


@compiled
def coded_block_flag_context(block):
    """The context of the flag that says whether a block has any coefficient."""
    base = (block.plane * cx.LAYERS + block.layer) * 3 + block.near_coded
    return cx.CODED_BLOCK_FLAG + (base * 4 + block.activity) * 2 + block.other_coded


@compiled
def code_last_diagonal(coder, block, last):
    """The last diagonal with a coefficient."""
    io, buf, ctx = coder
    base = cx.LAST + ((block.plane * cx.LAYERS + block.layer) * 4 + block.activity) * 32
    return code_tree(io, buf, ctx, base, last, 4 if block.size == 8 else 5)


@compiled
def last_diagonal(b, n):
    """The last diagonal of an n x n block with a coefficient, -1 if the block is empty."""
    t = 1 if n == 8 else 0
    for d in range(2 * n - 2, -1, -1):
        for k in range(DIAGONAL_N[t, d]):
            if b[DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k]] != 0:
                return d
    return -1


@compiled
def code_levels(coder, block, b, last):
    """The levels of a transform block that are not all zero, in b. Returns how many are not zero.

    last: the last diagonal with a coefficient, ignored when decoding.
    """
    io, buf, ctx = coder
    n = block.size
    t = 1 if n == 8 else 0
    decoding = io[MODE] == DECODE
    last = min(code_last_diagonal(coder, block, last), 2 * n - 2)  # only a damaged stream has more
    count = 0
    for d in range(last, -1, -1):
        width = DIAGONAL_N[t, d]
        for k in range(width):
            v, h = DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k]
            value = np.int64(b[v, h])
            level = abs(value)
            s, s1 = neighbour_sums(b, v, h, k)
            if not (d == last and k == width - 1 and count == 0):  # that one cannot be zero
                place = v * 8 + h if t else (v >> 1) * 8 + (h >> 1)
                if not code(io, buf, ctx, significant_context(block, d, last, s, place), 1 if level else 0):
                    if decoding:
                        b[v, h] = 0
                    continue
            count += 1
            negative = code_raw(io, buf, 1 if value < 0 else 0, 1)
            at = greater_context(block, d, s1)
            magnitude = np.int64(1)
            if code(io, buf, ctx, cx.GREATER1 + at, 1 if level > 1 else 0):
                magnitude = np.int64(2)
                if code(io, buf, ctx, cx.GREATER2 + at, 1 if level > 2 else 0):
                    rest = level - 3
                    e = 0
                    base = cx.REMAINDER + block.plane * 20
                    while e < 14 and code(io, buf, ctx, base + e, 1 if rest >= (1 << e) else 0):
                        rest -= 1 << e
                        e += 1
                    magnitude = 3 + (1 << e) - 1 + code_raw(io, buf, rest, e)
            if decoding:
                b[v, h] = -magnitude if negative else magnitude
    return count


@compiled
def load_block(levels, plane, y, x, n, b):
    """Copy the n x n levels at (y, x) of a plane into b, with a border of zeros."""
    for v in range(n + 2):
        for h in range(n + 2):
            b[v, h] = levels[plane, y + v, x + h] if v < n and h < n else 0


@compiled
def store_block(levels, plane, y, x, n, b):
    """Copy the n x n levels in b to (y, x) of a plane."""
    for v in range(n):
        for h in range(n):
            levels[plane, y + v, x + h] = b[v, h]


@compiled
def add_magnitudes(b, n, out):
    """Add the magnitudes in b to the 8x8 map of frequencies `out` (64,)."""
    for v in range(n):
        for h in range(n):
            if b[v, h] != 0:
                out[v * 8 + h if n == 8 else (v >> 1) * 8 + (h >> 1)] += abs(b[v, h])


@compiled
def gather_magnitudes(state, plane, ctu_y, ctu_x):
    """Sum the maps of the CTUs left and above into state.near. Returns how many of the two are coded."""
    n = 0
    near = state.near
    near[:] = 0
    if ctu_x > 0 and state.coded[plane, ctu_y, ctu_x - 1]:
        n += 1
        near += state.magnitudes[plane, ctu_y, ctu_x - 1]
    if ctu_y > 0 and state.coded[plane, ctu_y - 1, ctu_x]:
        n += 1
        near += state.magnitudes[plane, ctu_y - 1, ctu_x]
    return n


@compiled
def activity_class(refs, mv, ctu_y, ctu_x):
    """0 .. 3: how many luma coefficients the references have where this CTU is copied from. 0 in intra frames."""
    if refs.layer == 0:
        return np.int64(0)
    rows, columns = refs.activity0.shape
    m = mv[2 * ctu_y, 2 * ctu_x]
    total = np.int64(0)
    if m[PRED_FLAGS] & PRED_L0:
        y = min(max(ctu_y * 16 + 8 + (m[MV_Y0] >> 2), 0) >> 4, rows - 1)
        x = min(max(ctu_x * 16 + 8 + (m[MV_X0] >> 2), 0) >> 4, columns - 1)
        total += refs.activity0[y, x]
    if m[PRED_FLAGS] & PRED_L1:
        y = min(max(ctu_y * 16 + 8 + (m[MV_Y1] >> 2), 0) >> 4, rows - 1)
        x = min(max(ctu_x * 16 + 8 + (m[MV_X1] >> 2), 0) >> 4, columns - 1)
        total += refs.activity1[y, x]
    if m[PRED_FLAGS] == PRED_BI:
        total = (total + 1) >> 1
    return np.int64(0 if total == 0 else (1 if total < 4 else (2 if total < 12 else 3)))


@compiled
def code_ctu_residual(coder, refs, tokens, activity, state, ctu_y, ctu_x):
    """All coefficients of one CTU: luma, then the two chroma planes. Returns the number of luma coefficients.

    activity: the CTU's `activity_class`. state: CodedResidual. When decoding, tokens.levels must be zero before.
    """
    io, buf, ctx = coder
    tx_8x8, levels, b, coded = tokens.tx_8x8, tokens.levels, state.levels, state.coded
    layer = refs.layer
    decoding = io[MODE] == DECODE
    y, x = 16 * ctu_y, 16 * ctu_x
    luma_count = np.int64(0)
    # As variables: numba compiles a function anew for every literal that it is called with.
    size16, size8, luma, luma8, no, yes = (
        np.int64(16), np.int64(8), np.int64(0), np.int64(1), np.int64(0), np.int64(1)
    )  # fmt: skip
    for plane in range(3):
        map_ = state.magnitudes[plane, ctu_y, ctu_x]
        map_[:] = 0
        near_coded = np.int64(gather_magnitudes(state, plane, ctu_y, ctu_x))
        if decoding:
            b[:] = 0
        else:
            load_block(levels, plane, y, x, size16, b)
        last = last_diagonal(b, size16)
        context_plane = np.int64(1 + plane if plane else 0)
        other = yes if plane and (coded[0, ctu_y, ctu_x] or (plane == 2 and coded[1, ctu_y, ctu_x])) else no
        block = BlockContext(size16, context_plane, layer, activity, near_coded, other, state.near)
        coded[plane, ctu_y, ctu_x] = code(io, buf, ctx, coded_block_flag_context(block), 1 if last >= 0 else 0)
        if plane == 0:
            if not coded[0, ctu_y, ctu_x]:
                tx_8x8[ctu_y, ctu_x] = 0
                continue
            at = cx.TX_8X8 + layer * 3 + count_neighbours(tx_8x8, ctu_y, ctu_x)
            tx_8x8[ctu_y, ctu_x] = code(io, buf, ctx, at, np.int64(tx_8x8[ctu_y, ctu_x]))
            if tx_8x8[ctu_y, ctu_x]:
                for k in range(4):
                    sub_y, sub_x = y + 8 * (k >> 1), x + 8 * (k & 1)
                    if decoding:
                        b[:] = 0
                    else:
                        load_block(levels, luma, sub_y, sub_x, size8, b)
                    last = last_diagonal(b, size8)
                    other = yes if luma_count else no
                    block = BlockContext(size8, luma8, layer, activity, near_coded, other, state.near)
                    if code(io, buf, ctx, coded_block_flag_context(block), 1 if last >= 0 else 0):
                        luma_count += code_levels(coder, block, b, last)
                        add_magnitudes(b, size8, map_)
                        if decoding:
                            store_block(levels, luma, sub_y, sub_x, size8, b)
                continue
        elif not coded[plane, ctu_y, ctu_x]:
            continue
        n = code_levels(coder, block, b, last)
        add_magnitudes(b, size16, map_)
        if plane == 0:
            luma_count = n
        if decoding:
            store_block(levels, plane, y, x, size16, b)
    return luma_count


@compiled
def code_frame_residual(coder, refs, tokens, activity):
    """The coefficients of a frame, after its motion. tokens.levels must be zero when decoding.

    activity: out, uint8 (rows, columns), see RefInfo.
    """
    rows, columns = activity.shape
    state = new_coded_residual(rows, columns)
    for ctu_y in range(rows):
        for ctu_x in range(columns):
            ctu_activity = activity_class(refs, tokens.mv, ctu_y, ctu_x)
            n = code_ctu_residual(coder, refs, tokens, ctu_activity, state, ctu_y, ctu_x)
            activity[ctu_y, ctu_x] = min(n, 255)
