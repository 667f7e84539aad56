"""The motion syntax of a frame in "nano/3": prediction modes, merge candidates and vector differences.

Each function runs in the mode of its coder (rangecoder.py): it writes, reads, adapts or prices the same decisions.
Contexts depend on symbols that are already coded and on nothing else: never on a pixel, never on a float.

Arguments that recur:
    coder           ContextCoder
    refs            FrameRefs of the frame
    tokens          FrameTokens of the frame
    mv              int16 (2 rows, 2 columns, 6), the vectors that are coded so far, zero elsewhere
    m               int64 (6,), one motion vector (motion_vectors.py)
    candidates      int64 (8, 6), scratch of the merge list
    x8, y8, w8      position and width of a block in 8x8 blocks
    ctu_y, ctu_x    row and column of a CTU
"""

from __future__ import annotations

import numpy as np

from ....entropy.rangecoder import DECODE, MODE, code, code_raw, code_tree
from ....jit import compiled
from . import contexts as cx
from .motion_vectors import (
    MAX_MV,
    MERGE_FLAG,
    MV_FIELDS,
    MV_X1,
    PRED_BI,
    PRED_FLAGS,
    PRED_L0,
    PRED_L1,
    is_identical,
    merge_list,
    motion_vector_predictor,
    predicts_same,
    scale_mv,
)


@compiled
def code_mvd(coder, layer, group, value):
    """A motion vector difference in quarter pixels: zero flag, sign, Exp-Golomb code.

    The prefix and the first bit of the suffix are adaptive. group: 0 x, 1 y, 2 and 3 the same of a second vector.
    """
    io, buf, ctx = coder
    base = cx.MVD + (layer * 4 + group) * cx.MVD_SIZE
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
    return min(max(v, -MAX_MV - 1), MAX_MV)


@compiled
def code_motion_vector(coder, refs, mv, x8, y8, w8, m, candidates):
    """The vector of one block: a merge index, or the prediction flags and differences. m: in, or out when decoding."""
    io, buf, ctx = coder
    layer = refs.layer
    decoding = io[MODE] == DECODE
    n = merge_list(mv, refs, x8, y8, w8, candidates)
    is_8x8 = 1 if w8 == 1 else 0
    index = -1
    if not decoding:
        for i in range(n):
            if predicts_same(candidates[i], m):
                index = i
                break
    merged = 0
    if x8 > 0:
        merged += mv[y8, x8 - 1, MERGE_FLAG]
    if y8 > 0:
        merged += mv[y8 - 1, x8, MERGE_FLAG]
    if code(io, buf, ctx, cx.MERGE + (layer * 2 + is_8x8) * 3 + merged, 1 if index >= 0 else 0):
        base = cx.MERGE_INDEX + (layer * 2 + is_8x8) * 8
        i = 0
        while i < n - 1 and code(io, buf, ctx, base + i, 1 if i < index else 0):
            i += 1
        for j in range(5):
            m[j] = candidates[i, j]
        m[MERGE_FLAG] = 1
        return
    m[MERGE_FLAG] = 0
    flags = np.int64(PRED_L0)
    if refs.bi_pred:
        bi = 0
        if x8 > 0 and mv[y8, x8 - 1, PRED_FLAGS] == PRED_BI:
            bi += 1
        if y8 > 0 and mv[y8 - 1, x8, PRED_FLAGS] == PRED_BI:
            bi += 1
        base = cx.PRED_DIRECTION + (layer * 2 + is_8x8) * 8
        if code(io, buf, ctx, base + bi, 1 if m[PRED_FLAGS] == PRED_BI else 0):
            flags = np.int64(PRED_BI)
        else:
            flags = PRED_L0 + code(io, buf, ctx, base + 4 + bi, 1 if m[PRED_FLAGS] == PRED_L1 else 0)
    for j in range(4):  # numbers that a vector does not use are zero, so that equal decisions are equal arrays
        if decoding or not flags & (1 << (j >> 1)):
            m[j] = 0
    m[PRED_FLAGS] = flags
    ref0, ref1 = np.int64(0), np.int64(1)
    if flags & PRED_L0:
        for axis in range(2):
            p = motion_vector_predictor(mv, refs, x8, y8, w8, ref0, axis)
            m[axis] = _clamped(p + code_mvd(coder, layer, axis, m[axis] - p))
    if flags & PRED_L1:
        for axis in range(2):
            if flags == PRED_BI:
                p = scale_mv(np.int64(m[axis]), refs.dist1, refs.dist0)
            else:
                p = motion_vector_predictor(mv, refs, x8, y8, w8, ref1, axis)
            group = axis + 2 if flags == PRED_BI else axis
            m[MV_X1 + axis] = _clamped(p + code_mvd(coder, layer, group, m[MV_X1 + axis] - p))


