"""How far a prediction is from the source: absolute differences, squared errors, a Hadamard estimate of the cost.

Two habits make these loops three times as fast. Indexes are unsigned (U), because a signed one may be negative and
count from the end, which keeps LLVM from vectorising. Every sum is cast back to int32 (I), because numba adds int32 as
int64, which halves the lanes.
"""

from __future__ import annotations

import numpy as np

from ....jit import compiled_inner
from .forward_transform import PITCH

U, I = np.uint64, np.int32  # noqa: E741


@compiled_inner
def sad(src, y, x, ref, v, u, n, stride):
    """Sum of absolute differences of n x n pixels, of every `stride`-th row; n: a multiple of 4 * stride."""
    x, u, width, step = U(x), U(u), U(n), U(stride)
    y0, v0 = U(y), U(v)
    s = np.int64(0)
    for _ in range(0, n, 4 * stride):
        y1, v1 = y0 + step, v0 + step
        y2, v2 = y1 + step, v1 + step
        y3, v3 = y2 + step, v2 + step
        t = I(0)
        for i in range(width):
            t = I(
                t
                + abs(I(I(src[y0, x + i]) - I(ref[v0, u + i])))
                + abs(I(I(src[y1, x + i]) - I(ref[v1, u + i])))
                + abs(I(I(src[y2, x + i]) - I(ref[v2, u + i])))
                + abs(I(I(src[y3, x + i]) - I(ref[v3, u + i])))
            )
        s += t
        y0, v0 = y3 + step, v3 + step
    return s * stride


@compiled_inner
def sad_both(src, y, x, ref0, v0, u0, ref1, v1, u1, n, stride):
    """The same for the mean of two predictions; n: a multiple of 2 * stride."""
    x, u0, u1, width, step = U(x), U(u0), U(u1), U(n), U(stride)
    ya, va, wa = U(y), U(v0), U(v1)
    s = np.int64(0)
    for _ in range(0, n, 2 * stride):
        yb, vb, wb = ya + step, va + step, wa + step
        t = I(0)
        for i in range(width):
            t = I(
                t
                + abs(I(I(src[ya, x + i]) - I(I(I(ref0[va, u0 + i]) + I(ref1[wa, u1 + i]) + 1) >> 1)))
                + abs(I(I(src[yb, x + i]) - I(I(I(ref0[vb, u0 + i]) + I(ref1[wb, u1 + i]) + 1) >> 1)))
            )
        s += t
        ya, va, wa = yb + step, vb + step, wb + step
    return s * stride


@compiled_inner
def sse(src, y, x, pred, j0, i0, n):
    """Sum of squared errors of n x n pixels of pred[j0:, i0:]."""
    x, left, width = U(x), U(i0), U(n)
    s = np.int64(0)
    for j in range(width):
        row, other = U(y) + j, U(j0) + j
        t = I(0)
        for i in range(width):
            d = I(I(src[row, x + i]) - I(pred[other, left + i]))
            t = I(t + I(d * d))
        s += t
    return s


@compiled_inner
def difference(src, y, x, pred, j0, i0, n, d):
    """Source less pred[j0:, i0:] into d: int32, n rows of PITCH. Returns the sum of its squares."""
    x, width, left = U(x), U(n), U(i0)
    s = np.int64(0)
    for j in range(width):
        row, above, at = U(y) + j, U(j0) + j, j * U(PITCH)
        t = I(0)
        for i in range(width):
            e = I(I(src[row, x + i]) - I(pred[above, left + i]))
            d[at + i] = e
            t = I(t + I(e * e))
        s += t
    return s


@compiled_inner
def hadamard_cost(src, y, x, pred, n, limit, gain, hadamard, values, bits):
    """Estimated cost of coding source less pred[:n, :n]: small Hadamard coefficients cost energy, large ones bits.

    limit: energy from which a coefficient costs bits. gain: cost of a factor of two above it. hadamard: int32 (2, 64).
    values: float32 (64,), bits: the same memory as int32.
    """
    m, hs = hadamard[0], hadamard[1]
    energy = np.int64(0)
    logs = np.int64(0)
    for by in range(0, n, 8):
        for bx in range(0, n, 8):
            r0, r1, r2, r3 = src[y + by], src[y + by + 1], src[y + by + 2], src[y + by + 3]
            r4, r5, r6, r7 = src[y + by + 4], src[y + by + 5], src[y + by + 6], src[y + by + 7]
            for i in range(8):
                u, w = x + bx + i, bx + i
                a0 = np.int32(r0[u]) - np.int32(pred[by, w])
                a1 = np.int32(r1[u]) - np.int32(pred[by + 1, w])
                a2 = np.int32(r2[u]) - np.int32(pred[by + 2, w])
                a3 = np.int32(r3[u]) - np.int32(pred[by + 3, w])
                a4 = np.int32(r4[u]) - np.int32(pred[by + 4, w])
                a5 = np.int32(r5[u]) - np.int32(pred[by + 5, w])
                a6 = np.int32(r6[u]) - np.int32(pred[by + 6, w])
                a7 = np.int32(r7[u]) - np.int32(pred[by + 7, w])
                b0, b1, b2, b3, b4, b5, b6, b7 = a0 + a4, a1 + a5, a2 + a6, a3 + a7, a0 - a4, a1 - a5, a2 - a6, a3 - a7
                c0, c1, c2, c3, c4, c5, c6, c7 = b0 + b2, b1 + b3, b0 - b2, b1 - b3, b4 + b6, b5 + b7, b4 - b6, b5 - b7
                m[i], m[8 + i], m[16 + i], m[24 + i] = c0 + c1, c0 - c1, c2 + c3, c2 - c3
                m[32 + i], m[40 + i], m[48 + i], m[56 + i] = c4 + c5, c4 - c5, c6 + c7, c6 - c7
            s = np.int32(0)
            for i in range(8):
                a0, a1, a2, a3 = m[8 * i], m[8 * i + 1], m[8 * i + 2], m[8 * i + 3]
                a4, a5, a6, a7 = m[8 * i + 4], m[8 * i + 5], m[8 * i + 6], m[8 * i + 7]
                b0, b1, b2, b3, b4, b5, b6, b7 = a0 + a4, a1 + a5, a2 + a6, a3 + a7, a0 - a4, a1 - a5, a2 - a6, a3 - a7
                c0, c1, c2, c3, c4, c5, c6, c7 = b0 + b2, b1 + b3, b0 - b2, b1 - b3, b4 + b6, b5 + b7, b4 - b6, b5 - b7
                k = 8 * i
                hs[k], hs[k + 1], hs[k + 2], hs[k + 3] = c0 + c1, c0 - c1, c2 + c3, c2 - c3
                hs[k + 4], hs[k + 5], hs[k + 6], hs[k + 7] = c4 + c5, c4 - c5, c6 + c7, c6 - c7
            for k in range(64):
                e = np.int32(hs[k] * hs[k]) >> 6
                s += min(np.int32(e), limit)
                values[k] = np.float32(max(np.int32(e), limit))
            energy += s
            t = np.int64(0)
            for k in range(64):
                t += bits[k]
            logs += t
    # log2 of a float, nearly: exponent and mantissa read as one integer
    floor = np.float32(limit)
    values[0] = floor
    return energy + gain * ((logs - np.int64(bits[0]) * (n * n)) / 8388608.0)
