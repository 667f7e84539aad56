"""Overlapped motion compensation: the decoder's half of motion (float32, no fastmath).

Every 8x8 cell's vector predicts a 16x16 window around it; the windows are raised cosines that sum to one. A patch may
do without: at the border of a moving thing and in text its own vectors are sharper. Quarter pixels by the 8-tap filters
of H.265 (ITU-T H.265, table 8-11), separable, horizontal first.
"""

from __future__ import annotations

import numpy as np

from ....jit import compiled
from ..syntax.motion_vectors import is_equal
from .colour import PAD

TAPS = np.array(
    [
        [0, 0, 0, 64, 0, 0, 0, 0],
        [-1, 4, -10, 58, 17, -5, 1, 0],
        [-1, 4, -11, 40, 40, -11, 4, -1],
        [0, 1, -5, 17, 58, -10, 4, -1],
    ],
    np.float32,
) / np.float32(64)

# Half of a 16-wide raised cosine, rounded to 1/4096: rising 0..7; falling is one minus it.
RISING = (np.round((0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(8) + 0.5) / 16)) * 4096) / 4096).astype(np.float32)


@compiled
def fetch(ref, plane, y, x, vx, vy, n, out, tmp):
    """out[:n, :n] = the n x n block at (y, x) of the padded reference, moved by (vx, vy) quarter pixels.

    Positions far outside are held at the border, where everything is the repeated edge. tmp: (n + 7, n) at least.
    """
    h, w = ref.shape[1] - 2 * PAD, ref.shape[2] - 2 * PAD
    x0 = min(max(x + (vx >> 2), -PAD + 4), w + PAD - n - 5) + PAD
    y0 = min(max(y + (vy >> 2), -PAD + 4), h + PAD - n - 5) + PAD
    fx, fy = vx & 3, vy & 3
    src = ref[plane]
    if fx == 0 and fy == 0:
        for j in range(n):
            for i in range(n):
                out[j, i] = src[y0 + j, x0 + i]
        return
    if fy == 0:
        t0, t1, t2, t3 = TAPS[fx, 0], TAPS[fx, 1], TAPS[fx, 2], TAPS[fx, 3]
        t4, t5, t6, t7 = TAPS[fx, 4], TAPS[fx, 5], TAPS[fx, 6], TAPS[fx, 7]
        for j in range(n):
            s = src[y0 + j, x0 - 3 : x0 + n + 5]
            for i in range(n):
                out[j, i] = (
                    t0 * s[i] + t1 * s[i + 1] + t2 * s[i + 2] + t3 * s[i + 3]
                    + t4 * s[i + 4] + t5 * s[i + 5] + t6 * s[i + 6] + t7 * s[i + 7]
                )  # fmt: skip
        return
    if fx == 0:
        for j in range(n + 7):
            for i in range(n):
                tmp[j, i] = src[y0 + j - 3, x0 + i]
    else:
        t0, t1, t2, t3 = TAPS[fx, 0], TAPS[fx, 1], TAPS[fx, 2], TAPS[fx, 3]
        t4, t5, t6, t7 = TAPS[fx, 4], TAPS[fx, 5], TAPS[fx, 6], TAPS[fx, 7]
        for j in range(n + 7):
            s = src[y0 + j - 3, x0 - 3 : x0 + n + 5]
            for i in range(n):
                tmp[j, i] = (
                    t0 * s[i] + t1 * s[i + 1] + t2 * s[i + 2] + t3 * s[i + 3]
                    + t4 * s[i + 4] + t5 * s[i + 5] + t6 * s[i + 6] + t7 * s[i + 7]
                )  # fmt: skip
    t0, t1, t2, t3 = TAPS[fy, 0], TAPS[fy, 1], TAPS[fy, 2], TAPS[fy, 3]
    t4, t5, t6, t7 = TAPS[fy, 4], TAPS[fy, 5], TAPS[fy, 6], TAPS[fy, 7]
    for j in range(n):
        for i in range(n):
            out[j, i] = (
                t0 * tmp[j, i] + t1 * tmp[j + 1, i] + t2 * tmp[j + 2, i] + t3 * tmp[j + 3, i]
                + t4 * tmp[j + 4, i] + t5 * tmp[j + 5, i] + t6 * tmp[j + 6, i] + t7 * tmp[j + 7, i]
            )  # fmt: skip


