"""A block's decisions as a sequence of integer tokens in order of importance, and the cut after the first N of them.

Only decisions that differ from the default are tokens: a 64x64 block that takes over its first merge candidate and has
no residual has none. First how all frames are split and predicted, in coding order; then the levels of all frames,
coarse and large before fine and small, those of intra frame and anchor earlier. A cut leaves the defaults.

    value               meaning
    0 .. 8191           level: 8 * (32 * v + h) + class; 0..3 are -1, -2, -3, below; 4..7 are 1, 2, 3, above
    8192 .. 8703        after a class 3 or 7: magnitude - 4 in base 256, low digit first, + 256 if another follows
    8704                the block is split into four
    8705                its luma transform is
    8712 .. 8746        the block is predicted inside the frame, by mode 0 .. 34
    8752 .. 8759        the vector is merge candidate 0 .. 7 (0 is the default and is not said)
    8761 .. 8763        a new vector into reference 0, reference 1, both; then its components
    8773 .. 8779        the 64x64 block of the next level has the step offset value - 8776
    9216 .. 13311       component + 2048, in quarter pixels
"""

from __future__ import annotations

import numpy as np

from ...jit import compiled, compiled_inner
from .syntax.cells import KNOWN, MODE, SIZE, USES
from .syntax.cells import TSPLIT as IS_TSPLIT
from .syntax.coding_tree import Z_X, Z_Y, fill_block, merge_index_of, transform_size
from .syntax.motion import merge_list

VOCABULARY = 16384
DIGIT, SPLIT, TSPLIT, INTRA, MERGE, NEW, OFFSET, COMPONENT = 8192, 8704, 8705, 8712, 8752, 8760, 8776, 9216
BIG = 1 << 60


@compiled_inner
def _emit(values, places, n, value, place):
    if n < values.size:
        values[n] = value
        places[n] = place
    return n + 1


@compiled
def walk_structure(frame, said, cells, candidates, budget, first_place, values, places, n):
    """Emit how a frame is split and predicted, from position n on; what does not fit into `budget` becomes the default.

    said: the frame's cells; cells: fresh ones, into which what fits is written. values, places may be shorter: then
    tokens are only counted. Returns n and whether something did not fit.
    """
    rows, columns = cells.shape[0], cells.shape[1]
    m = np.zeros(6, np.int64)
    full = budget <= n
    for cy in range(0, rows, 8):
        for cx in range(0, columns, 8):
            z = 0
            while z < 64:
                by, bx = cy + Z_Y[z], cx + Z_X[z]
                if by >= rows or bx >= columns:
                    z += 1
                    continue
                place = first_place + by * columns + bx
                level = np.int64(3 if z == 0 else (2 if z % 16 == 0 else (1 if z % 4 == 0 else 0)))
                while level > 0:
                    w = 1 << level
                    if by + w <= rows and bx + w <= columns:
                        if full or said[by, bx, SIZE] >= level:
                            break
                        if n + 1 > budget:
                            full = True
                            break
                        n = _emit(values, places, n, SPLIT, place)
                    level -= 1
                z += 1 << (2 * level)
                mode, tsplit = np.int64(said[by, bx, MODE]), np.int64(said[by, bx, IS_TSPLIT])
                default_mode = np.int64(-1 if frame.kind else 0)
                if frame.kind:
                    count = merge_list(cells, frame.temporal, frame.two, bx, by, 1 << level, candidates)
                if not full and mode != default_mode and mode >= 0:
                    if n + 1 > budget:
                        full = True
                    else:
                        n = _emit(values, places, n, INTRA + mode, place)
                if full:
                    mode, tsplit = default_mode, np.int64(0)
                if mode >= 0:
                    m[:] = 0
                else:
                    index = 0
                    if not full:
                        index = merge_index_of(candidates, count, said[by, bx])
                        uses = np.int64(said[by, bx, USES])
                        need = 0 if index == 0 else (1 if index > 0 else (5 if uses == 3 else 3))
                        if n + need > budget:
                            full = True
                            index, tsplit = 0, np.int64(0)
                    if index >= 0:
                        for j in range(5):
                            m[j] = candidates[index, j]
                        m[5] = 1
                        if index > 0:
                            n = _emit(values, places, n, MERGE + index, place)
                    else:
                        for j in range(6):
                            m[j] = said[by, bx, j]
                        n = _emit(values, places, n, NEW + m[4], place)
                        for j in range(4):
                            if m[4] & (1 << (j >> 1)):
                                n = _emit(values, places, n, COMPONENT + 2048 + m[j], place)
                if tsplit:
                    if full or n + 1 > budget:
                        full = True
                        tsplit = np.int64(0)
                    else:
                        n = _emit(values, places, n, TSPLIT, place)
                fill_block(cells, by, bx, level, mode, tsplit, m, KNOWN | (level << 4))
    return n, full


@compiled
def tokens_of(level):
    """How many tokens a level takes."""
    size = abs(level)
    if size == 0:
        return 0
    n, rest = 1, size - 4
    if rest >= 0:
        n += 1
        while rest >= 256:
            n += 1
            rest >>= 8
    return n


@compiled
def count_levels(q):
    """How many tokens a plane's levels take."""
    n = 0
    for y in range(q.shape[0]):
        row = q[y]
        for x in range(row.size):
            if row[x] != 0:
                n += tokens_of(np.int64(row[x]))
    return n


@compiled
def collect_levels(cells, q, plane, half, at, rank, value, block, level):
    """List the levels of one plane: flat position, diagonal, 32 * v + h, 8x8 block, level. Returns how many."""
    rows, columns = cells.shape[0], cells.shape[1]
    n = 0
    shift = half if plane else 0
    for by in range(rows):
        for bx in range(columns):
            w = 1 << np.int64(cells[by, bx, SIZE])
            if by & (w - 1) or bx & (w - 1):
                continue
            side = (8 * w) >> shift
            size = (
                min(side, 32)
                if plane
                else transform_size(np.int64(cells[by, bx, SIZE]), np.int64(cells[by, bx, IS_TSPLIT]))
            )
            y0, x0 = 8 * by >> shift, 8 * bx >> shift
            for y in range(side):
                for x in range(side):
                    s = np.int64(q[y0 + y, x0 + x])
                    if s != 0:
                        v, h = y & (size - 1), x & (size - 1)
                        at[n] = (y0 + y) * q.shape[1] + x0 + x
                        rank[n] = v + h
                        value[n] = 32 * v + h
                        block[n] = by * columns + bx
                        level[n] = s
                        n += 1
    return n
