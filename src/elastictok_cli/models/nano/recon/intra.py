"""Intra prediction: a block from the decoded pixels left of and above it, in exact float32 arithmetic.

The 15 modes: 0 DC (mean), 1 vertical, 2 horizontal, 3 planar, 4 .. 7 from above going down left (by 1/4 .. 1 pixel per
row), 8 .. 11 from above going down right, 12 .. 14 from the left going down right.
"""

from __future__ import annotations

import numpy as np

from ....jit import compiled

NUM_INTRA_MODES = 15
GREY = np.array([221.0, 0.0, 0.0], np.float32)  # mid grey in planes: the reference sample where nothing is decoded


@compiled
def reference_samples(rec, at, above, left):
    """Collect the pixels around a block of size n: above[0] and left[0] are the corner, 2n pixels each follow.

    rec: float32 (3, height, width). at: Square. above, left: float32 (2n + 2,) at least.
    """
    plane, y, x, n = at
    w = rec.shape[2]
    has_above, has_left = y > 0, x > 0
    # Pixels above right exist up to the end of the next CTU, but for a block inside a CTU only to the end of its own.
    limit = min(w, (x // 16) * 16 + (32 if y % 16 == 0 else 16)) - 1
    if has_above:
        for i in range(2 * n):
            above[1 + i] = rec[plane, y - 1, min(x + i, limit)]
    else:
        fallback = rec[plane, y, x - 1] if has_left else GREY[plane]
        for i in range(2 * n):
            above[1 + i] = fallback
    if has_left:
        for i in range(2 * n):
            left[1 + i] = rec[plane, y + min(i, n - 1), x - 1]
    else:
        fallback = rec[plane, y - 1, x] if has_above else GREY[plane]
        for i in range(2 * n):
            left[1 + i] = fallback
    if has_above and has_left:
        corner = rec[plane, y - 1, x - 1]
    elif has_above:
        corner = above[1]
    else:
        corner = left[1]
    above[0] = corner
    left[0] = corner


@compiled
def _along(side, other, quarters, slope):
    """The reference sample `quarters` / 4 pixels along `side`; before its start, round the corner on `other`."""
    if quarters >= 0:
        o = quarters >> 2
        f = np.float32(quarters & 3) * np.float32(0.25)
        return (np.float32(1) - f) * side[1 + o] + f * side[2 + o]
    if quarters > -4:
        f = np.float32(-quarters) * np.float32(0.25)
        return (np.float32(1) - f) * side[1] + f * side[0]
    # past the corner: how far along the other side the line meets it, in eighths of a pixel
    eighths = ((-quarters - 4) * 8) // slope
    o = eighths >> 3
    f = np.float32(eighths & 7) * np.float32(0.125)
    return (np.float32(1) - f) * other[o] + f * other[1 + o]


@compiled
def predict_intra(above, left, n, mode, out):
    """Fill out (n, n) by an intra mode from the samples that `reference_samples` collected."""
    if mode == 0:
        s = np.float32(0)
        for i in range(n):
            s += above[1 + i] + left[1 + i]
        s *= np.float32(0.5) / np.float32(n)
        for y in range(n):
            for x in range(n):
                out[y, x] = s
    elif mode == 1:
        for y in range(n):
            for x in range(n):
                out[y, x] = above[1 + x]
    elif mode == 2:
        for y in range(n):
            for x in range(n):
                out[y, x] = left[1 + y]
    elif mode == 3:
        scale = np.float32(0.5) / np.float32(n)
        for y in range(n):
            for x in range(n):
                out[y, x] = (
                    np.float32(n - 1 - x) * left[1 + y]
                    + np.float32(x + 1) * above[n]
                    + np.float32(n - 1 - y) * above[1 + x]
                    + np.float32(y + 1) * left[n]
                ) * scale
    elif mode < 8:
        slope = mode - 3
        for y in range(n):
            for x in range(n):
                at = min(4 * x + (y + 1) * slope, 4 * (2 * n - 1))
                out[y, x] = _along(above, left, at, slope)
    elif mode < 12:
        slope = mode - 7
        for y in range(n):
            for x in range(n):
                out[y, x] = _along(above, left, 4 * x - (y + 1) * slope, slope)
    else:
        slope = mode - 11
        for y in range(n):
            for x in range(n):
                out[y, x] = _along(left, above, 4 * y - (x + 1) * slope, slope)
