"""Rate-distortion optimised quantisation of one transform block.

Arguments that recur:
    block           BlockContext, what selects the contexts
    b               int64 (18, 18), the levels with a border of zeros
    v, h            vertical and horizontal frequency; d = v + h; k is the place on the diagonal
    last            the last diagonal with a coefficient; on_last: how many coefficients are on it
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ....entropy.rangecoder import BIT_PRICE, COST, price
from ....jit import compiled
from ..recon.residual import LOW_QSTEP_FACTOR
from ..syntax import contexts as cx
from ..syntax.residual import (
    DIAGONAL_H,
    DIAGONAL_N,
    DIAGONAL_V,
    code_last_diagonal,
    coded_block_flag_context,
    greater_context,
    last_diagonal,
    neighbour_sums,
    significant_context,
)

ROUNDING = np.float32(0.38)  # before rate-distortion optimisation, a level is rounded up from .62 on

# What an error counts, [luma, chroma][lowest three coefficients, others]: see LOW_QSTEP_FACTOR.
WEIGHT = np.array([[1.5, 1], [2, 1]], np.float32)
MAX_LEVEL = np.float32(16000)
BITS = np.float32(1 / 256)  # a price in bits

# Offsets to the coefficients whose context depends on the one at (0, 0); the first is itself.
DEPENDENT_V = np.array([0, -1, -1, -2, 0, 1, 0], np.int64)
DEPENDENT_H = np.array([0, 0, -1, 0, -1, -1, -2], np.int64)


class PriceCache(NamedTuple):
    """Prices in 1/256 bit. A trial prices only the coefficients whose contexts it changes.

    cached_price: int64 (16, 16), of every coefficient as things are. new_price: int64 (7,), of the dependent ones in a
    trial. diagonal_price: int64 (16,), of the diagonal that becomes the last in a trial.
    """

    cached_price: npt.NDArray[np.int64]
    new_price: npt.NDArray[np.int64]
    diagonal_price: npt.NDArray[np.int64]


@compiled
def _coefficient_price(ctx, block, b, v, h, last, on_last):
    """The price of one coefficient, with the context that its neighbours in b give it."""
    n = block.size
    t = 1 if n == 8 else 0
    d = v + h
    k = v - max(0, d - (n - 1))
    level = abs(b[v, h])
    s, s1 = neighbour_sums(b, v, h, k)
    total = np.int64(0)
    others = on_last - (1 if level else 0)
    if not (d == last and k == DIAGONAL_N[t, d] - 1 and others == 0):
        place = v * 8 + h if t else (v >> 1) * 8 + (h >> 1)
        total += price(ctx, significant_context(block, d, last, s, place), 1 if level else 0)
    if level:
        at = greater_context(block, d, s1)
        total += BIT_PRICE + price(ctx, cx.GREATER1 + at, 1 if level > 1 else 0)
        if level > 1:
            total += price(ctx, cx.GREATER2 + at, 1 if level > 2 else 0)
            if level > 2:
                rest = level - 3
                e = 0
                while rest >= (1 << e):
                    total += price(ctx, cx.REMAINDER + block.plane * 20 + e, 1)
                    rest -= 1 << e
                    e += 1
                total += price(ctx, cx.REMAINDER + block.plane * 20 + e, 0) + e * BIT_PRICE
    return total


@compiled
def _price_change(ctx, block, b, cache, v, h, first, last, on_last):
    """How much the prices of the coefficient at (v, h) and of those that depend on it differ from the cached ones.

    Only diagonals up to `first` count. The new prices are left in cache.new_price.
    """
    n = block.size
    change = np.int64(0)
    for i in range(7):
        y, x = v + DEPENDENT_V[i], h + DEPENDENT_H[i]
        if y >= 0 and x >= 0 and y < n and y + x <= first:
            cache.new_price[i] = _coefficient_price(ctx, block, b, y, x, last, on_last)
            change += cache.new_price[i] - cache.cached_price[y, x]
    return change


@compiled
def _commit(n, cache, v, h, first):
    """Cache the prices that `_price_change` found."""
    for i in range(7):
        y, x = v + DEPENDENT_V[i], h + DEPENDENT_H[i]
        if y >= 0 and x >= 0 and y < n and y + x <= first:
            cache.cached_price[y, x] = cache.new_price[i]


@compiled
def _count_on_diagonal(b, t, d):
    """How many coefficients of diagonal d are not zero. t: 0 for a 16x16 block, 1 for 8x8."""
    n = 0
    for k in range(DIAGONAL_N[t, d]):
        if b[DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k]] != 0:
            n += 1
    return n


@compiled
def _last_price(coder, block, last):
    """The price of the last diagonal's number. The coder must be in PRICE mode."""
    coder.io[COST] = 0
    code_last_diagonal(coder, block, last)
    return coder.io[COST]


