"""The rate-distortion quantiser: levels of one transform block by distortion + lambda * bits, in coding order.

Each level is chosen between rounding and one less with the price in its true context; then the last diagonal that is
worth coding is chosen; then the block is tried as zero.
"""

from __future__ import annotations

import numpy as np

from ....jit import compiled_inner
from ..syntax.coefficients import (
    DIAGONAL_CLASS,
    DIAGONAL_H,
    DIAGONAL_N,
    DIAGONAL_V,
    LAST_CLASS,
    LAST_DIAGONAL,
    clear_block,
    greater_context,
    last_context,
    neighbour_sums,
    significance_context,
)

SIGN = 256


@compiled_inner
def _magnitude_price(prices, chroma, d, s1, level):
    """Price of a magnitude and a sign."""
    g = greater_context(chroma, np.int64(0), d, s1)
    if level == 1:
        return SIGN + prices[g, 0]
    bits = SIGN + prices[g, 1]
    g = greater_context(chroma, np.int64(1), d, s1)
    if level == 2:
        return bits + prices[g, 0]
    rest, k = level - 3, 0
    while rest >= (1 << k):
        rest -= 1 << k
        k += 1
    return bits + prices[g, 1] + 256 * (2 * k + 1)


@compiled_inner
def last_price(prices, plane, t, intra, last):
    """Price of the last diagonal."""
    group, bits = LAST_CLASS[last], np.int64(0)
    for i in range(group):
        bits += prices[last_context(plane, t, intra, i), 1]
    if group < LAST_CLASS[LAST_DIAGONAL[t]]:
        bits += prices[last_context(plane, t, intra, group), 0]
    return bits + 256 * max(group - 1, 0)


@compiled_inner
def quantise(c, n, t, qstep, lam, weight, plane, intra, prices, price0, price1, b, costs):
    """Levels of the coefficients c[:n, :n] (int32, times 4) into b. Returns the cost, distortion in squared pixels.

    qstep: in 1/16. lam: per 1/256 bit. weight: of this plane's distortion. price0, price1: of the coded block flag.
    costs: float64 scratch (3, 36). b is all zero, with its margin, where nothing is worth coding.
    """
    coded, zeroed = costs[1], costs[2]
    q = qstep * 0.25
    scale = weight / 16.0
    chroma = 1 if plane else 0
    most = LAST_DIAGONAL[t]
    energy = np.int64(0)
    first = -1
    threshold = np.int64(q * 0.5)
    for v in range(n):
        for h in range(n):
            x = np.int64(c[v, h])
            energy += x * x
            if abs(x) > threshold and first < v + h <= most:
                first = v + h
    clear_block(b, n)
    whole = energy * scale
    empty = whole + lam * price0
    if first < 0:
        return empty
    inverse_q = 1.0 / q
    for d in range(first, -1, -1):
        cost = zero = 0.0
        cls = 8 if d == first else DIAGONAL_CLASS[t, d]
        for k in range(DIAGONAL_N[t, d]):
            v, h = np.int64(DIAGONAL_V[t, d, k]), np.int64(DIAGONAL_H[t, d, k])
            s, s1 = neighbour_sums(b, v, h)
            a = abs(float(c[v, h]))
            level = np.int64(a * inverse_q + 0.5)
            x = significance_context(chroma, t, cls, s)
            distortion = a * a * scale
            zero += distortion
            best = distortion + lam * prices[x, 0]
            if level:
                chosen = np.int64(0)
                for trial in range(level, max(level - 2, 0), -1):
                    e = a - trial * q
                    j = e * e * scale + lam * (prices[x, 1] + _magnitude_price(prices, chroma, d, s1, trial))
                    if j < best:
                        best, chosen = j, trial
                if chosen:
                    b[v, h] = chosen if c[v, h] > 0 else -chosen
            cost += best
        coded[d], zeroed[d] = cost, zero
    best = empty
    last = -1
    below = kept = 0.0
    for d in range(first + 1):
        below += coded[d]
        kept += zeroed[d]
        any_here = False
        for k in range(DIAGONAL_N[t, d]):
            if b[DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k]] != 0:
                any_here = True
                break
        if any_here:
            j = whole - kept + below + lam * (price1 + last_price(prices, plane, t, intra, d))
            if j < best:
                best, last = j, d
    for d in range(last + 1, first + 1):
        for k in range(DIAGONAL_N[t, d]):
            b[DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k]] = 0
    return best
