"""The coding tree of one frame: CTUs of 64x64, split into coding blocks down to 8x8, each with its decisions.

`code_frame` writes, reads, adapts or prices, by the mode of its coder. cells.py says what a cell holds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ....entropy.rangecoder import DECODE, MODE
from ....jit import compiled, compiled_inner
from .cells import CODED, INFO, IS_INTRA, KNOWN, SIZE, SKIPPED, TSPLIT
from .cells import MODE as INTRA_MODE
from .coefficients import PADDED, clear_block, code_coefficients, has_levels, load_block, store_block
from .flags import (
    code_cbf,
    code_intra_flag,
    code_intra_mode,
    code_merge_flag,
    code_skip,
    code_split,
    code_tsplit,
    mode_class,
)
from .hierarchy import LEAF
from .motion import code_merge_index, code_new_vector, is_same, merge_list
from .step_offsets import code_offset, predicted_offset

# order of the 64 8x8 blocks of a CTU: Z_X[z], Z_Y[z]
Z_X = np.array([(z & 1) | ((z >> 1) & 2) | ((z >> 2) & 4) for z in range(64)], np.int64)
Z_Y = np.array([((z >> 1) & 1) | ((z >> 2) & 2) | ((z >> 3) & 4) for z in range(64)], np.int64)


class Scratch(NamedTuple):
    """Working memory of the coding of one frame."""

    candidates: npt.NDArray[np.int64]  # (8, 6)
    m: npt.NDArray[np.int64]  # (6,)
    block: npt.NDArray[np.int32]  # (PADDED, PADDED)
    has_offset: npt.NDArray[np.int64]  # (1,): whether the CTU's offset is said


@compiled
def new_scratch():
    """Fresh working memory."""
    return Scratch(
        np.zeros((8, 6), np.int64), np.zeros(6, np.int64), np.zeros((PADDED, PADDED), np.int32), np.zeros(1, np.int64)
    )  # fmt: skip


@compiled_inner
def transform_size(level, tsplit):
    """Side of a coding block's luma transforms."""
    return min(8 << level, 32) >> tsplit


@compiled_inner
def _code_block(
    coder, frame, cells, levels, said_offsets, offsets, plane, by, bx, y, x, n, intra, intra_class, before, sc
):
    """One transform block: its flag and levels. Returns whether it has any."""
    decoding, block = coder.io[MODE] == DECODE, sc.block
    clear_block(block, n)
    q = levels[plane]
    found = False if decoding else load_block(q, y, x, n, block)
    t = 0 if n == 4 else (1 if n == 8 else (2 if n == 16 else 3))
    found = code_cbf(coder, frame, cells, by, bx, plane, t, intra, before, np.int64(1 if found else 0)) == 1
    if found:
        if not sc.has_offset[0]:
            sc.has_offset[0] = 1
            v, h = by >> 3, bx >> 3
            offsets[v, h] = code_offset(coder, frame.kind, offsets, v, h, np.int64(said_offsets[v, h]))
        code_coefficients(coder, block, n, plane, frame.kind, intra_class, frame.quality)
        if decoding:
            store_block(q, y, x, n, block)
    return found


@compiled_inner
def code_residual(coder, frame, cells, levels, said_offsets, offsets, by, bx, level, tsplit, mode, sc):
    """All transform blocks of a coding block. Returns whether luma has any."""
    w = np.int64(8) << level
    n = transform_size(level, tsplit)
    intra = np.int64(1 if mode >= 0 else 0)
    intra_class = mode_class(mode)
    coded = np.int64(0)
    for y in range(0, w, n):
        for x in range(0, w, n):
            if _code_block(
                coder, frame, cells, levels, said_offsets, offsets, np.int64(0), by, bx, 8 * by + y, 8 * bx + x, n,
                intra, intra_class, min(coded, 3), sc,
            ):  # fmt: skip
                coded += 1
    before = np.int64(1 if coded else 0)
    cw = w >> frame.half
    cn = min(cw, 32)
    for plane in range(1, 3):
        any_here = False
        for y in range(0, cw, cn):
            for x in range(0, cw, cn):
                if _code_block(
                    coder, frame, cells, levels, said_offsets, offsets, np.int64(plane), by, bx,
                    (8 * by >> frame.half) + y, (8 * bx >> frame.half) + x, cn, intra, intra_class, before, sc,
                ):  # fmt: skip
                    any_here = True
        if any_here:
            before |= 2
    return coded > 0


@compiled_inner
def fill_block(cells, by, bx, level, mode, tsplit, m, info):
    """Write a coding block's decisions into its cells."""
    w = 1 << level
    for y in range(by, by + w):
        for x in range(bx, bx + w):
            cell = cells[y, x]
            for j in range(6):
                cell[j] = m[j]
            cell[SIZE], cell[INTRA_MODE], cell[TSPLIT], cell[INFO] = level, mode, tsplit, info


