"""The in-loop deblocking filter: it smooths the steps that coarse quantisation leaves at the edges of blocks.

An edge is filtered only if a block on either side has a residual, intra prediction or prediction without overlap, only
where both sides are smooth, and never by more than a share of the qstep. Between two flat 16x16 transforms a ramp from
centre to centre replaces the step, because the eye sees the smallest step there. All arithmetic is float32 in a fixed
order, so encoder and decoder agree.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ....jit import Integer, compiled

# All in qsteps.
MAX_CHANGE = np.float32(0.30)  # the largest change of a pixel
MAX_CURVATURE = np.float32(0.60)  # deviation of three pixels of a side from a straight line, where the side is smooth
MAX_UNEVENNESS = np.float32(0.10)  # deviation of eight pixels of a side from a constant, where the side is flat
MAX_RAMP_STEP = np.float32(0.15)  # the highest step between two flat blocks that is no edge of the picture


class Edge(NamedTuple):
    """16 pixels along the edge of a block. (dy, dx): one pixel across the edge, (0, 1) for a vertical edge.

    The edge runs along (dx, dy) from (y, x), the first pixel on its far side.
    """

    plane: Integer
    y: Integer
    x: Integer
    dy: Integer
    dx: Integer


@compiled
def _filter_edge(rec, edge, skip, qstep):
    """Filter the pixels along one edge in place. skip: bit i leaves out pixel i."""
    plane, y, x, dy, dx = edge
    limit = MAX_CHANGE * qstep
    smooth = MAX_CURVATURE * qstep
    for i in range(16):
        if (skip >> i) & 1:
            continue
        yy, xx = y + i * dx, x + i * dy
        p0 = rec[plane, yy - dy, xx - dx]
        p1 = rec[plane, yy - 2 * dy, xx - 2 * dx]
        p2 = rec[plane, yy - 3 * dy, xx - 3 * dx]
        q0 = rec[plane, yy, xx]
        q1 = rec[plane, yy + dy, xx + dx]
        q2 = rec[plane, yy + 2 * dy, xx + 2 * dx]
        if abs(p2 - p1 - p1 + p0) + abs(q2 - q1 - q1 + q0) > smooth:
            continue
        if abs(q0 - p0) > np.float32(4) * limit:
            continue  # an edge of the picture
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
def _ramp_edge(rec, edge, qstep):
    """Replace the step between two flat 16x16 transforms by a ramp of 14 pixels, in place.

    Returns where: bit i for pixel i along the edge.
    """
    plane, y, x, dy, dx = edge
    flat = MAX_UNEVENNESS * qstep
    highest = MAX_RAMP_STEP * qstep
    done = np.int64(0)
    for i in range(16):
        yy, xx = y + i * dx, x + i * dy
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
        if abs(q0 - p0) > highest:
            continue  # an edge of the picture
        done |= np.int64(1) << i
        p, q = (p6 + p7) * np.float32(0.5), (q6 + q7) * np.float32(0.5)
        middle = (p0 + p3 + q0 + q3) * np.float32(0.25)
        for k in range(7):
            share = np.float32(2 * k + 1) * np.float32(1 / 14)
            rec[plane, yy - (k + 1) * dy, xx - (k + 1) * dx] = middle + (p - middle) * share
            rec[plane, yy + k * dy, xx + k * dx] = middle + (q - middle) * share
    return done


@compiled
def _has_levels(levels, plane, y, x, n):
    for j in range(n):
        for i in range(n):
            if levels[plane, y + j, x + i] != 0:
                return True
    return False


@compiled
def loop_filter(rec, tokens, qstep):
    """Filter a frame in place: in each plane all vertical edges, then all horizontal ones.

    rec: float32 (3, height, width). tokens: FrameTokens.
    """
    tx_8x8 = tokens.tx_8x8
    rows, columns = tx_8x8.shape
    filtered = np.zeros((3, rows, columns), np.uint8)
    none = np.int64(0)
    for plane in range(3):
        for cy in range(rows):
            for cx in range(columns):
                if (
                    tokens.intra_mode[cy, cx] >= 0
                    or tokens.no_obmc[cy, cx]
                    or _has_levels(tokens.levels, plane, 16 * cy, 16 * cx, 16)
                ):
                    filtered[plane, cy, cx] = 1
    for plane in range(3):
        for cy in range(rows):
            for cx in range(columns):
                y, x = 16 * cy, 16 * cx
                if cx > 0 and (filtered[plane, cy, cx] or filtered[plane, cy, cx - 1]):
                    done = none
                    edge = Edge(plane, y, x, none, none + 1)
                    if plane or not (tx_8x8[cy, cx] or tx_8x8[cy, cx - 1]):
                        done = _ramp_edge(rec, edge, qstep)
                    _filter_edge(rec, edge, done, qstep)
                if plane == 0 and tx_8x8[cy, cx]:
                    _filter_edge(rec, Edge(plane, y, x + 8, none, none + 1), none, qstep)
        for cy in range(rows):
            for cx in range(columns):
                y, x = 16 * cy, 16 * cx
                if cy > 0 and (filtered[plane, cy, cx] or filtered[plane, cy - 1, cx]):
                    done = none
                    edge = Edge(plane, y, x, none + 1, none)
                    if plane or not (tx_8x8[cy, cx] or tx_8x8[cy - 1, cx]):
                        done = _ramp_edge(rec, edge, qstep)
                    _filter_edge(rec, edge, done, qstep)
                if plane == 0 and tx_8x8[cy, cx]:
                    _filter_edge(rec, Edge(plane, y + 8, x, none + 1, none), none, qstep)
