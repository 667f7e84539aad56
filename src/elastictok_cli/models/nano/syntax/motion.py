"""The grammar of nano tokens ("nano/3"), first half: what is said about the motion of a frame.

Each function runs in the mode of its coder (rangecoder.py): it writes, reads, adapts or prices the very same
decisions. Contexts depend on symbols already coded and on nothing else: never on a pixel, never on a float.

Arrays of one frame (pw x ph patches of 16x16, fw x fh cells of 8x8):
    mv     int16 (fh, fw, 6)    x, y into reference 0; x, y into reference 1 (quarter pixels); uses: 1 first, 2 second,
                                3 mean of both, 0 not coded yet; 1 if merged
    split  uint8 (ph, pw)       four vectors instead of one
    intra  int8  (ph, pw)       -1 predicted from other frames, else the direction 0..14
    alone  uint8 (ph, pw)       predicted from its own vectors alone, and not overlapped with its neighbours'
"""

from __future__ import annotations

import numpy as np

from ....entropy.rangecoder import DECODE, MODE, code, code_raw, code_tree
from ....jit import compiled
from . import contexts as cx
from .motion_vectors import VECTOR_LIMIT, is_equal, is_same, merge_list, predicted_vector, scaled


@compiled
def _code_difference(io, buf, ctx, kind, group, value):
    """A vector difference in quarter pixels: zero?, sign, Exp-Golomb with adaptive prefix and first suffix bit."""
    base = cx.VECTOR + (kind * 4 + group) * cx.VECTOR_SIZE
    if not code(io, buf, ctx, base, 1 if value else 0):
        return np.int64(0)
    negative = code_raw(io, buf, 1 if value < 0 else 0, 1)
    rest = abs(value) - 1
    k = 0
    while k < 12 and code(io, buf, ctx, base + 1 + k, 1 if rest >= (1 << k) else 0):
        rest -= 1 << k
        k += 1
    out = np.int64((1 << k) - 1)
    if k:
        top = code(io, buf, ctx, base + 16 + k, (rest >> (k - 1)) & 1)
        out += (top << (k - 1)) + code_raw(io, buf, rest & ((1 << (k - 1)) - 1), k - 1)
    out += 1
    return -out if negative else out


@compiled
def _clamped(v):
    return min(max(v, -VECTOR_LIMIT - 1), VECTOR_LIMIT)


@compiled
def code_vector(io, buf, ctx, kind, two, d0, d1, mv, temporal, bx, by, w, m, cand):
    """One motion decision: m (6,) in, or out when decoding. cand: scratch (8, 6)."""
    decoding = io[MODE] == DECODE
    n = merge_list(mv, temporal, two, bx, by, w, cand)
    small = 1 if w == 1 else 0
    index = -1
    if not decoding:
        for i in range(n):
            if is_same(cand[i], m):
                index = i
                break
    near = 0
    if bx > 0:
        near += mv[by, bx - 1, 5]
    if by > 0:
        near += mv[by - 1, bx, 5]
    if code(io, buf, ctx, cx.MERGE + (kind * 2 + small) * 3 + near, 1 if index >= 0 else 0):
        i = 0
        while i < n - 1 and code(io, buf, ctx, cx.MERGE_INDEX + (kind * 2 + small) * 8 + i, 1 if i < index else 0):
            i += 1
        for j in range(5):
            m[j] = cand[i, j]
        m[5] = 1
        return
    m[5] = 0
    uses = np.int64(1)
    if two:
        both = 0
        if bx > 0 and mv[by, bx - 1, 4] == 3:
            both += 1
        if by > 0 and mv[by - 1, bx, 4] == 3:
            both += 1
        base = cx.DIRECTION + (kind * 2 + small) * 8
        if code(io, buf, ctx, base + both, 1 if m[4] == 3 else 0):
            uses = np.int64(3)
        else:
            uses = 1 + code(io, buf, ctx, base + 4 + both, 1 if m[4] == 2 else 0)
    for j in range(4):  # what a vector does not use is zero, so that equal decisions are equal arrays
        if decoding or not uses & (1 << (j >> 1)):
            m[j] = 0
    m[4] = uses
    first, second = np.int64(0), np.int64(1)
    if uses & 1:
        for axis in range(2):
            p = predicted_vector(mv, temporal, bx, by, w, first, axis, d0, d1)
            m[axis] = _clamped(p + _code_difference(io, buf, ctx, kind, axis, m[axis] - p))
    if uses & 2:
        for axis in range(2):
            if uses == 3:
                p = scaled(np.int64(m[axis]), d1, d0)
            else:
                p = predicted_vector(mv, temporal, bx, by, w, second, axis, d0, d1)
            group = axis + 2 if uses == 3 else axis
            m[2 + axis] = _clamped(p + _code_difference(io, buf, ctx, kind, group, m[2 + axis] - p))


@compiled
def fill(mv, bx, by, w, m):
    """Write the vector m into the w x w cells at (bx, by)."""
    for y in range(by, by + w):
        for x in range(bx, bx + w):
            for j in range(6):
                mv[y, x, j] = m[j]


