"""Levels to pixels: dequantisation, inverse transform, and the sum with the prediction."""

from __future__ import annotations

import numpy as np

from ....jit import compiled_inner
from .transform import inverse


@compiled_inner
def add_residual(pred, b, n, qstep, out, y, x, square):
    """out[y:, x:] = pred[:n, :n] + the inverse transform of the levels in b.

    qstep: in 1/16. square: int32 (3, 32, 32), scratch.
    """
    c, tmp, res = square[0], square[1], square[2]
    rows = columns = 0
    for v in range(n):
        for h in range(n):
            level = np.int64(b[v, h])
            if level != 0:
                rows = v + 1
                columns = max(columns, h + 1)
                level = min(max((level * qstep + 2) >> 2, -32768), 32767)
            c[v, h] = level
    inverse(c, n, rows, columns, res, tmp)
    for j in range(n):
        o, p, r = out[y + j, x : x + n], pred[j], res[j]
        for i in range(n):
            o[i] = min(max(np.int32(p[i]) + r[i], 0), 255)


@compiled_inner
def copy_block(pred, n, out, y, x):
    """out[y:, x:] = pred[:n, :n]."""
    for j in range(n):
        o, p = out[y + j, x : x + n], pred[j]
        for i in range(n):
            o[i] = p[i]
