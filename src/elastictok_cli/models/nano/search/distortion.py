"""How far a prediction is from the source: absolute differences, squared errors, a Hadamard estimate of the cost."""

from __future__ import annotations

import numpy as np

from ....jit import compiled_inner


@compiled_inner
def sad(src, y, x, ref, v, u, n, stride):
    """Sum of absolute differences of n x n pixels, of every `stride`-th row."""
    s = np.int64(0)
    for j in range(0, n, stride):
        a, b = src[y + j, x : x + n], ref[v + j, u : u + n]
        t = np.int32(0)
        for i in range(n):
            t += abs(np.int32(a[i]) - np.int32(b[i]))
        s += t
    return s * stride


@compiled_inner
def sad_both(src, y, x, ref0, v0, u0, ref1, v1, u1, n, stride):
    """The same for the mean of two predictions."""
    s = np.int64(0)
    for j in range(0, n, stride):
        a, b, c = src[y + j, x : x + n], ref0[v0 + j, u0 : u0 + n], ref1[v1 + j, u1 : u1 + n]
        t = np.int32(0)
        for i in range(n):
            t += abs(np.int32(a[i]) - ((np.int32(b[i]) + np.int32(c[i]) + 1) >> 1))
        s += t
    return s * stride


@compiled_inner
def sse(src, y, x, pred, n):
    """Sum of squared errors of pred[:n, :n]."""
    s = np.int64(0)
    for j in range(n):
        a, b = src[y + j, x : x + n], pred[j, 0:n]
        t = np.int32(0)
        for i in range(n):
            d = np.int32(a[i]) - np.int32(b[i])
            t += d * d
        s += t
    return s


@compiled_inner
def difference(src, y, x, pred, j0, i0, n, d):
    """d[:n, :n] = source less pred[j0:, i0:], int32."""
    for j in range(n):
        a, b, o = src[y + j, x : x + n], pred[j0 + j, i0 : i0 + n], d[j]
        for i in range(n):
            o[i] = np.int32(a[i]) - np.int32(b[i])


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