@compiled
def code_intra_mode(io, buf, ctx, intra, py, px, mode):
    """The direction of an intra patch, against those of the patches left and above (0 where they have none)."""
    left = max(np.int64(intra[py, px - 1]), 0) if px > 0 else np.int64(0)
    above = max(np.int64(intra[py - 1, px]), 0) if py > 0 else np.int64(0)
    if code(io, buf, ctx, cx.INTRA_SAME + (0 if left == above else 1), 1 if mode == left else 0):
        return left
    if above != left and code(io, buf, ctx, cx.INTRA_SAME + 2, 1 if mode == above else 0):
        return above
    return code_tree(io, buf, ctx, cx.INTRA_MODE, mode, 4)


@compiled
def near_count(flags, py, px):
    """How many of the patches left and above have their flag set."""
    n = 0
    if px > 0 and flags[py, px - 1] > 0:
        n += 1
    if py > 0 and flags[py - 1, px] > 0:
        n += 1
    return n


@compiled
def near_intra(intra, py, px):
    """How many of the patches left and above are intra."""
    n = 0
    if px > 0 and intra[py, px - 1] >= 0:
        n += 1
    if py > 0 and intra[py - 1, px] >= 0:
        n += 1
    return n


@compiled
def inherit_vector(mv, temporal, two, bx, by, m, cand):
    """What an intra patch leaves in the vector field for its neighbours: the first vector it could have merged."""
    merge_list(mv, temporal, two, bx, by, np.int64(2), cand)
    for j in range(5):
        m[j] = cand[0, j]
    m[5] = 0


@compiled
def code_motion_patch(io, buf, ctx, kind, two, d0, d1, temporal, split, intra, mv, field, py, px, m, cand):
    """All decisions of one patch before its residual. mv: what was chosen (not read when decoding); field: the vectors
    coded so far, zero elsewhere, into which this patch's are written."""
    decoding = io[MODE] == DECODE
    if kind == 0:
        intra[py, px] = code_intra_mode(io, buf, ctx, intra, py, px, np.int64(intra[py, px]))
        return
    bx, by = 2 * px, 2 * py
    if code(io, buf, ctx, cx.INTRA + kind * 3 + near_intra(intra, py, px), 1 if intra[py, px] >= 0 else 0):
        intra[py, px] = code_intra_mode(io, buf, ctx, intra, py, px, np.int64(intra[py, px]))
        split[py, px] = 0
        inherit_vector(field, temporal, two, bx, by, m, cand)
        fill(field, bx, by, np.int64(2), m)
        return
    intra[py, px] = -1
    split[py, px] = code(io, buf, ctx, cx.SPLIT + kind * 3 + near_count(split, py, px), np.int64(split[py, px]))
    w = np.int64(1 if split[py, px] else 2)
    for k in range(4 if w == 1 else 1):
        x, y = bx + (k & 1), by + (k >> 1)
        if not decoding:
            for j in range(6):
                m[j] = mv[y, x, j]
        code_vector(io, buf, ctx, kind, two, d0, d1, field, temporal, x, y, w, m, cand)
        fill(field, x, y, w, m)


@compiled
def may_be_alone(kind, intra, mv, py, px):
    """Whether overlapping changes anything in a patch: another vector reaches it."""
    if kind == 0 or intra[py, px] >= 0:
        return False
    m = mv[2 * py, 2 * px]
    for y in range(max(2 * py - 1, 0), min(2 * py + 3, mv.shape[0])):
        for x in range(max(2 * px - 1, 0), min(2 * px + 3, mv.shape[1])):
            if not is_equal(mv[y, x], m):
                return True
    return False


@compiled
def alone_flag(kind, last, alone, py, px):
    """The context of a patch's flag. last: the flag of the patch before it that had one."""
    return cx.ALONE + (kind * 2 + last) * 3 + near_count(alone, py, px)


@compiled
def code_motion(io, buf, ctx, kind, two, d0, d1, temporal, split, intra, mv, alone):
    """The motion part of a frame: every patch in raster order, then which of them are predicted alone.

    mv and alone are rewritten in their canonical form.
    """
    ph, pw = split.shape
    m = np.zeros(6, np.int64)
    cand = np.zeros((8, 6), np.int64)
    field = np.zeros(mv.shape, np.int16)
    if io[MODE] == DECODE:
        intra[:] = -1
    for py in range(ph):
        for px in range(pw):
            code_motion_patch(io, buf, ctx, kind, two, d0, d1, temporal, split, intra, mv, field, py, px, m, cand)
    mv[:] = field
    last = np.int64(0)
    for py in range(ph):
        for px in range(pw):
            if may_be_alone(kind, intra, mv, py, px):
                last = code(io, buf, ctx, alone_flag(kind, last, alone, py, px), np.int64(alone[py, px]))
                alone[py, px] = last
            else:
                alone[py, px] = 0
