"""The coarse motion search: a full search on luma at a quarter of the size. Nothing here is needed to decode."""

from __future__ import annotations

import numpy as np

from ....jit import compiled


@compiled
def quarter_size(plane, pad, out):
    """The mean of every 4x4 pixels: the picture of the coarse search. pad: border of `plane` that is left out."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            s = np.float32(0)
            for j in range(4):
                for i in range(4):
                    s += plane[pad + 4 * y + j, pad + 4 * x + i]
            out[y, x] = s * np.float32(1 / 16)


@compiled(fastmath=True)
def coarse_search(src, ref, range_y, range_x, best):
    """Full search at quarter size, in an 8x8 window around each CTU.

    src, ref: float32 (height / 4, width / 4). range_y, range_x: in pixels of that size. best: out, int64 (rows,
    columns, 2), the vector (x, y) in quarter pixels of the full size.
    """
    h, w = src.shape
    for ctu_y in range(best.shape[0]):
        for ctu_x in range(best.shape[1]):
            y0 = min(max(ctu_y * 4 - 2, 0), max(h - 8, 0))
            x0 = min(max(ctu_x * 4 - 2, 0), max(w - 8, 0))
            n, m = min(8, h), min(8, w)
            lowest = np.float32(1e30)
            for dy in range(-min(range_y, y0), min(range_y, h - n - y0) + 1):
                for dx in range(-min(range_x, x0), min(range_x, w - m - x0) + 1):
                    s = np.float32(0.6) * np.float32(abs(dx) + abs(dy))
                    for j in range(n):
                        t = np.float32(0)
                        for i in range(m):
                            t += abs(src[y0 + j, x0 + i] - ref[y0 + dy + j, x0 + dx + i])
                        s += t
                        if s >= lowest:
                            break
                    if s < lowest:
                        lowest = s
                        best[ctu_y, ctu_x, 0] = 16 * dx
                        best[ctu_y, ctu_x, 1] = 16 * dy