@compiled
def fill_mv(mv, x8, y8, w8, m):
    """Write the vector m into the w8 x w8 blocks of 8x8 at (x8, y8)."""
    for y in range(y8, y8 + w8):
        for x in range(x8, x8 + w8):
            for j in range(6):
                mv[y, x, j] = m[j]


@compiled
def code_intra_mode(coder, intra_mode, ctu_y, ctu_x, mode):
    """The intra mode of a CTU, against the modes of the CTUs left and above (0 where they have none)."""
    io, buf, ctx = coder
    left = max(np.int64(intra_mode[ctu_y, ctu_x - 1]), 0) if ctu_x > 0 else np.int64(0)
    above = max(np.int64(intra_mode[ctu_y - 1, ctu_x]), 0) if ctu_y > 0 else np.int64(0)
    if code(io, buf, ctx, cx.INTRA_SAME + (0 if left == above else 1), 1 if mode == left else 0):
        return left
    if above != left and code(io, buf, ctx, cx.INTRA_SAME + 2, 1 if mode == above else 0):
        return above
    return code_tree(io, buf, ctx, cx.INTRA_MODE, mode, 4)


@compiled
def count_neighbours(flags, ctu_y, ctu_x):
    """How many of the CTUs left and above have their flag set."""
    n = 0
    if ctu_x > 0 and flags[ctu_y, ctu_x - 1] > 0:
        n += 1
    if ctu_y > 0 and flags[ctu_y - 1, ctu_x] > 0:
        n += 1
    return n


@compiled
def count_intra_neighbours(intra_mode, ctu_y, ctu_x):
    """How many of the CTUs left and above are intra."""
    n = 0
    if ctu_x > 0 and intra_mode[ctu_y, ctu_x - 1] >= 0:
        n += 1
    if ctu_y > 0 and intra_mode[ctu_y - 1, ctu_x] >= 0:
        n += 1
    return n


@compiled
def inherit_mv(mv, refs, x8, y8, m, candidates):
    """The vector that an intra CTU leaves for its neighbours' prediction: its first merge candidate, into m."""
    merge_list(mv, refs, x8, y8, np.int64(2), candidates)
    for j in range(5):
        m[j] = candidates[0, j]
    m[MERGE_FLAG] = 0


