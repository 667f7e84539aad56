"""RGB to and from the codec's three uint8 planes, with chroma at full or half size.

Y = (R + G + B) / 3, U = (R - B) / 2 + 128, V = (R - 2G + B) / 4 + 128: a scaled rotation of RGB, so an error in Y counts
1 in RGB, in U 2/3 and in V 8/9. Half-size chroma lies where video has it: on even columns, between rows. It is shown
by four-tap interpolation, as FFmpeg shows it, so a 4:2:0 source loses only rounding.
"""

from __future__ import annotations

import numba
import numpy as np

PAD = 80  # pixels of repeated edge around a reference's luma


@numba.njit(cache=True, nogil=True)
def _byte(v):
    return min(max(v, 0), 255)


@numba.njit(cache=True, nogil=True)
def to_planes(rgb, half, y, u, v):
    """uint8 (h, w, 3) into y (h, w) and u, v (h >> half, w >> half)."""
    h, w = y.shape
    for j in range(h):
        for i in range(w):
            s = np.int32(rgb[j, i, 0]) + np.int32(rgb[j, i, 1]) + np.int32(rgb[j, i, 2])
            y[j, i] = _byte((s * 21846 + 32768) >> 16)
    if half:
        for j in range(h >> 1):
            for i in range(w >> 1):
                r = np.int32(rgb[2 * j, 2 * i, 0]) + np.int32(rgb[2 * j + 1, 2 * i, 0])
                g = np.int32(rgb[2 * j, 2 * i, 1]) + np.int32(rgb[2 * j + 1, 2 * i, 1])
                b = np.int32(rgb[2 * j, 2 * i, 2]) + np.int32(rgb[2 * j + 1, 2 * i, 2])
                u[j, i] = _byte(128 + ((r - b + 2) >> 2))
                v[j, i] = _byte(128 + ((r - 2 * g + b + 4) >> 3))
    else:
        for j in range(h):
            for i in range(w):
                r, g, b = np.int32(rgb[j, i, 0]), np.int32(rgb[j, i, 1]), np.int32(rgb[j, i, 2])
                u[j, i] = _byte(128 + ((r - b + 1) >> 1))
                v[j, i] = _byte(128 + ((r - 2 * g + b + 2) >> 2))


@numba.njit(cache=True, nogil=True)
def _row(c, k, half, j, out):
    """Chroma less 128 at the luma row j, times 16, in chroma columns."""
    h, w = c.shape
    if not half:
        for i in range(w):
            out[i] = (np.int32(c[j, i]) - 128) << 4
        return
    n = j >> 1
    up = -1 if j & 1 == 0 else 1  # the nearer of the other rows
    a, b = c[n], c[_byte_row(n + up, h)]
    d, e = c[_byte_row(n - up, h)], c[_byte_row(n + 2 * up, h)]
    for i in range(w):
        s = 111 * np.int32(a[i]) + 29 * np.int32(b[i]) - 9 * np.int32(d[i]) - 3 * np.int32(e[i])
        out[i] = np.int32(s - 128 * 128 + 4) >> 3


@numba.njit(cache=True, nogil=True)
def _byte_row(j, h):
    return min(max(j, 0), h - 1)


@numba.njit(cache=True, nogil=True)
def _widen(row, half, out):
    """One row of chroma at luma columns, times 256."""
    w = row.shape[0]
    if not half:
        for i in range(w):
            out[i] = row[i] << 4
        return
    for i in range(w):
        out[2 * i] = row[i] << 4
    for i in range(1, w - 2):
        out[2 * i + 1] = 9 * (row[i] + row[i + 1]) - row[i - 1] - row[i + 2]
    for i in (0, w - 2, w - 1):
        a, b, c, d = row[max(i - 1, 0)], row[max(i, 0)], row[min(i + 1, w - 1)], row[min(i + 2, w - 1)]
        out[2 * max(i, 0) + 1] = 9 * (b + c) - a - d


@numba.njit(cache=True, nogil=True)
def to_rgb(y, u, v, half, rgb):
    """Planes to uint8 (h, w, 3), rounded to nearest and clipped."""
    h, w = y.shape
    narrow = np.zeros(u.shape[1], np.int32)
    uu, vv = np.zeros(w + 1, np.int32), np.zeros(w + 1, np.int32)
    for j in range(h):
        _row(u, 0, half, j, narrow)
        _widen(narrow, half, uu)
        _row(v, 0, half, j, narrow)
        _widen(narrow, half, vv)
        out, luma = rgb[j], y[j]
        for i in range(w):
            t = np.int32(vv[i] * np.int32(21845) + 32768) >> 16
            base = (np.int32(luma[i]) << 8) + 128
            out[i, 0] = _byte((base + 2 * t + uu[i]) >> 8)
            out[i, 1] = _byte((base - 4 * t) >> 8)
            out[i, 2] = _byte((base + 2 * t - uu[i]) >> 8)


@numba.njit(cache=True, nogil=True)
def padded(plane, pad):
    """The plane with its edges repeated `pad` pixels on every side."""
    h, w = plane.shape
    out = np.empty((h + 2 * pad, w + 2 * pad), np.uint8)
    for j in range(h):
        row, source = out[j + pad], plane[j]
        row[:pad] = source[0]
        row[pad : pad + w] = source
        row[pad + w :] = source[w - 1]
    for j in range(pad):
        out[j] = out[pad]
        out[pad + h + j] = out[pad + h - 1]
    return out
