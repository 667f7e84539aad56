"""Integer cosine transforms of 4x4 to 32x32. Coefficients are orthonormal times 4 and fit 16 bits.

No sum can leave 32 bits, whatever the levels are: the inverse clips its input and what stands between its two passes.
"""

from __future__ import annotations

import numpy as np

from ....jit import compiled, compiled_inner

SIZES = (4, 8, 16, 32)


def _basis(n: int) -> np.ndarray:
    k, x = np.arange(n)[:, None], np.arange(n)[None]
    basis = np.sqrt(2 / n) * np.cos((2 * x + 1) * k * np.pi / (2 * n))
    basis[0] = np.sqrt(1 / n)
    rounded: np.ndarray = np.round(4096 * basis).astype(np.int32)
    return rounded


BASIS = np.zeros((4, 32, 32), np.int32)  # [size][frequency][place]
FLIPPED = np.zeros((4, 32, 32), np.int32)  # [size][place][frequency]
for _i, _n in enumerate(SIZES):
    BASIS[_i, :_n, :_n] = _basis(_n)
    FLIPPED[_i, :_n, :_n] = _basis(_n).T


@compiled_inner
def size_index(n):
    """0..3 for 4, 8, 16, 32."""
    return 0 if n == 4 else (1 if n == 8 else (2 if n == 16 else 3))


@compiled
def inverse(c, n, rows, columns, out, tmp):
    """out[:n, :n] = the inverse of c (int32), which is zero from row `rows` and column `columns` on."""
    t = size_index(n)
    for y in range(n):
        row = tmp[y]
        for h in range(columns):
            row[h] = 512
        for v in range(rows):
            a, line = BASIS[t, v, y], c[v]
            for h in range(columns):
                row[h] = np.int32(row[h] + a * line[h])
        for h in range(columns):
            row[h] = min(max(np.int32(row[h] >> 10), np.int32(-32768)), np.int32(32767))
    for y in range(n):
        row, line = tmp[y], out[y]
        for x in range(n):
            line[x] = 32768
        for h in range(columns):
            a = row[h]
            if a != 0:
                basis = BASIS[t, h]
                for x in range(n):
                    line[x] = np.int32(line[x] + a * basis[x])
        for x in range(n):
            line[x] = np.int32(line[x] >> 16)
