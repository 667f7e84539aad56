"""Residuals of a frame as the decoder adds them: dequantisation, inverse transform, and intra prediction on the way.

The coding blocks are walked in raster order over `rec`, which holds the motion-compensated prediction at first and the
decoded planes afterwards: an intra block is predicted from what is already decoded to its left and above it.
"""

from __future__ import annotations

import numpy as np

from ....jit import compiled
from .intra import edges, predict
from .transform import inverse

# The lowest three coefficients are what a patch's colour is: wrong ones are seen first, and copied into later frames
# (docs/nano.md has what that costs). Their step as a share of the frame's, [luma, colour], and what an error counts in
# the choice of levels, [luma, colour][lowest three, others].
LOW_SHARE = np.array([1, 0.5], np.float32)


@compiled
def dequantise(b, n, plane, step, c):
    """Coefficients of the levels in b into c; returns how many rows of c have any."""
    rows = 0
    low = step * LOW_SHARE[min(plane, 1)]
    for v in range(n):
        for h in range(n):
            c[v, h] = np.float32(b[v, h]) * (step if v + h > 1 else low)
            if b[v, h] != 0:
                rows = v + 1
    return rows


@compiled
def add_block(rec, plane, y, x, n, pred, b, step, c, out, tmp):
    """rec = pred + inverse transform of the levels in b."""
    rows = dequantise(b, n, plane, step, c)
    if rows:
        inverse(c, n, rows, out, tmp)
        for j in range(n):
            for i in range(n):
                rec[plane, y + j, x + i] = pred[j, i] + out[j, i]
    else:
        for j in range(n):
            for i in range(n):
                rec[plane, y + j, x + i] = pred[j, i]


@compiled
def block_prediction(rec, plane, y, x, n, mode, above, left, pred):
    """The prediction of a block: its intra mode, or (mode -1) what already stands in rec."""
    if mode >= 0:
        edges(rec, plane, y, x, n, above, left)
        predict(above, left, n, mode, pred)
    else:
        for j in range(n):
            for i in range(n):
                pred[j, i] = rec[plane, y + j, x + i]


@compiled
def reconstruct_residual(rec, intra, eight, q, step):
    """The decoder: add every patch's residual to the prediction in rec, in raster order."""
    ph, pw = eight.shape
    pred = np.zeros((16, 16), np.float32)
    c = np.zeros((16, 16), np.float32)
    out = np.zeros((16, 16), np.float32)
    tmp = np.zeros((16, 16), np.float32)
    above = np.zeros(34, np.float32)
    left = np.zeros(34, np.float32)
    for py in range(ph):
        for px in range(pw):
            mode = np.int64(intra[py, px])
            for plane in range(3):
                n = 8 if plane == 0 and eight[py, px] else 16
                for k in range(4 if n == 8 else 1):
                    y, x = 16 * py + 8 * (k >> 1), 16 * px + 8 * (k & 1)
                    b = q[plane, y : y + n, x : x + n]
                    if mode < 0 and not np.any(b):
                        continue
                    block_prediction(rec, plane, y, x, n, mode, above, left, pred)
                    add_block(rec, plane, y, x, n, pred, b, step, c, out, tmp)
