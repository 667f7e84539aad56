"""Residuals of a frame: the encoder's rate-distortion quantiser, and the reconstruction that both sides share.

Both walk the patches in raster order over `rec`, which holds the motion-compensated prediction at first and the
decoded planes afterwards; an intra patch is predicted from what is already decoded left of it and above it.
"""

from __future__ import annotations

import numpy as np

from ....entropy.rangecoder import BIT_PRICE, COST, price
from ....jit import compiled
from ..recon.residual import LOW_SHARE
from ..syntax import contexts as cx
from ..syntax.residual import (
    DIAGONAL_H,
    DIAGONAL_N,
    DIAGONAL_V,
    code_last,
    coded_flag,
    last_diagonal,
    magnitude,
    neighbour_sums,
    significance,
)

ROUNDING = np.float32(0.38)  # a level is rounded up from .62 on, before the rate-distortion pass looks at it

WEIGHT = np.array([[1.5, 1], [2, 1]], np.float32)
LARGEST = np.float32(16000)  # level
BITS = np.float32(1 / 256)


@compiled
def _coefficient_price(ctx, b, n, t, v, h, last, on_last, plane, kind, near):
    """Price of one coefficient where it stands, with the context that its neighbours in b give it."""
    d = v + h
    k = v - max(0, d - (n - 1))
    level = abs(b[v, h])
    s, s1 = neighbour_sums(b, v, h, k)
    total = np.int64(0)
    others = on_last - (1 if level else 0)
    if not (d == last and k == DIAGONAL_N[t, d] - 1 and others == 0):
        place = v * 8 + h if t else (v >> 1) * 8 + (h >> 1)
        total += price(ctx, significance(plane, kind, t, d, last, s, near[place]), 1 if level else 0)
    if level:
        at = magnitude(plane, kind, d, s1)
        total += BIT_PRICE + price(ctx, cx.GREATER1 + at, 1 if level > 1 else 0)
        if level > 1:
            total += price(ctx, cx.GREATER2 + at, 1 if level > 2 else 0)
            if level > 2:
                rest = level - 3
                e = 0
                while rest >= (1 << e):
                    total += price(ctx, cx.REST + plane * 20 + e, 1)
                    rest -= 1 << e
                    e += 1
                total += price(ctx, cx.REST + plane * 20 + e, 0) + e * BIT_PRICE
    return total


# The coefficients whose context looks at the one at (0, 0); the first is itself.
LOOK_V = np.array([0, -1, -1, -2, 0, 1, 0], np.int64)
LOOK_H = np.array([0, 0, -1, 0, -1, -1, -2], np.int64)


@compiled
def _neighbourhood_change(ctx, b, n, t, v, h, first, last, on_last, plane, kind, near, paid, now):
    """By how much the price of the coefficient at (v, h) and of those that look at it differs from `paid`.

    Only what lies on diagonals up to `first` counts. Their new prices go into now (7,).
    """
    change = np.int64(0)
    for i in range(7):
        y, x = v + LOOK_V[i], h + LOOK_H[i]
        if y >= 0 and x >= 0 and y < n and y + x <= first:
            now[i] = _coefficient_price(ctx, b, n, t, y, x, last, on_last, plane, kind, near)
            change += now[i] - paid[y, x]
    return change


@compiled
def _pay(n, v, h, first, paid, now):
    """Take over the prices that `_neighbourhood_change` found."""
    for i in range(7):
        y, x = v + LOOK_V[i], h + LOOK_H[i]
        if y >= 0 and x >= 0 and y < n and y + x <= first:
            paid[y, x] = now[i]


@compiled
def _on_diagonal(b, t, d):
    """How many coefficients of diagonal d are not zero."""
    n = 0
    for k in range(DIAGONAL_N[t, d]):
        if b[DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k]] != 0:
            n += 1
    return n


@compiled
def _last_price(io, buf, ctx, t, last, plane, kind, activity):
    """Price of saying which diagonal is the last. io must be in PRICE mode."""
    io[COST] = 0
    code_last(io, buf, ctx, last, t, plane, kind, activity)
    return io[COST]


