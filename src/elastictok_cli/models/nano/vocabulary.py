"""A frame's decisions as a sequence of integer tokens in order of importance, and the cut after the first N of them.

Only decisions that differ from the default are tokens: a patch that takes over its first merge candidate and has no
residual has none. Motion first, in raster order; then coefficients stage by stage: every patch's first, every patch's
second, ... (within a patch from low to high frequency, luma before colour), or of an intra frame patch after patch. A
cut leaves the defaults.

    value               meaning
    0 .. 2047           coefficient: 8 * (16 * v + h) + class; 0..3 are -1, -2, -3, below; 4..7 are 1, 2, 3, above
    2048 .. 2559        after a class 3 or 7: magnitude - 4 in base 256, low digit first, + 256 if another digit follows
    2560                the luma coefficients of this patch are of four 8x8 transforms (v, h count through all four)
    2561                the patch is split into four
    2562 .. 2576        the patch is predicted inside the frame, by mode 0 .. 14
    2577 .. 2582        the vector is merge candidate 0 .. 5 (0 is the default and is not said)
    2583 .. 2585        a new vector into reference 0, reference 1, both; then its components
    2586                the patch is predicted from its own vectors alone, not overlapped with its neighbours'
    2600 .. 3623        component + 512, in quarter pixels
"""

from __future__ import annotations

import numpy as np

from ...jit import compiled
from .syntax.motion import fill, inherit_vector, may_be_alone
from .syntax.motion_vectors import is_same, merge_list
from .syntax.residual import DIAGONAL_H, DIAGONAL_N, DIAGONAL_V

VOCABULARY = 4096
DIGIT, EIGHT, SPLIT, INTRA, MERGE, NEW, ALONE, COMPONENT = 2048, 2560, 2561, 2562, 2577, 2582, 2586, 2600
BIG = 1 << 60


@compiled
def _emit(values, places, n, budget, value, place):
    if n < budget:
        values[n] = value
        places[n] = place
    return n + 1


@compiled
def walk_motion(kind, two, temporal, split, intra, mv, alone, budget, first_place, values, places, n):
    """Emit the motion tokens of a frame from position n on; what does not fit into `budget` becomes the default.

    values uint16, places uint32: as long as `budget` or as all tokens. Returns the new n (it never passes budget), and
    the budget for what follows: nothing more after a cut.
    """
    ph, pw = split.shape
    m = np.zeros(6, np.int64)
    cand = np.zeros((8, 6), np.int64)
    field = np.zeros(mv.shape, np.int16)
    full = False
    for py in range(ph):
        for px in range(pw):
            place = first_place + py * pw + px
            if kind == 0:
                if full or (intra[py, px] and n + 1 > budget):
                    full = True
                    intra[py, px] = 0
                elif intra[py, px]:
                    n = _emit(values, places, n, budget, INTRA + np.int64(intra[py, px]), place)
                continue
            bx, by = 2 * px, 2 * py
            if intra[py, px] >= 0:
                if not full and n + 1 <= budget:
                    n = _emit(values, places, n, budget, INTRA + np.int64(intra[py, px]), place)
                    inherit_vector(field, temporal, two, bx, by, m, cand)
                    fill(field, bx, by, 2, m)
                    continue
                full = True
                intra[py, px] = -1
                split[py, px] = 0
            if split[py, px]:
                if full or n + 1 > budget:
                    full = True
                    split[py, px] = 0
                else:
                    n = _emit(values, places, n, budget, SPLIT, place)
            w = 1 if split[py, px] else 2
            for k in range(4 if w == 1 else 1):
                x, y = bx + (k & 1), by + (k >> 1)
                count = merge_list(field, temporal, two, x, y, w, cand)
                index = -1
                for i in range(count):
                    if is_same(cand[i], mv[y, x]):
                        index = i
                        break
                uses = np.int64(mv[y, x, 4])
                need = 0 if index == 0 else (1 if index > 0 else (5 if uses == 3 else 3))
                if full or n + need > budget:
                    full = True
                    index = 0
                    need = 0
                if index >= 0:
                    for j in range(5):
                        m[j] = cand[index, j]
                    m[5] = 1
                    if index > 0:
                        n = _emit(values, places, n, budget, MERGE + index, place)
                else:
                    for j in range(6):
                        m[j] = mv[y, x, j]
                    n = _emit(values, places, n, budget, NEW + uses, place)
                    for j in range(4):
                        if uses & (1 << (j >> 1)):
                            n = _emit(values, places, n, budget, COMPONENT + 512 + m[j], place)
                fill(field, x, y, w, m)
    if kind:
        mv[:] = field
    for py in range(ph):
        for px in range(pw):
            if not may_be_alone(kind, intra, mv, py, px):
                alone[py, px] = 0
            elif alone[py, px] and (full or n + 1 > budget):
                full = True
                alone[py, px] = 0
            elif alone[py, px]:
                n = _emit(values, places, n, budget, ALONE, first_place + py * pw + px)
    return n, (n if full else budget)


