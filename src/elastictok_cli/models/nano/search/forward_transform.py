"""The forward cosine transform, for the encoder only: the exact sums of recon/transform.py's basis, folded by symmetry.

Working arrays are flat int32 with rows of PITCH, so that the compiler knows how far rows are apart and can work on all
columns of a pass at once.
"""

from __future__ import annotations

import numpy as np

from ....jit import compiled_inner
from ..recon.transform import BASIS, SIZES, size_index

PITCH = 32
SIZE = PITCH * PITCH  # of a working array
U, I = np.uint64, np.int32  # noqa: E741


def _stored_order(n: int) -> list[int]:
    """Which frequency each row of a pass's output is: even ones first, and so on within them."""
    if n == 4:
        return [0, 2, 1, 3]
    if n == 8:
        return [0, 4, 2, 6, 1, 3, 5, 7]
    return [2 * k for k in _stored_order(n // 2)] + list(range(1, n, 2))


ORDER = np.zeros((4, PITCH), np.uint64)
EVEN = np.zeros((4, 7), np.int32)  # what every n/8-th row of a basis consists of
for _t, _n in enumerate(SIZES):
    ORDER[_t, :_n] = _stored_order(_n)
    if _n >= 8:
        _b, _s = BASIS[_t], _n // 8
        EVEN[_t] = _b[0, 0], _b[2 * _s, 0], _b[2 * _s, 1], _b[_s, 0], _b[_s, 1], _b[_s, 2], _b[_s, 3]


@compiled_inner
def _four(s, columns, out):
    c = BASIS[0]
    k0, p0, p1 = c[0, 0], c[1, 0], c[1, 1]
    for x in range(columns):
        a0, a1, a2, a3 = s[x], s[x + U(32)], s[x + U(64)], s[x + U(96)]
        e0, e1, o0, o1 = I(a0 + a3), I(a1 + a2), I(a0 - a3), I(a1 - a2)
        out[x], out[x + U(32)] = I(k0 * I(e0 + e1)), I(k0 * I(e0 - e1))
        out[x + U(64)], out[x + U(96)] = I(I(p0 * o0) + I(p1 * o1)), I(I(p1 * o0) - I(p0 * o1))


@compiled_inner
def _eight(s, at, columns, t, out):
    """Eight rows of s, from `at` on, to the first eight rows of `out`."""
    c = EVEN[t]
    k0, k1, k2, p0, p1, p2, p3 = c[0], c[1], c[2], c[3], c[4], c[5], c[6]
    i = U(at)
    for x in range(columns):
        a0, a1, a2, a3 = s[i + x], s[i + x + U(32)], s[i + x + U(64)], s[i + x + U(96)]
        a4, a5, a6, a7 = s[i + x + U(128)], s[i + x + U(160)], s[i + x + U(192)], s[i + x + U(224)]
        e0, e1, e2, e3 = I(a0 + a7), I(a1 + a6), I(a2 + a5), I(a3 + a4)
        o0, o1, o2, o3 = I(a0 - a7), I(a1 - a6), I(a2 - a5), I(a3 - a4)
        f0, f1, g0, g1 = I(e0 + e3), I(e1 + e2), I(e0 - e3), I(e1 - e2)
        out[x], out[x + U(32)] = I(k0 * I(f0 + f1)), I(k0 * I(f0 - f1))
        out[x + U(64)], out[x + U(96)] = I(I(k1 * g0) + I(k2 * g1)), I(I(k2 * g0) - I(k1 * g1))
        out[x + U(128)] = I(I(p0 * o0) + I(p1 * o1) + I(p2 * o2) + I(p3 * o3))
        out[x + U(160)] = I(I(p1 * o0) - I(p3 * o1) - I(p0 * o2) - I(p2 * o3))
        out[x + U(192)] = I(I(p2 * o0) - I(p0 * o1) + I(p3 * o2) + I(p1 * o3))
        out[x + U(224)] = I(I(p3 * o0) - I(p2 * o1) + I(p1 * o2) - I(p0 * o3))


@compiled_inner
def _odd(s, at, columns, basis, rows, out, to):
    """One row of `out`, at `to`: the sum of `rows` rows of s, weighed by a row of the basis."""
    o = U(to)
    for y in range(0, rows, 8):
        i = U(at + 32 * y)
        c = basis[y : y + 8]
        c0, c1, c2, c3, c4, c5, c6, c7 = c[0], c[1], c[2], c[3], c[4], c[5], c[6], c[7]
        for x in range(columns):
            k = i + x
            a = I(I(c0 * s[k]) + I(c1 * s[k + U(32)]) + I(c2 * s[k + U(64)]) + I(c3 * s[k + U(96)]))
            b = I(I(c4 * s[k + U(128)]) + I(c5 * s[k + U(160)]) + I(c6 * s[k + U(192)]) + I(c7 * s[k + U(224)]))
            out[o + x] = I(a + b) if y == 0 else I(out[o + x] + a + b)


@compiled_inner
def _fold(s, n, columns, out, to):
    """Sums of the n rows of s with their mirror images, then differences, into n rows of `out`."""
    half = n >> 1
    for y in range(half):
        a, b, e, o = U(32 * y), U(32 * (n - 1 - y)), U(to + 32 * y), U(to + 32 * (half + y))
        for x in range(columns):
            p, q = s[a + x], s[b + x]
            out[e + x], out[o + x] = I(p + q), I(p - q)


@compiled_inner
def _pass(s, n, t, folded, out):
    """The n rows of s along y, into `out` in the order ORDER. folded: scratch of 1.5 * SIZE."""
    columns = U(n)
    if n == 4:
        _four(s, columns, out)
    elif n == 8:
        _eight(s, np.int64(0), columns, t, out)
    else:
        half, none, eight, at = n >> 1, np.int64(0), np.int64(8), np.int64(0)
        _fold(s, n, columns, folded, none)
        for k in range(half):
            _odd(folded, 32 * half, columns, BASIS[t, 2 * k + 1], half, out, 32 * (half + k))
        if n == 32:
            at = np.int64(SIZE)
            _fold(folded, half, columns, folded, at)
            for k in range(8):
                _odd(folded, at + 256, columns, BASIS[t, 4 * k + 2], eight, out, 32 * (8 + k))
        _eight(folded, at, columns, t, out)


@compiled_inner
def forward(d, n, c, between, folded):
    """Transform d, flat int32 with rows of PITCH, which is overwritten.

    The coefficient of horizontal frequency h and vertical frequency v goes to c[h * PITCH + v], orthonormal times 4.
    between, folded: scratch of SIZE and 1.5 * SIZE.
    """
    t, width = size_index(n), U(n)
    _pass(d, n, t, folded, between)
    for k in range(width):
        i, to = k * U(PITCH), ORDER[t, k]
        for x in range(width):
            d[x * U(PITCH) + to] = I(I(between[i + x] + 128) >> 8)
    _pass(d, n, t, folded, between)
    for k in range(width):
        i, to = k * U(PITCH), ORDER[t, k] * U(PITCH)
        for x in range(width):
            c[to + x] = I(I(between[i + x] + 16384) >> 14)
