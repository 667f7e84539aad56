"""Overlapped block motion compensation (OBMC): inter prediction, the same in encoder and decoder.

The vector of every 8x8 block predicts a 16x16 window around it; the windows are raised cosines that sum to one. A CTU
may do without overlap (no_obmc): at the border of a moving object and in text its own vectors are sharper. Vectors are
in quarter pixels. Samples between pixels come from the 8-tap filters of H.265 (table 8-11), separable, horizontal
first. Float32 in a fixed order, without fastmath.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ....jit import compiled
from ..syntax.motion_vectors import MV_X0, MV_X1, MV_Y0, MV_Y1, PRED_FLAGS, PRED_L0, PRED_L1, is_identical
from .colour import PAD
from .square import Square

TAPS = np.array(
    [
        [0, 0, 0, 64, 0, 0, 0, 0],
        [-1, 4, -10, 58, 17, -5, 1, 0],
        [-1, 4, -11, 40, 40, -11, 4, -1],
        [0, 1, -5, 17, 58, -10, 4, -1],
    ],
    np.float32,
) / np.float32(64)

# The rising half of a raised cosine of 16 pixels, rounded to 1/4096. The falling half is one minus it.
RISING = (np.round((0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(8) + 0.5) / 16)) * 4096) / 4096).astype(np.float32)


class PredictionScratch(NamedTuple):
    """Working memory of inter prediction. second: float32 (8, 8), the other half of a mean. rows: float32 (16, 8)."""

    second: npt.NDArray[np.float32]
    rows: npt.NDArray[np.float32]


@compiled
def new_prediction_scratch():
    """Fresh working memory."""
    return PredictionScratch(np.empty((8, 8), np.float32), np.empty((16, 8), np.float32))


@compiled
def interpolate(ref, at, vx, vy, out, tmp):
    """The block at a Square, moved by (vx, vy) quarter pixels, from a padded reference into out (n, n).

    Positions far outside the frame are clamped to the padding, where all pixels repeat the edge. tmp: (n + 7, n).
    """
    plane, y, x, n = at
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
def predict_inter(ref0, ref1, at, m, out, scratch):
    """The prediction by one vector m into out (n, n): from one reference, or the mean of both. at: Square."""
    n = at.size
    if m[PRED_FLAGS] & PRED_L0:
        interpolate(ref0, at, np.int64(m[MV_X0]), np.int64(m[MV_Y0]), out, scratch.rows)
        if m[PRED_FLAGS] & PRED_L1:
            second = scratch.second
            interpolate(ref1, at, np.int64(m[MV_X1]), np.int64(m[MV_Y1]), second, scratch.rows)
            half = np.float32(0.5)
            for j in range(n):
                for i in range(n):
                    out[j, i] = (out[j, i] + second[j, i]) * half
    else:
        interpolate(ref1, at, np.int64(m[MV_X1]), np.int64(m[MV_Y1]), out, scratch.rows)


@compiled
def compensate(ref0, ref1, mv, out):
    """The overlapped prediction of a frame into out, float32 (3, height, width).

    ref0, ref1: padded planes of the references. mv: see FrameTokens; vectors of intra blocks count too.
    """
    fh, fw = mv.shape[0], mv.shape[1]
    h, w = out.shape[1], out.shape[2]
    block = np.empty((8, 8), np.float32)
    mix = np.empty((8, 8), np.float32)
    scratch = new_prediction_scratch()
    one = np.float32(1)
    size = np.int64(8)
    for gy in range(fh + 1):
        y = 8 * gy - 4
        ya, yb = max(gy - 1, 0), min(gy, fh - 1)
        for gx in range(fw + 1):
            x = 8 * gx - 4
            xa, xb = max(gx - 1, 0), min(gx, fw - 1)
            m0, m1, m2, m3 = mv[ya, xa], mv[ya, xb], mv[yb, xa], mv[yb, xb]
            left_equal = is_identical(m0, m2)
            right_equal = is_identical(m1, m3)
            top_equal = is_identical(m0, m1)
            bottom_equal = is_identical(m2, m3)
            j0, j1 = max(0, -y), min(8, h - y)
            i0, i1 = max(0, -x), min(8, w - x)
            for c in range(3):
                at = Square(c, y, x, size)
                if left_equal and right_equal and top_equal:
                    predict_inter(ref0, ref1, at, m0, block, scratch)
                    for j in range(j0, j1):
                        for i in range(i0, i1):
                            out[c, y + j, x + i] = block[j, i]
                elif left_equal and right_equal:
                    predict_inter(ref0, ref1, at, m0, block, scratch)
                    predict_inter(ref0, ref1, at, m1, mix, scratch)
                    for j in range(j0, j1):
                        for i in range(i0, i1):
                            out[c, y + j, x + i] = block[j, i] + RISING[i] * (mix[j, i] - block[j, i])
                elif top_equal and bottom_equal:
                    predict_inter(ref0, ref1, at, m0, block, scratch)
                    predict_inter(ref0, ref1, at, m2, mix, scratch)
                    for j in range(j0, j1):
                        for i in range(i0, i1):
                            out[c, y + j, x + i] = block[j, i] + RISING[j] * (mix[j, i] - block[j, i])
                else:
                    for k in range(4):
                        m = m0 if k == 0 else (m1 if k == 1 else (m2 if k == 2 else m3))
                        predict_inter(ref0, ref1, at, m, block, scratch)
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
def predict_ctu(ref0, ref1, mv, ctu_y, ctu_x, out, scratch):
    """The prediction of one CTU by its own vectors, without overlap, into out (3, 16, 16)."""
    size = np.int64(8)
    for c in range(3):
        for k in range(4):
            j, i = 8 * (k >> 1), 8 * (k & 1)
            m = mv[2 * ctu_y + (k >> 1), 2 * ctu_x + (k & 1)]
            at = Square(c, 16 * ctu_y + j, 16 * ctu_x + i, size)
            predict_inter(ref0, ref1, at, m, out[c, j : j + 8, i : i + 8], scratch)


@compiled
def replace_no_obmc(ref0, ref1, mv, no_obmc, out):
    """Replace the prediction of the CTUs whose no_obmc flag is set. Arguments: `compensate`."""
    pixels, scratch = np.empty((3, 16, 16), np.float32), new_prediction_scratch()
    for ctu_y in range(no_obmc.shape[0]):
        for ctu_x in range(no_obmc.shape[1]):
            if no_obmc[ctu_y, ctu_x]:
                predict_ctu(ref0, ref1, mv, ctu_y, ctu_x, pixels, scratch)
                out[:, 16 * ctu_y : 16 * ctu_y + 16, 16 * ctu_x : 16 * ctu_x + 16] = pixels
