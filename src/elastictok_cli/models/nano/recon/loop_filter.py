"""The deblocking filter: smooths the steps that coarse quantisation leaves at the edges of coding and transform blocks.

Only on the 8x8 grid, only where a side is intra or coded or the motion differs, only where both sides are smooth, never
by more than a share of the quantiser step. Integers; all vertical edges, then all horizontal ones.
"""

from __future__ import annotations

import numpy as np

from ....jit import compiled, compiled_inner
from ..syntax.cells import CODED, INFO, MODE, SIZE, TSPLIT
from ..syntax.step_offsets import MOST

NONE, MOTION, RESIDUAL = 0, 1, 2


@compiled_inner
def _moves_apart(a, b):
    """Whether two vectors differ by a pixel or more."""
    if a[4] != b[4]:
        return True
    if a[4] & 1 and (abs(a[0] - b[0]) >= 4 or abs(a[1] - b[1]) >= 4):
        return True
    return bool(a[4] & 2) and (abs(a[2] - b[2]) >= 4 or abs(a[3] - b[3]) >= 4)


@compiled_inner
def _strength(cells, y0, x0, y1, x1, across):
    """Strength of the edge between two neighbouring 8x8 blocks. across: x or y of the second, whichever differs."""
    a, b = cells[y0, x0], cells[y1, x1]
    size = np.int64(b[SIZE])
    unit = np.int64(1) << size
    if size == 3:
        unit = 4
    elif size > 0 and b[TSPLIT]:
        unit >>= 1
    if across & (unit - 1):
        return NONE
    if a[MODE] >= 0 or b[MODE] >= 0 or (a[INFO] | b[INFO]) & CODED:
        return RESIDUAL
    return MOTION if _moves_apart(a, b) else NONE


@compiled_inner
def _filter_line(plane, y, x, dy, dx, limit, smooth):
    """One line of pixels across an edge."""
    p0, p1 = np.int32(plane[y - dy, x - dx]), np.int32(plane[y - 2 * dy, x - 2 * dx])
    p2 = np.int32(plane[y - 3 * dy, x - 3 * dx])
    q0, q1, q2 = np.int32(plane[y, x]), np.int32(plane[y + dy, x + dx]), np.int32(plane[y + 2 * dy, x + 2 * dx])
    if abs(p2 - 2 * p1 + p0) + abs(q2 - 2 * q1 + q0) > smooth or abs(q0 - p0) > 4 * limit:
        return
    delta = (9 * (q0 - p0) - 3 * (q1 - p1) + 8) >> 4
    delta = min(max(delta, -limit), limit)
    half = limit >> 1
    dp = min(max((((p2 + p0 + 1) >> 1) - p1 + delta) >> 1, -half), half)
    dq = min(max((((q2 + q0 + 1) >> 1) - q1 - delta) >> 1, -half), half)
    plane[y - dy, x - dx] = min(max(p0 + delta, 0), 255)
    plane[y, x] = min(max(q0 - delta, 0), 255)
    plane[y - 2 * dy, x - 2 * dx] = min(max(p1 + dp, 0), 255)
    plane[y + dy, x + dx] = min(max(q1 + dq, 0), 255)


@compiled
def deblock(planes, half, cells, offsets, qsteps):
    """Filter a frame in place. qsteps: by offset, in 1/16."""
    rows, columns = cells.shape[0], cells.shape[1]
    for direction in range(2):
        dy, dx = (0, 1) if direction == 0 else (1, 0)
        for by in range(dy, rows):
            for bx in range(dx, columns):
                strength = _strength(cells, by - dy, bx - dx, by, bx, bx if direction == 0 else by)
                if strength == NONE:
                    continue
                qstep = qsteps[np.int64(offsets[by >> 3, bx >> 3]) + MOST, 0]
                limit = max((qstep * 5) >> 8, 1)  # 0.31 steps
                smooth = max((qstep * 10) >> 8, 1)  # 0.62 steps
                tc = limit if strength == RESIDUAL else (limit + 1) >> 1
                y, x = 8 * by, 8 * bx
                for i in range(8):
                    _filter_line(planes[0], y + i * dx, x + i * dy, dy, dx, tc, smooth)
                # chroma edges lie on its own 8x8 grid
                if half and (bx if direction == 0 else by) & 1:
                    continue
                n = 8 >> half
                y, x = y >> half, x >> half
                for plane in range(1, 3):
                    for i in range(n):
                        _filter_line(planes[plane], y + i * dx, x + i * dy, dy, dx, tc, smooth)