@compiled
def _last_dropped(io, buf, ctx, b, n, t, v, h, last, new_last, plane, kind, activity, near, paid, now, row):
    """The change in price where (v, h), the only or a further one of the last diagonal, became zero.

    The new prices of diagonal new_last go into row (16,), those of lower ones that look at (v, h) into now (7,).
    """
    change = _last_price(io, buf, ctx, t, new_last, plane, kind, activity)
    change -= _last_price(io, buf, ctx, t, last, plane, kind, activity)
    for d in range(new_last + 1, last + 1):
        for k in range(DIAGONAL_N[t, d]):
            change -= paid[DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k]]
    on_last = _on_diagonal(b, t, new_last)
    for k in range(DIAGONAL_N[t, new_last]):
        y, x = DIAGONAL_V[t, new_last, k], DIAGONAL_H[t, new_last, k]
        row[k] = _coefficient_price(ctx, b, n, t, y, x, new_last, on_last, plane, kind, near)
        change += row[k] - paid[y, x]
    return change + _neighbourhood_change(
        ctx, b, n, t, v, h, new_last - 1, new_last, on_last, plane, kind, near, paid, now
    )


@compiled
def quantise(io, buf, ctx, c, n, step, lam, plane, kind, activity, near_coded, other, near, b):
    """Levels of the n x n coefficients c (float32) into b (18, 18), by distortion + lam * bits. Returns the cost.

    step: of the frame. io must be in PRICE mode. Greedy: each level is tried one lower, from the last diagonal to the
    first, twice; then the whole block is tried as zero. `paid` holds the price of every coefficient as things are, so
    that a trial prices only what it changes.
    """
    t = 1 if n == 8 else 0
    flag = coded_flag(plane, kind, near_coded, activity, other)
    low = step * LOW_SHARE[plane >> 1]
    b[:] = 0
    distortion = np.float32(0)
    energy = np.float32(0)
    for v in range(n):
        for h in range(n):
            x = c[v, h]
            weight = WEIGHT[plane >> 1, 1 if v + h > 1 else 0]
            own = step if v + h > 1 else low
            energy += x * x * weight
            level = np.int64(min(abs(x) / own + ROUNDING, LARGEST))
            if level:
                b[v, h] = level if x > 0 else -level
                x = abs(x) - np.float32(level) * own
            distortion += x * x * weight
    empty_cost = energy + lam * BITS * np.float32(price(ctx, flag, 0))
    last = last_diagonal(b, n)
    if last < 0:
        return empty_cost
    paid = np.empty((16, 16), np.int64)
    now = np.empty(7, np.int64)
    row = np.empty(16, np.int64)
    on_last = _on_diagonal(b, t, last)
    bits = price(ctx, flag, 1) + _last_price(io, buf, ctx, t, last, plane, kind, activity)
    for d in range(last + 1):
        for k in range(DIAGONAL_N[t, d]):
            v, h = DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k]
            paid[v, h] = _coefficient_price(ctx, b, n, t, v, h, last, on_last, plane, kind, near)
            bits += paid[v, h]
    for _ in range(2):
        changed = False
        d = last
        while d >= 0:
            for k in range(DIAGONAL_N[t, d]):
                v, h = DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k]
                old = b[v, h]
                size = abs(old)
                if size == 0 or size > 6:
                    continue
                x = abs(c[v, h])
                own = step if d > 1 else low
                worse = x - np.float32(size - 1) * own
                was = x - np.float32(size) * own
                rise = worse * worse - was * was
                rise *= WEIGHT[plane >> 1, 1 if d > 1 else 0]
                b[v, h] = (size - 1) if old > 0 else (1 - size)
                new_last = last
                if d == last and size == 1:
                    new_last = last_diagonal(b, n)
                    if new_last < 0:
                        b[v, h] = old
                        continue  # the block as a whole is tried as zero below
                    change = _last_dropped(
                        io, buf, ctx, b, n, t, v, h, last, new_last, plane, kind, activity, near, paid, now, row
                    )
                else:
                    change = _neighbourhood_change(
                        ctx, b, n, t, v, h, last, last, on_last, plane, kind, near, paid, now
                    )
                if rise + lam * BITS * np.float32(change) >= 0:
                    b[v, h] = old
                    continue
                bits += change
                distortion += rise
                changed = True
                if d == last and size == 1:
                    last = new_last
                    on_last = _on_diagonal(b, t, last)
                    for i in range(DIAGONAL_N[t, last]):
                        paid[DIAGONAL_V[t, last, i], DIAGONAL_H[t, last, i]] = row[i]
                    _pay(n, v, h, last - 1, paid, now)
                    if last < d:
                        break
                else:
                    _pay(n, v, h, last, paid, now)
            d -= 1
            d = min(d, last)
        if not changed:
            break
    cost = distortion + lam * BITS * np.float32(bits)
    if empty_cost <= cost:
        b[:] = 0
        return empty_cost
    return cost
