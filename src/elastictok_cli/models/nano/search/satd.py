"""What a prediction error will cost, estimated in the Hadamard domain; and references at quarter-pixel phases.

Encoder only, so fastmath is allowed: another machine may estimate a last digit differently and choose otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ....jit import compiled
from ..recon.motion_compensation import TAPS


class Scratch(NamedTuple):
    """Working memory of the cost estimate; `bits` is `product` seen as integers."""

    d: npt.NDArray[np.float32]  # (16, 16) differences
    m: npt.NDArray[np.float32]  # (8, 8)
    product: npt.NDArray[np.float32]  # (16,)
    bits: npt.NDArray[np.int32]  # (16,)


@compiled
def new_scratch():
    """Fresh working memory."""
    product = np.ones(16, np.float32)
    return Scratch(np.zeros((16, 16), np.float32), np.zeros((8, 8), np.float32), product, product.view(np.int32))


@compiled(fastmath=True)
def hadamard_cost(sc, y, x, limit, gain):
    """Rate-distortion estimate of the 8x8 difference at sc.d[y:, x:]: small coefficients cost their energy, large bits.

    limit: energy at which a coefficient starts to cost bits; gain: cost of a factor two above it.
    """
    d, m, product, bits = sc
    for i in range(8):
        a0, a1, a2, a3 = d[y, x + i], d[y + 1, x + i], d[y + 2, x + i], d[y + 3, x + i]
        a4, a5, a6, a7 = d[y + 4, x + i], d[y + 5, x + i], d[y + 6, x + i], d[y + 7, x + i]
        b0, b1, b2, b3, b4, b5, b6, b7 = a0 + a4, a1 + a5, a2 + a6, a3 + a7, a0 - a4, a1 - a5, a2 - a6, a3 - a7
        c0, c1, c2, c3, c4, c5, c6, c7 = b0 + b2, b1 + b3, b0 - b2, b1 - b3, b4 + b6, b5 + b7, b4 - b6, b5 - b7
        m[0, i], m[1, i], m[2, i], m[3, i] = c0 + c1, c0 - c1, c2 + c3, c2 - c3
        m[4, i], m[5, i], m[6, i], m[7, i] = c4 + c5, c4 - c5, c6 + c7, c6 - c7
    scale = np.float32(1 / 64)
    inv = scale / limit
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
    # log2 of a float, nearly: exponent and mantissa read as one integer
    logs = np.int64(0)
    for i in range(16):
        logs += bits[i] - 0x3F800000
    return s * limit + gain * (np.float32(logs) * np.float32(1 / 8388608))


@compiled
def patch_cost(sc, src, y, x, pred, oy, ox, limit, gain, s):
    """s plus the estimate of the 16x16 difference between one plane of the source and its prediction at (oy, ox)."""
    for j in range(16):
        for i in range(16):
            sc.d[j, i] = src[y + j, x + i] - pred[oy + j, ox + i]
    for k in range(4):
        s += hadamard_cost(sc, 8 * (k >> 1), 8 * (k & 1), limit, gain)
    return s


@compiled
def _filter_columns(src, phase, out):
    """out = src filtered along x by one quarter-pixel phase; the outermost columns are copied."""
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
    """out = src filtered along y by one quarter-pixel phase; the outermost rows are copied."""
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
    """out[4 * fy + fx] (16, H, W): the padded plane moved by every quarter-pixel phase."""
    out[0] = plane
    for fx in range(1, 4):
        _filter_columns(plane, fx, out[fx])
    for fy in range(1, 4):
        for fx in range(4):
            _filter_rows(out[fx], fy, out[4 * fy + fx])
