"""The in-loop filter: it smooths the steps that coarse quantisation leaves at the edges of transform blocks.

Only edges with a coded residual, intra prediction or a prediction without overlap on either side, only where both sides
are smooth, and never by more than a share of the quantiser step. Between two flat 16x16 transforms the whole way from
centre to centre is smoothed, for there the eye sees the smallest stair. float32 in a fixed order: encoder and decoder
do the same.
"""

from __future__ import annotations

import numpy as np

from ....jit import compiled

STRENGTH = np.float32(0.30)  # largest change of a pixel, in quantiser steps
SMOOTH = np.float32(0.60)  # how far three pixels of a side may be from a straight line, in quantiser steps
FLAT = np.float32(0.10)  # how far eight pixels of a side may be from one
STAIR = np.float32(0.15)  # the highest step that an even patch of its own leaves, in quantiser steps


@compiled
def _edge(rec, plane, y, x, dy, dx, along_y, along_x, done, step):
    """Filter 16 pixels of one edge but those `done`: (dy, dx) points across it, (along_y, along_x) along it."""
    limit = STRENGTH * step
    smooth = SMOOTH * step
    for i in range(16):
        if (done >> i) & 1:
            continue
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


@compiled
def _ramp(rec, plane, y, x, dy, dx, along_y, along_x, step):
    """One edge between two 16x16 transforms: where both sides are flat, a ramp of 14 pixels instead of a stair.

    Returns where it was done: a bit for each of the 16 pixels along the edge.
    """
    flat = FLAT * step
    stair = STAIR * step
    done = np.int64(0)
    for i in range(16):
        yy, xx = y + i * along_y, x + i * along_x
        p0 = rec[plane, yy - dy, xx - dx]
        p3 = rec[plane, yy - 4 * dy, xx - 4 * dx]
        p6 = rec[plane, yy - 7 * dy, xx - 7 * dx]
        p7 = rec[plane, yy - 8 * dy, xx - 8 * dx]
        q0 = rec[plane, yy, xx]
        q3 = rec[plane, yy + 3 * dy, xx + 3 * dx]
        q6 = rec[plane, yy + 6 * dy, xx + 6 * dx]
        q7 = rec[plane, yy + 7 * dy, xx + 7 * dx]
        if abs(p0 - p3 - p3 + p6) + abs(q0 - q3 - q3 + q6) + abs(p0 - p3) + abs(q0 - q3) > flat:
            continue
        if abs(q0 - p0) > stair:
            continue  # a real edge
        done |= np.int64(1) << i
        p, q = (p6 + p7) * np.float32(0.5), (q6 + q7) * np.float32(0.5)
        middle = (p0 + p3 + q0 + q3) * np.float32(0.25)
        for k in range(7):
            share = np.float32(2 * k + 1) * np.float32(1 / 14)
            rec[plane, yy - (k + 1) * dy, xx - (k + 1) * dx] = middle + (p - middle) * share
            rec[plane, yy + k * dy, xx + k * dx] = middle + (q - middle) * share
    return done


@compiled
def _any(q, plane, y, x, n):
    for j in range(n):
        for i in range(n):
            if q[plane, y + j, x + i] != 0:
                return True
    return False


@compiled
def deblock(rec, intra, alone, eight, q, step):
    """Filter a frame in place: all vertical edges, then all horizontal ones."""
    ph, pw = eight.shape
    coded = np.zeros((3, ph, pw), np.uint8)
    none = np.int64(0)
    for plane in range(3):
        for py in range(ph):
            for px in range(pw):
                if intra[py, px] >= 0 or alone[py, px] or _any(q, plane, 16 * py, 16 * px, 16):
                    coded[plane, py, px] = 1
    for plane in range(3):
        for py in range(ph):
            for px in range(pw):
                y, x = 16 * py, 16 * px
                if px > 0 and (coded[plane, py, px] or coded[plane, py, px - 1]):
                    done = none
                    if plane or not (eight[py, px] or eight[py, px - 1]):
                        done = _ramp(rec, plane, y, x, 0, 1, 1, 0, step)
                    _edge(rec, plane, y, x, 0, 1, 1, 0, done, step)
                if plane == 0 and eight[py, px]:
                    _edge(rec, plane, y, x + 8, 0, 1, 1, 0, none, step)
        for py in range(ph):
            for px in range(pw):
                y, x = 16 * py, 16 * px
                if py > 0 and (coded[plane, py, px] or coded[plane, py - 1, px]):
                    done = none
                    if plane or not (eight[py, px] or eight[py - 1, px]):
                        done = _ramp(rec, plane, y, x, 1, 0, 0, 1, step)
                    _edge(rec, plane, y, x, 1, 0, 0, 1, done, step)
                if plane == 0 and eight[py, px]:
                    _edge(rec, plane, y + 8, x, 1, 0, 0, 1, none, step)
