"""The cost of a prediction error, estimated in the Hadamard domain; and references at all quarter-pixel phases.

Encoder only, so fastmath is allowed: another machine may round an estimate differently and choose otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ....jit import compiled
from ..recon.motion_compensation import TAPS


class CostModel(NamedTuple):
    """What a frame's bits and errors count in the decisions of the encoder.

    qstep: of the frame. lam: what a bit counts in squared error (lambda). dead_zone: the energy of a coefficient up to
    which it is estimated to cost no bits. octave_cost: the cost of each doubling of the energy above that.
    """

    qstep: np.float32
    lam: np.float32
    dead_zone: np.float32
    octave_cost: np.float32


class HadamardScratch(NamedTuple):
    """Working memory of the cost estimate; `bits` is `product` seen as integers."""

    d: npt.NDArray[np.float32]  # (16, 16), differences
    m: npt.NDArray[np.float32]  # (8, 8)
    product: npt.NDArray[np.float32]  # (16,)
    bits: npt.NDArray[np.int32]  # (16,)


@compiled
def new_hadamard_scratch():
    """Fresh working memory."""
    product = np.ones(16, np.float32)
    return HadamardScratch(
        np.zeros((16, 16), np.float32), np.zeros((8, 8), np.float32), product, product.view(np.int32)
    )


@compiled(fastmath=True)
def hadamard_cost(scratch, y, x, cost):
    """Rate-distortion cost of the 8x8 difference at scratch.d[y:, x:], estimated. cost: CostModel.

    A coefficient inside the dead zone costs its energy (it is quantised to zero), a larger one costs bits.
    """
    d, m, product, bits = scratch
    for i in range(8):
        a0, a1, a2, a3 = d[y, x + i], d[y + 1, x + i], d[y + 2, x + i], d[y + 3, x + i]
        a4, a5, a6, a7 = d[y + 4, x + i], d[y + 5, x + i], d[y + 6, x + i], d[y + 7, x + i]
        b0, b1, b2, b3, b4, b5, b6, b7 = a0 + a4, a1 + a5, a2 + a6, a3 + a7, a0 - a4, a1 - a5, a2 - a6, a3 - a7
        c0, c1, c2, c3, c4, c5, c6, c7 = b0 + b2, b1 + b3, b0 - b2, b1 - b3, b4 + b6, b5 + b7, b4 - b6, b5 - b7
        m[0, i], m[1, i], m[2, i], m[3, i] = c0 + c1, c0 - c1, c2 + c3, c2 - c3
        m[4, i], m[5, i], m[6, i], m[7, i] = c4 + c5, c4 - c5, c6 + c7, c6 - c7
    scale = np.float32(1 / 64)
    inv = scale / cost.dead_zone
    one = np.float32(1)
    s = np.float32(0)
    for i in range(8):
        a0, a1, a2, a3 = m[i, 0], m[i, 1], m[i, 2], m[i, 3]
        a4, a5, a6, a7 = m[i, 4], m[i, 5], m[i, 6], m[i, 7]
        b0, b1, b2, b3, b4, b5, b6, b7 = a0 + a4, a1 + a5, a2 + a6, a3 + a7, a0 - a4, a1 - a5, a2 - a6, a3 - a7
        c0, c1, c2, c3, c4, c5, c6, c7 = b0 + b2, b1 + b3, b0 - b2, b1 - b3, b4 + b6, b5 + b7, b4 - b6, b5 - b7
        a0, a1, a2, a3 = (c0 + c1) * (c0 + c1), (c0 - c1) * (c0 - c1), (c2 + c3) * (c2 + c3), (c2 - c3) * (c2 - c3)
        a4, a5, a6, a7 = (c4 + c5) * (c4 + c5), (c4 - c5) * (c4 - c5), (c6 + c7) * (c6 + c7), (c6 - c7) * (c6 - c7)
        a0, a1, a2, a3 = a0 * inv, a1 * inv, a2 * inv, a3 * inv
        a4, a5, a6, a7 = a4 * inv, a5 * inv, a6 * inv, a7 * inv
        s += min(a0, one) + min(a1, one) + min(a2, one) + min(a3, one)
        s += min(a4, one) + min(a5, one) + min(a6, one) + min(a7, one)
        product[i] = max(a0, one) * max(a1, one) * max(a2, one) * max(a3, one)
        product[8 + i] = max(a4, one) * max(a5, one) * max(a6, one) * max(a7, one)
    # An approximate log2 of a float: its exponent and mantissa read as one integer.
    logs = np.int64(0)
    for i in range(16):
        logs += bits[i] - 0x3F800000
    return s * cost.dead_zone + cost.octave_cost * (np.float32(logs) * np.float32(1 / 8388608))


@compiled
def add_ctu_cost(total, src, y, x, pred, pred_y, pred_x, cost, scratch):
    """total plus the cost of the 16x16 difference between a plane of the source and its prediction, estimated.

    src: float32 (height, width). pred: likewise, or the CTU alone: the prediction stands at (pred_y, pred_x).
    """
    for j in range(16):
        for i in range(16):
            scratch.d[j, i] = src[y + j, x + i] - pred[pred_y + j, pred_x + i]
    for k in range(4):
        total += hadamard_cost(scratch, 8 * (k >> 1), 8 * (k & 1), cost)
    return total


@compiled
def _filter_columns(src, phase, out):
    """Move src along x by one quarter-pixel phase into out. The outermost columns are copied."""
    t0, t1, t2, t3 = TAPS[phase, 0], TAPS[phase, 1], TAPS[phase, 2], TAPS[phase, 3]
    t4, t5, t6, t7 = TAPS[phase, 4], TAPS[phase, 5], TAPS[phase, 6], TAPS[phase, 7]
    w = src.shape[1]
    for y in range(src.shape[0]):
        s, o = src[y], out[y]
        for x in range(3):
            o[x] = s[x]
        for x in range(w - 7):
            o[x + 3] = (
                t0 * s[x] + t1 * s[x + 1] + t2 * s[x + 2] + t3 * s[x + 3]
                + t4 * s[x + 4] + t5 * s[x + 5] + t6 * s[x + 6] + t7 * s[x + 7]
            )  # fmt: skip
        for x in range(w - 4, w):
            o[x] = s[x]


@compiled
def _filter_rows(src, phase, out):
    """Move src along y by one quarter-pixel phase into out. The outermost rows are copied."""
    t0, t1, t2, t3 = TAPS[phase, 0], TAPS[phase, 1], TAPS[phase, 2], TAPS[phase, 3]
    t4, t5, t6, t7 = TAPS[phase, 4], TAPS[phase, 5], TAPS[phase, 6], TAPS[phase, 7]
    h, w = src.shape
    out[:3] = src[:3]
    out[h - 4 :] = src[h - 4 :]
    for y in range(3, h - 4):
        s0, s1, s2, s3 = src[y - 3], src[y - 2], src[y - 1], src[y]
        s4, s5, s6, s7 = src[y + 1], src[y + 2], src[y + 3], src[y + 4]
        o = out[y]
        for x in range(w):
            o[x] = (
                t0 * s0[x] + t1 * s1[x] + t2 * s2[x] + t3 * s3[x]
                + t4 * s4[x] + t5 * s5[x] + t6 * s6[x] + t7 * s7[x]
            )  # fmt: skip


@compiled
def quarter_phases(plane, out):
    """Move a padded plane (H, W) by every quarter-pixel phase: out[4 * fy + fx], float32 (16, H, W)."""
    out[0] = plane
    for fx in range(1, 4):
        _filter_columns(plane, fx, out[fx])
    for fy in range(1, 4):
        for fx in range(4):
            _filter_rows(out[fx], fy, out[4 * fy + fx])