@compiled
def _next_coefficient(q, y0, x0, start):
    """The next non-zero coefficient of a patch at scan position `start` or later: its position, -1 if there is none.

    Scan: diagonal, then plane, then place on the diagonal. Position: (diagonal * 3 + plane) * 16 + k.
    """
    d, rest = start // 48, start % 48
    plane, k = rest // 16, rest % 16
    while d < 31:
        while plane < 3:
            while k < DIAGONAL_N[0, d]:
                if q[plane, y0 + DIAGONAL_V[0, d, k], x0 + DIAGONAL_H[0, d, k]] != 0:
                    return (d * 3 + plane) * 16 + k
                k += 1
            k = 0
            plane += 1
        plane = 0
        d += 1
    return -1


@compiled
def _emit_coefficient(eight, told, q, py, px, p, budget, first_place, values, places, n, full):
    """Emit the coefficient at position p of a patch, or make it zero where it does not fit. Returns n and `full`."""
    ph, pw = eight.shape
    d, plane, k = p // 48, (p % 48) // 16, p % 16
    v, h = DIAGONAL_V[0, d, k], DIAGONAL_H[0, d, k]
    level = np.int64(q[plane, 16 * py + v, 16 * px + h])
    size = abs(level)
    tell = plane == 0 and eight[py, px] != 0 and not told[py, px]
    need = 1 + (1 if tell else 0)
    rest = size - 4
    if rest >= 0:
        need += 1
        while rest >= 256:
            need += 1
            rest >>= 8
    if full or n + need > budget:
        q[plane, 16 * py + v, 16 * px + h] = 0
        return n, True
    place = first_place + (plane * ph + py) * pw + px
    if tell:
        told[py, px] = True
        n = _emit(values, places, n, budget, EIGHT, place)
    cls = (3 if size > 3 else size - 1) + (4 if level > 0 else 0)
    n = _emit(values, places, n, budget, 8 * (16 * v + h) + cls, place)
    if size >= 4:
        rest = size - 4
        while rest >= 256:
            n = _emit(values, places, n, budget, DIGIT + 256 + (rest & 255), place)
            rest >>= 8
        n = _emit(values, places, n, budget, DIGIT + rest, place)
    return n, False


@compiled
def walk_coefficients(kind, eight, q, budget, first_place, values, places, n):
    """Emit the coefficient tokens of a frame; what does not fit into `budget` becomes zero. Returns as `walk_motion`.

    Stage by stage, but patch after patch in an intra frame: there a patch is predicted from its neighbours, and a
    half-finished one would pass its error on.
    """
    ph, pw = eight.shape
    at = np.zeros((ph, pw), np.int64)
    told = np.zeros((ph, pw), np.bool_)  # that it has four 8x8 transforms: before its first luma coefficient
    alive = True
    full = False
    while alive:
        alive = False
        for py in range(ph):
            for px in range(pw):
                while at[py, px] >= 0:
                    p = _next_coefficient(q, 16 * py, 16 * px, at[py, px])
                    if p < 0:
                        at[py, px] = -1
                        break
                    alive = True
                    at[py, px] = p + 1
                    n, full = _emit_coefficient(eight, told, q, py, px, p, budget, first_place, values, places, n, full)
                    if kind:
                        break
    if full:
        for py in range(ph):
            for px in range(pw):
                if eight[py, px] and not np.any(q[0, 16 * py : 16 * py + 16, 16 * px : 16 * px + 16]):
                    eight[py, px] = 0
    return n, (n if full else budget)