@compiled
def _last_dropped_change(coder, block, b, cache, v, h, last, new_last):
    """The change in price where (v, h) on the last diagonal became zero, and new_last is the last diagonal now.

    The new prices of that diagonal are left in cache.diagonal_price, those of lower ones in cache.new_price.
    """
    t = 1 if block.size == 8 else 0
    change = _last_price(coder, block, new_last)
    change -= _last_price(coder, block, last)
    for d in range(new_last + 1, last + 1):
        for k in range(DIAGONAL_N[t, d]):
            change -= cache.cached_price[DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k]]
    on_last = _count_on_diagonal(b, t, new_last)
    for k in range(DIAGONAL_N[t, new_last]):
        y, x = DIAGONAL_V[t, new_last, k], DIAGONAL_H[t, new_last, k]
        cache.diagonal_price[k] = _coefficient_price(coder.ctx, block, b, y, x, new_last, on_last)
        change += cache.diagonal_price[k] - cache.cached_price[y, x]
    return change + _price_change(coder.ctx, block, b, cache, v, h, new_last - 1, new_last, on_last)


@compiled
def quantise(coder, block, cost, c, b):
    """Quantise the coefficients c into the levels b by least distortion + lambda * bits. Returns that cost.

    coder: ContextCoder in PRICE mode. cost: CostModel. c: float32, (16, 16) at least. Greedy: each level is tried one
    lower, from the last diagonal to the first, twice; then the whole block is tried as zero.
    """
    ctx, n, qstep, lam = coder.ctx, block.size, cost.qstep, cost.lam
    t = 1 if n == 8 else 0
    chroma = block.plane >> 1
    flag = coded_block_flag_context(block)
    low = qstep * LOW_QSTEP_FACTOR[chroma]
    b[:] = 0
    distortion = np.float32(0)
    energy = np.float32(0)
    for v in range(n):
        for h in range(n):
            x = c[v, h]
            weight = WEIGHT[chroma, 1 if v + h > 1 else 0]
            own_qstep = qstep if v + h > 1 else low
            energy += x * x * weight
            level = np.int64(min(abs(x) / own_qstep + ROUNDING, MAX_LEVEL))
            if level:
                b[v, h] = level if x > 0 else -level
                x = abs(x) - np.float32(level) * own_qstep
            distortion += x * x * weight
    empty_cost = energy + lam * BITS * np.float32(price(ctx, flag, 0))
    last = last_diagonal(b, n)
    if last < 0:
        return empty_cost
    cache = PriceCache(np.empty((16, 16), np.int64), np.empty(7, np.int64), np.empty(16, np.int64))
    on_last = _count_on_diagonal(b, t, last)
    bits = price(ctx, flag, 1) + _last_price(coder, block, last)
    for d in range(last + 1):
        for k in range(DIAGONAL_N[t, d]):
            v, h = DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k]
            cache.cached_price[v, h] = _coefficient_price(ctx, block, b, v, h, last, on_last)
            bits += cache.cached_price[v, h]
    for _ in range(2):
        changed = False
        d = last
        while d >= 0:
            for k in range(DIAGONAL_N[t, d]):
                v, h = DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k]
                old = b[v, h]
                magnitude = abs(old)
                if magnitude == 0 or magnitude > 6:
                    continue
                x = abs(c[v, h])
                own_qstep = qstep if d > 1 else low
                new_error = x - np.float32(magnitude - 1) * own_qstep
                old_error = x - np.float32(magnitude) * own_qstep
                rise = new_error * new_error - old_error * old_error
                rise *= WEIGHT[chroma, 1 if d > 1 else 0]
                b[v, h] = (magnitude - 1) if old > 0 else (1 - magnitude)
                new_last = last
                if d == last and magnitude == 1:
                    new_last = last_diagonal(b, n)
                    if new_last < 0:
                        b[v, h] = old
                        continue  # the block as a whole is tried as zero below
                    change = _last_dropped_change(coder, block, b, cache, v, h, last, new_last)
                else:
                    change = _price_change(ctx, block, b, cache, v, h, last, last, on_last)
                if rise + lam * BITS * np.float32(change) >= 0:
                    b[v, h] = old
                    continue
                bits += change
                distortion += rise
                changed = True
                if d == last and magnitude == 1:
                    last = new_last
                    on_last = _count_on_diagonal(b, t, last)
                    for i in range(DIAGONAL_N[t, last]):
                        cache.cached_price[DIAGONAL_V[t, last, i], DIAGONAL_H[t, last, i]] = cache.diagonal_price[i]
                    _commit(n, cache, v, h, last - 1)
                    if last < d:
                        break
                else:
                    _commit(n, cache, v, h, last)
            d -= 1
            d = min(d, last)
        if not changed:
            break
    total = distortion + lam * BITS * np.float32(bits)
    if empty_cost <= total:
        b[:] = 0
        return empty_cost
    return total