@compiled
def fetch_mixed(ref0, ref1, plane, y, x, m, n, out, second, tmp):
    """The prediction of one vector m: from either reference, or the mean of both."""
    if m[4] & 1:
        fetch(ref0, plane, y, x, np.int64(m[0]), np.int64(m[1]), n, out, tmp)
        if m[4] & 2:
            fetch(ref1, plane, y, x, np.int64(m[2]), np.int64(m[3]), n, second, tmp)
            half = np.float32(0.5)
            for j in range(n):
                for i in range(n):
                    out[j, i] = (out[j, i] + second[j, i]) * half
    else:
        fetch(ref1, plane, y, x, np.int64(m[2]), np.int64(m[3]), n, out, tmp)


@compiled
def compensate(ref0, ref1, mv, first_row, end_row, out):
    """Prediction (3, h, w) from the vector field, for window rows first_row .. end_row - 1 of 0 .. fh."""
    fh, fw = mv.shape[0], mv.shape[1]
    h, w = out.shape[1], out.shape[2]
    block = np.empty((8, 8), np.float32)
    second = np.empty((8, 8), np.float32)
    mix = np.empty((8, 8), np.float32)
    tmp = np.empty((16, 8), np.float32)
    one = np.float32(1)
    for gy in range(first_row, end_row):
        y = 8 * gy - 4
        ya, yb = max(gy - 1, 0), min(gy, fh - 1)
        for gx in range(fw + 1):
            x = 8 * gx - 4
            xa, xb = max(gx - 1, 0), min(gx, fw - 1)
            m0, m1, m2, m3 = mv[ya, xa], mv[ya, xb], mv[yb, xa], mv[yb, xb]
            left_equal = is_equal(m0, m2)
            right_equal = is_equal(m1, m3)
            top_equal = is_equal(m0, m1)
            bottom_equal = is_equal(m2, m3)
            j0, j1 = max(0, -y), min(8, h - y)
            i0, i1 = max(0, -x), min(8, w - x)
            for c in range(3):
                if left_equal and right_equal and top_equal:
                    fetch_mixed(ref0, ref1, c, y, x, m0, 8, block, second, tmp)
                    for j in range(j0, j1):
                        for i in range(i0, i1):
                            out[c, y + j, x + i] = block[j, i]
                elif left_equal and right_equal:
                    fetch_mixed(ref0, ref1, c, y, x, m0, 8, block, second, tmp)
                    fetch_mixed(ref0, ref1, c, y, x, m1, 8, mix, second, tmp)
                    for j in range(j0, j1):
                        for i in range(i0, i1):
                            out[c, y + j, x + i] = block[j, i] + RISING[i] * (mix[j, i] - block[j, i])
                elif top_equal and bottom_equal:
                    fetch_mixed(ref0, ref1, c, y, x, m0, 8, block, second, tmp)
                    fetch_mixed(ref0, ref1, c, y, x, m2, 8, mix, second, tmp)
                    for j in range(j0, j1):
                        for i in range(i0, i1):
                            out[c, y + j, x + i] = block[j, i] + RISING[j] * (mix[j, i] - block[j, i])
                else:
                    for k in range(4):
                        m = m0 if k == 0 else (m1 if k == 1 else (m2 if k == 2 else m3))
                        fetch_mixed(ref0, ref1, c, y, x, m, 8, block, second, tmp)
                        for j in range(8):
                            wy = RISING[j] if k >= 2 else one - RISING[j]
                            for i in range(8):
                                wx = RISING[i] if k & 1 else one - RISING[i]
                                if k == 0:
                                    mix[j, i] = wy * wx * block[j, i]
                                else:
                                    mix[j, i] += wy * wx * block[j, i]
                    for j in range(j0, j1):
                        for i in range(i0, i1):
                            out[c, y + j, x + i] = mix[j, i]


@compiled
def fetch_patch(ref0, ref1, mv, py, px, out, second, tmp):
    """out (3, 16, 16): the prediction of a patch from its own vectors. second: (8, 8), tmp: (16, 8) at least."""
    for c in range(3):
        for k in range(4):
            j, i = 8 * (k >> 1), 8 * (k & 1)
            m = mv[2 * py + (k >> 1), 2 * px + (k & 1)]
            fetch_mixed(ref0, ref1, c, 16 * py + j, 16 * px + i, m, 8, out[c, j : j + 8, i : i + 8], second, tmp)


@compiled
def compensate_alone(ref0, ref1, mv, alone, out):
    """Replace the prediction of the patches that say so by that from their own vectors."""
    pixels, second, tmp = np.empty((3, 16, 16), np.float32), np.empty((8, 8), np.float32), np.empty((16, 8), np.float32)
    for py in range(alone.shape[0]):
        for px in range(alone.shape[1]):
            if alone[py, px]:
                fetch_patch(ref0, ref1, mv, py, px, pixels, second, tmp)
                out[:, 16 * py : 16 * py + 16, 16 * px : 16 * px + 16] = pixels