@compiled_inner
def merge_index_of(candidates, n, m):
    """Which candidate a vector is, -1 if none."""
    for i in range(n):
        if is_same(candidates[i], m):
            return i
    return -1


@compiled_inner
def _has_residual(levels, half, by, bx, level):
    w = 8 << level
    if has_levels(levels[0], 8 * by, 8 * bx, w, w):
        return True
    y, x, cw = 8 * by >> half, 8 * bx >> half, w >> half
    return has_levels(levels[1], y, x, cw, cw) or has_levels(levels[2], y, x, cw, cw)


@compiled_inner
def _code_coding_block(coder, frame, said, said_offsets, cells, offsets, levels, by, bx, level, probable, sc):
    """One coding block. said: cells to write from; cells: those coded so far, written here."""
    decoding = coder.io[MODE] == DECODE
    m = sc.m
    mode = np.int64(said[by, bx, INTRA_MODE])
    tsplit = np.int64(said[by, bx, TSPLIT])
    skip = np.int64(0)
    if not decoding:
        for j in range(6):
            m[j] = said[by, bx, j]
    if frame.kind:
        n = merge_list(cells, frame.temporal, frame.two, bx, by, 1 << level, sc.candidates)
        index = -1
        if not decoding and mode < 0:
            index = merge_index_of(sc.candidates, n, m)
            # a cut block may have a split transform without levels: that must be written
            if index >= 0 and not tsplit and not _has_residual(levels, frame.half, by, bx, level):
                skip = np.int64(1)
        skip = code_skip(coder, frame, cells, by, bx, level, n, skip)
        intra = np.int64(0)
        if not skip:
            bit = np.int64(1 if mode >= 0 else 0)
            intra = code_intra_flag(coder, frame, cells, by, bx, level, bit)
        if not intra:
            mode = np.int64(-1)
            bit = np.int64(1 if index >= 0 else 0)
            if skip or code_merge_flag(coder, frame, cells, by, bx, level, n, bit):
                index = code_merge_index(coder, frame.kind, level, skip, sc.candidates, n, index)
                for j in range(5):
                    m[j] = sc.candidates[index, j]
                m[5] = 1
            else:
                code_new_vector(
                    coder, frame.kind, frame.two, frame.d0, frame.d1, cells, frame.temporal,
                    bx, by, 1 << level, level, m,
                )  # fmt: skip
    else:
        intra = np.int64(1)
    if intra:
        mode = code_intra_mode(coder, cells, by, bx, level, probable, max(mode, 0))
        m[:] = 0
    coded = False
    if skip:
        tsplit = np.int64(0)
    else:
        tsplit = code_tsplit(coder, frame, cells, by, bx, level, intra, tsplit) if level < 3 else np.int64(0)
        coded = code_residual(coder, frame, cells, levels, said_offsets, offsets, by, bx, level, tsplit, mode, sc)
    info = KNOWN | (skip * SKIPPED) | (intra * IS_INTRA) | (CODED if coded else 0) | (level << 4)
    fill_block(cells, by, bx, level, mode, tsplit, m, info)


@compiled
def code_frame(coder, frame, said, said_offsets, cells, offsets, levels):
    """Code all decisions of a frame.

    said, said_offsets: what to write, ignored when reading. cells, offsets: fresh ones, written here in canonical form.
    levels: int16 (3, h, w), filled when reading.
    """
    rows, columns = cells.shape[0], cells.shape[1]
    sc = new_scratch()
    probable = np.zeros(3, np.int64)
    for cy in range(0, rows, 8):
        for cx_ in range(0, columns, 8):
            z = 0
            sc.has_offset[0] = 0
            while z < 64:
                by, bx = cy + Z_Y[z], cx_ + Z_X[z]
                if by >= rows or bx >= columns:
                    z += 1
                    continue
                level = np.int64(3 if z == 0 else (2 if z % 16 == 0 else (1 if z % 4 == 0 else 0)))
                while level > 0:
                    w = 1 << level
                    if by + w <= rows and bx + w <= columns:
                        bit = np.int64(1 if said[by, bx, SIZE] < level else 0)
                        if not code_split(coder, frame, cells, by, bx, level, bit):
                            break
                    level -= 1
                _code_coding_block(
                    coder, frame, said, said_offsets, cells, offsets, levels, by, bx, level, probable, sc
                )
                z += 1 << (2 * level)
            if not sc.has_offset[0] and frame.kind != LEAF:
                offsets[cy >> 3, cx_ >> 3] = predicted_offset(offsets, cy >> 3, cx_ >> 3)
