"""The in-loop filter: it smooths the steps that coarse quantisation leaves at the edges of transform blocks.

Only edges with a coded residual or intra prediction on either side, only where both sides are smooth, and never by
more than a share of the quantiser step. float32 in a fixed order: encoder and decoder do the same.
"""

from __future__ import annotations

import numba
import numpy as np

STRENGTH = np.float32(0.30)  # largest change of a pixel, in quantiser steps
SMOOTH = np.float32(0.60)  # how far three pixels of a side may be from a straight line, in quantiser steps


@numba.njit(cache=True, nogil=True)
def _edge(rec, plane, y, x, dy, dx, along_y, along_x, length, step):
    """Filter `length` pixels of one edge: (dy, dx) points across it, (along_y, along_x) along it."""
    limit = STRENGTH * step
    smooth = SMOOTH * step
    for i in range(length):
        yy, xx = y + i * along_y, x + i * along_x
        p0 = rec[plane, yy - dy, xx - dx]
        p1 = rec[plane, yy - 2 * dy, xx - 2 * dx]
        p2 = rec[plane, yy - 3 * dy, xx - 3 * dx]
        q0 = rec[plane, yy, xx]
        q1 = rec[plane, yy + dy, xx + dx]
        q2 = rec[plane, yy + 2 * dy, xx + 2 * dx]
        if abs(p2 - p1 - p1 + p0) + abs(q2 - q1 - q1 + q0) > smooth:
            continue
        if abs(q0 - p0) > np.float32(4) * limit:
            continue  # a real edge
        delta = (np.float32(9) * (q0 - p0) - np.float32(3) * (q1 - p1)) * np.float32(0.0625)
        delta = min(max(delta, -limit), limit)
        rec[plane, yy - dy, xx - dx] = p0 + delta
        rec[plane, yy, xx] = q0 - delta
        half = limit * np.float32(0.5)
        dp = ((p2 + p0) * np.float32(0.5) - p1 + delta) * np.float32(0.5)
        dq = ((q2 + q0) * np.float32(0.5) - q1 - delta) * np.float32(0.5)
        rec[plane, yy - 2 * dy, xx - 2 * dx] = p1 + min(max(dp, -half), half)
        rec[plane, yy + dy, xx + dx] = q1 + min(max(dq, -half), half)


@numba.njit(cache=True, nogil=True)
def _any(q, plane, y, x, n):
    for j in range(n):
        for i in range(n):
            if q[plane, y + j, x + i] != 0:
                return True
    return False


@numba.njit(cache=True, nogil=True)
def deblock(rec, intra, eight, q, step):
    """Filter a frame in place: all vertical edges, then all horizontal ones."""
    ph, pw = eight.shape
    coded = np.zeros((3, ph, pw), np.uint8)
    for plane in range(3):
        for py in range(ph):
            for px in range(pw):
                if intra[py, px] >= 0 or _any(q, plane, 16 * py, 16 * px, 16):
                    coded[plane, py, px] = 1
    for plane in range(3):
        for py in range(ph):
            for px in range(pw):
                y, x = 16 * py, 16 * px
                if px > 0 and (coded[plane, py, px] or coded[plane, py, px - 1]):
                    _edge(rec, plane, y, x, 0, 1, 1, 0, 16, step)
                if plane == 0 and eight[py, px]:
                    _edge(rec, plane, y, x + 8, 0, 1, 1, 0, 16, step)
        for py in range(ph):
            for px in range(pw):
                y, x = 16 * py, 16 * px
                if py > 0 and (coded[plane, py, px] or coded[plane, py - 1, px]):
                    _edge(rec, plane, y, x, 1, 0, 0, 1, 16, step)
                if plane == 0 and eight[py, px]:
                    _edge(rec, plane, y + 8, x, 1, 0, 0, 1, 16, step)
