"""RGB to and from the codec's three uint8 planes, with chroma at full or half size.

Y = (R + G + B) / 3, U = (R - B) / 2 + 128, V = (R - 2G + B) / 4 + 128: a scaled rotation of RGB. An error in Y counts 1
in RGB, in U 2/3 and in V 8/9. Half-size chroma lies where video has it: on even columns, between rows. It is shown by
four-tap interpolation, as FFmpeg shows it, so a 4:2:0 source loses only rounding.
"""

from __future__ import annotations

import numpy as np

from ....jit import compiled, compiled_inner

PAD = 80  # pixels of repeated edge around a reference's luma


@compiled_inner
def _byte(v):
    return min(max(v, 0), 255)


@compiled
def to_planes(rgb, half, planes):
    """uint8 (h, w, 3) into planes (3, h, w); chroma of half size fills the first quarter of its plane."""
    y, u, v = planes[0], planes[1], planes[2]
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


@compiled_inner
def _row(c, half, j, out):
    """Chroma less 128 at the luma row j, times 16, in chroma columns."""
    h, w = c.shape[0] >> half, c.shape[1] >> half
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


@compiled_inner
def _byte_row(j, h):
    return min(max(j, 0), h - 1)


@compiled_inner
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


@compiled
def to_rgb(planes, half, rgb):
    """Planes to uint8 (h, w, 3), rounded to nearest and clipped."""
    y, u, v = planes[0], planes[1], planes[2]
    h, w = y.shape
    narrow = np.zeros(w >> half, np.int32)
    uu, vv = np.zeros(w + 1, np.int32), np.zeros(w + 1, np.int32)
    for j in range(h):
        _row(u, half, j, narrow)
        _widen(narrow, half, uu)
        _row(v, half, j, narrow)
        _widen(narrow, half, vv)
        out, luma = rgb[j], y[j]
        for i in range(w):
            t = np.int32(vv[i] * np.int32(21845) + 32768) >> 16
            base = (np.int32(luma[i]) << 8) + 128
            out[i, 0] = _byte((base + 2 * t + uu[i]) >> 8)
            out[i, 1] = _byte((base - 4 * t) >> 8)
            out[i, 2] = _byte((base + 2 * t - uu[i]) >> 8)


@compiled
def padded(planes, half):
    """Planes (3, h, w) with their edges repeated: (3, h + 2 PAD, w + 2 PAD), chroma by PAD >> half."""
    out = np.empty((3, planes.shape[1] + 2 * PAD, planes.shape[2] + 2 * PAD), np.uint8)
    for c in range(3):
        shift = half if c else 0
        h, w, pad = planes.shape[1] >> shift, planes.shape[2] >> shift, PAD >> shift
        for j in range(h):
            row, source = out[c, j + pad], planes[c, j]
            row[:pad] = source[0]
            row[pad : pad + w] = source[:w]
            row[pad + w : w + 2 * pad] = source[w - 1]
        for j in range(pad):
            out[c, j] = out[c, pad]
            out[c, pad + h + j] = out[c, pad + h - 1]
    return out


@compiled
def unpadded(planes, half, out):
    """The inverse of `padded`, into out (3, h, w)."""
    for c in range(3):
        shift = half if c else 0
        h, w, pad = out.shape[1] >> shift, out.shape[2] >> shift, PAD >> shift
        for j in range(h):
            source, row = planes[c, j + pad], out[c, j]
            for i in range(w):
                row[i] = source[i + pad]