@compiled
def code_ctu_motion(coder, refs, tokens, coded_mv, ctu_y, ctu_x, m, candidates):
    """All decisions of one CTU before its residual.

    tokens.mv: the chosen vectors, not read when decoding. coded_mv: the vectors that are coded so far, zero elsewhere;
    those of this CTU are added.
    """
    io, buf, ctx = coder
    split, intra_mode, layer = tokens.split, tokens.intra_mode, refs.layer
    decoding = io[MODE] == DECODE
    if layer == 0:
        intra_mode[ctu_y, ctu_x] = code_intra_mode(coder, intra_mode, ctu_y, ctu_x, np.int64(intra_mode[ctu_y, ctu_x]))
        return
    x8, y8 = 2 * ctu_x, 2 * ctu_y
    at = cx.INTRA + layer * 3 + count_intra_neighbours(intra_mode, ctu_y, ctu_x)
    if code(io, buf, ctx, at, 1 if intra_mode[ctu_y, ctu_x] >= 0 else 0):
        intra_mode[ctu_y, ctu_x] = code_intra_mode(coder, intra_mode, ctu_y, ctu_x, np.int64(intra_mode[ctu_y, ctu_x]))
        split[ctu_y, ctu_x] = 0
        inherit_mv(coded_mv, refs, x8, y8, m, candidates)
        fill_mv(coded_mv, x8, y8, np.int64(2), m)
        return
    intra_mode[ctu_y, ctu_x] = -1
    at = cx.SPLIT + layer * 3 + count_neighbours(split, ctu_y, ctu_x)
    split[ctu_y, ctu_x] = code(io, buf, ctx, at, np.int64(split[ctu_y, ctu_x]))
    w8 = np.int64(1 if split[ctu_y, ctu_x] else 2)
    for k in range(4 if w8 == 1 else 1):
        x, y = x8 + (k & 1), y8 + (k >> 1)
        if not decoding:
            for j in range(6):
                m[j] = tokens.mv[y, x, j]
        code_motion_vector(coder, refs, coded_mv, x, y, w8, m, candidates)
        fill_mv(coded_mv, x, y, w8, m)


@compiled
def has_no_obmc_flag(layer, intra_mode, mv, ctu_y, ctu_x):
    """Whether overlapping can change the prediction of a CTU: another vector reaches it."""
    if layer == 0 or intra_mode[ctu_y, ctu_x] >= 0:
        return False
    m = mv[2 * ctu_y, 2 * ctu_x]
    for y in range(max(2 * ctu_y - 1, 0), min(2 * ctu_y + 3, mv.shape[0])):
        for x in range(max(2 * ctu_x - 1, 0), min(2 * ctu_x + 3, mv.shape[1])):
            if not is_identical(mv[y, x], m):
                return True
    return False


@compiled
def no_obmc_context(layer, last_flag, no_obmc, ctu_y, ctu_x):
    """The context of a CTU's no_obmc flag. last_flag: the flag that was coded before it."""
    return cx.NO_OBMC + (layer * 2 + last_flag) * 3 + count_neighbours(no_obmc, ctu_y, ctu_x)


@compiled
def code_frame_motion(coder, refs, tokens):
    """The motion part of a frame: every CTU in raster order, then the no_obmc flags.

    tokens.mv and tokens.no_obmc are rewritten in their canonical form.
    """
    io, buf, ctx = coder
    intra_mode, mv, no_obmc, layer = tokens.intra_mode, tokens.mv, tokens.no_obmc, refs.layer
    rows, columns = no_obmc.shape
    m = np.zeros(MV_FIELDS, np.int64)
    candidates = np.zeros((8, MV_FIELDS), np.int64)
    coded_mv = np.zeros(mv.shape, np.int16)
    if io[MODE] == DECODE:
        intra_mode[:] = -1
    for ctu_y in range(rows):
        for ctu_x in range(columns):
            code_ctu_motion(coder, refs, tokens, coded_mv, ctu_y, ctu_x, m, candidates)
    mv[:] = coded_mv
    last_flag = np.int64(0)
    for ctu_y in range(rows):
        for ctu_x in range(columns):
            if has_no_obmc_flag(layer, intra_mode, mv, ctu_y, ctu_x):
                at = no_obmc_context(layer, last_flag, no_obmc, ctu_y, ctu_x)
                last_flag = code(io, buf, ctx, at, np.int64(no_obmc[ctu_y, ctu_x]))
                no_obmc[ctu_y, ctu_x] = last_flag
            else:
                no_obmc[ctu_y, ctu_x] = 0
