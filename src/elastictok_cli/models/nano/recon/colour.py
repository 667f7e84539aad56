"""RGB to and from the planes of the codec, float32.

Plane 0 (luma) is (R + G + B) / sqrt 3; planes 1 and 2 (chroma) are (R - B) / sqrt 2 and (R - 2G + B) / sqrt 6. This is
a rotation, so a squared error in the planes is the same in RGB.
"""

from __future__ import annotations

import numpy as np

from ....jit import compiled

A = np.float32(1 / 3**0.5)
B = np.float32(1 / 2**0.5)
C = np.float32(1 / 6**0.5)
D = np.float32(2 / 6**0.5)

PAD = 40  # pixels of repeated edge around a reference: a 16x16 block, the filter taps and some slack


@compiled
def to_planes(rgb, out, pad):
    """Planes of an RGB frame: uint8 (h, w, 3) to float32 (3, h + 2 pad, w + 2 pad), edges repeated."""
    h, w = rgb.shape[0], rgb.shape[1]
    for y in range(h):
        for x in range(w):
            r, g, b = np.float32(rgb[y, x, 0]), np.float32(rgb[y, x, 1]), np.float32(rgb[y, x, 2])
            out[0, y + pad, x + pad] = (r + g + b) * A
            out[1, y + pad, x + pad] = (r - b) * B
            out[2, y + pad, x + pad] = (r + b) * C - g * D
    if pad == 0:
        return
    for c in range(3):
        for y in range(pad, pad + h):
            for x in range(pad):
                out[c, y, x] = out[c, y, pad]
                out[c, y, pad + w + x] = out[c, y, pad + w - 1]
        for y in range(pad):
            out[c, y] = out[c, pad]
            out[c, pad + h + y] = out[c, pad + h - 1]


@compiled
def to_rgb(planes, rgb):
    """RGB of decoded planes: float32 (3, h, w) to uint8 (h, w, 3), rounded to nearest and clipped."""
    h, w = planes.shape[1], planes.shape[2]
    half, top, zero = np.float32(0.5), np.float32(255.49), np.float32(0)
    for y in range(h):
        for x in range(w):
            p0, p1, p2 = planes[0, y, x] * A, planes[1, y, x] * B, planes[2, y, x]
            rgb[y, x, 0] = np.uint8(min(max(p0 + p1 + p2 * C + half, zero), top))
            rgb[y, x, 1] = np.uint8(min(max(p0 - p2 * D + half, zero), top))
            rgb[y, x, 2] = np.uint8(min(max(p0 - p1 + p2 * C + half, zero), top))


def planes_of(rgb: np.ndarray, pad: int = 0) -> np.ndarray:
    """`to_planes` into a new array."""
    h, w = rgb.shape[:2]
    out = np.empty((3, h + 2 * pad, w + 2 * pad), np.float32)
    to_planes(rgb, out, pad)
    return out
