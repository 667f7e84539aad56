"""The orthonormal DCT-II of 16x16 and 8x8 blocks, float32, in a fixed order of operations (no fastmath)."""

from __future__ import annotations

import numpy as np

from ....jit import compiled


def _basis(n: int) -> np.ndarray:
    k, i = np.arange(n)[:, None], np.arange(n)[None, :]
    scale = np.where(k == 0, np.sqrt(1 / n), np.sqrt(2 / n))
    # Rounded to 1/2^14: cosines of different machines differ in the last bit.
    return (np.round(scale * np.cos(np.pi * k * (2 * i + 1) / (2 * n)) * 16384) / 16384).astype(np.float32)


DCT16 = _basis(16)
DCT8 = _basis(8)
DCT16_COLUMNS = np.ascontiguousarray(DCT16.T)  # for loops that run along columns
DCT8_COLUMNS = np.ascontiguousarray(DCT8.T)


@compiled
def forward_dct(x, n, out, tmp):
    """Coefficients out[v, h] of the pixels x[y, x]. All are (n, n) at least, n is 16 or 8; tmp: scratch."""
    basis = DCT16 if n == 16 else DCT8
    columns = DCT16_COLUMNS if n == 16 else DCT8_COLUMNS
    for y in range(n):
        for h in range(n):
            tmp[y, h] = np.float32(0)
        for i in range(n):
            s = x[y, i]
            for h in range(n):
                tmp[y, h] += s * columns[i, h]
    for v in range(n):
        for h in range(n):
            out[v, h] = np.float32(0)
        for y in range(n):
            w = basis[v, y]
            for h in range(n):
                out[v, h] += w * tmp[y, h]


@compiled
def inverse_dct(c, n, rows, out, tmp):
    """Pixels out[y, x] of the coefficients c[v, h]. Rows of c from `rows` on are zero and skipped. tmp: scratch."""
    basis = DCT16 if n == 16 else DCT8
    for v in range(rows):
        for x in range(n):
            tmp[v, x] = np.float32(0)
        for h in range(n):
            s = c[v, h]
            if s != 0:
                for x in range(n):
                    tmp[v, x] += s * basis[h, x]
    for y in range(n):
        for x in range(n):
            out[y, x] = np.float32(0)
        for v in range(rows):
            w = basis[v, y]
            for x in range(n):
                out[y, x] += w * tmp[v, x]
