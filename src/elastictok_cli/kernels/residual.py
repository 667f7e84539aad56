"""Residuals of a frame: the encoder's rate-distortion quantiser, and the reconstruction that both sides share.

Both walk the patches in raster order over `rec`, which holds the motion-compensated prediction at first and the
decoded planes afterwards; an intra patch is predicted from what is already decoded left of it and above it.
"""

from __future__ import annotations

import numba
import numpy as np

from . import contexts as cx
from .coefficient_syntax import (
    DIAGONAL_H,
    DIAGONAL_N,
    DIAGONAL_V,
    activity_class,
    code_last,
    code_residual_patch,
    coded_flag,
    last_diagonal,
    magnitude,
    near_magnitudes,
    neighbour_sums,
    significance,
    store_block,
)
from .cost import new_scratch, patch_cost
from .intra import MODES, edges, predict
from .motion_syntax import code_intra_mode, near_count
from .rangecoder import ADAPT, BIT_PRICE, COST, IO_SIZE, MODE, PRICE, price
from .transform import forward, inverse

ROUNDING = np.float32(0.38)  # a level is rounded up from .62 on, before the rate-distortion pass looks at it
# The lowest three coefficients are what a patch's colour is: wrong ones are seen first, and copied into later frames
# (docs/nano.md has what that costs). Their step as a share of the frame's, [luma, colour], and what an error counts in
# the choice of levels, [luma, colour][lowest three, others].
LOW_SHARE = np.array([1, 0.5], np.float32)
WEIGHT = np.array([[1.5, 1], [2, 1]], np.float32)
LARGEST = np.float32(16000)  # level
BITS = np.float32(1 / 256)


@numba.njit(cache=True, nogil=True)
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


@numba.njit(cache=True, nogil=True)
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


@numba.njit(cache=True, nogil=True)
def _pay(n, v, h, first, paid, now):
    """Take over the prices that `_neighbourhood_change` found."""
    for i in range(7):
        y, x = v + LOOK_V[i], h + LOOK_H[i]
        if y >= 0 and x >= 0 and y < n and y + x <= first:
            paid[y, x] = now[i]


@numba.njit(cache=True, nogil=True)
def _on_diagonal(b, t, d):
    """How many coefficients of diagonal d are not zero."""
    n = 0
    for k in range(DIAGONAL_N[t, d]):
        if b[DIAGONAL_V[t, d, k], DIAGONAL_H[t, d, k]] != 0:
            n += 1
    return n


@numba.njit(cache=True, nogil=True, fastmath=True)
def _energy(d, n):
    """Sum of squares (encoder only: the order of summation is free)."""
    s = np.float32(0)
    for j in range(n):
        for i in range(n):
            s += d[j, i] * d[j, i]
    return s


@numba.njit(cache=True, nogil=True)
def _last_price(io, buf, ctx, t, last, plane, kind, activity):
    """Price of saying which diagonal is the last. io must be in PRICE mode."""
    io[COST] = 0
    code_last(io, buf, ctx, last, t, plane, kind, activity)
    return io[COST]


@numba.njit(cache=True, nogil=True)
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


@numba.njit(cache=True, nogil=True)
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


@numba.njit(cache=True, nogil=True)
def _dequantise(b, n, plane, step, c):
    """Coefficients of the levels in b into c; returns how many rows of c have any."""
    rows = 0
    low = step * LOW_SHARE[min(plane, 1)]
    for v in range(n):
        for h in range(n):
            c[v, h] = np.float32(b[v, h]) * (step if v + h > 1 else low)
            if b[v, h] != 0:
                rows = v + 1
    return rows


@numba.njit(cache=True, nogil=True)
def _add_block(rec, plane, y, x, n, pred, b, step, c, out, tmp):
    """rec = pred + inverse transform of the levels in b."""
    rows = _dequantise(b, n, plane, step, c)
    if rows:
        inverse(c, n, rows, out, tmp)
        for j in range(n):
            for i in range(n):
                rec[plane, y + j, x + i] = pred[j, i] + out[j, i]
    else:
        for j in range(n):
            for i in range(n):
                rec[plane, y + j, x + i] = pred[j, i]


@numba.njit(cache=True, nogil=True)
def _block_prediction(rec, plane, y, x, n, mode, above, left, pred):
    """The prediction of a block: its intra mode, or (mode -1) what already stands in rec."""
    if mode >= 0:
        edges(rec, plane, y, x, n, above, left)
        predict(above, left, n, mode, pred)
    else:
        for j in range(n):
            for i in range(n):
                pred[j, i] = rec[plane, y + j, x + i]


@numba.njit(cache=True, nogil=True)
def reconstruct_residual(rec, intra, eight, q, step):
    """The decoder: add every patch's residual to the prediction in rec, in raster order."""
    ph, pw = eight.shape
    pred = np.zeros((16, 16), np.float32)
    c = np.zeros((16, 16), np.float32)
    out = np.zeros((16, 16), np.float32)
    tmp = np.zeros((16, 16), np.float32)
    above = np.zeros(34, np.float32)
    left = np.zeros(34, np.float32)
    for py in range(ph):
        for px in range(pw):
            mode = np.int64(intra[py, px])
            for plane in range(3):
                n = 8 if plane == 0 and eight[py, px] else 16
                for k in range(4 if n == 8 else 1):
                    y, x = 16 * py + 8 * (k >> 1), 16 * px + 8 * (k & 1)
                    b = q[plane, y : y + n, x : x + n]
                    if mode < 0 and not np.any(b):
                        continue
                    _block_prediction(rec, plane, y, x, n, mode, above, left, pred)
                    _add_block(rec, plane, y, x, n, pred, b, step, c, out, tmp)


@numba.njit(cache=True, nogil=True)
def _choose_intra_mode(io, buf, ctx, src, rec, py, px, intra, limit, gain, lam, above, left, pred, sc):
    """The mode of least estimated cost over all three planes, from decoded neighbours."""
    y, x = 16 * py, 16 * px
    lowest = np.float32(1e30)
    best = 0
    for mode in range(MODES):
        io[COST] = 0
        code_intra_mode(io, buf, ctx, intra, py, px, mode)
        s = lam * BITS * np.float32(io[COST])
        for plane in range(3):
            edges(rec, plane, y, x, 16, above, left)
            predict(above, left, 16, mode, pred)
            s = patch_cost(sc, src[plane], y, x, pred, 0, 0, limit, gain, s)
            if s > lowest:
                break
        if s < lowest:
            lowest = s
            best = mode
    return best


@numba.njit(cache=True, nogil=True)
def encode_residual(ctx, kind, src, rec, step, lam, act0, act1, mv, intra, eight, q, act):
    """Choose the coefficients of a frame and leave its decoded planes in rec. ctx: a copy that adapts here.

    src, rec: float32 (3, h, w); q is filled; intra modes are chosen anew where intra >= 0. Returns price in 1/256 bit.
    """
    ph, pw = eight.shape
    io = np.zeros(IO_SIZE, np.int64)
    buf = np.zeros(1, np.uint8)
    limit = np.float32(0.8) * step * step
    gain = np.float32(0.5) * lam
    # No coefficient can be larger than the whole: below this energy every level rounds to zero.
    least = (np.float32(1) - ROUNDING) * step
    surely_empty = least * least * LOW_SHARE * LOW_SHARE
    b = np.zeros((18, 18), np.int64)
    b8 = np.zeros((4, 18, 18), np.int64)
    near = np.zeros(64, np.int64)
    maps = np.zeros((3, ph, pw, 64), np.int32)
    coded = np.zeros((3, ph, pw), np.uint8)
    pred = np.zeros((16, 16), np.float32)
    pred8 = np.zeros((16, 16), np.float32)
    d = np.zeros((16, 16), np.float32)
    c = np.zeros((16, 16), np.float32)
    out = np.zeros((16, 16), np.float32)
    tmp = np.zeros((16, 16), np.float32)
    sc = new_scratch()
    above = np.zeros(34, np.float32)
    left = np.zeros(34, np.float32)
    total = np.int64(0)
    # As variables: numba compiles a function anew for every literal that it is called with.
    large, small, luma, luma8 = np.int64(16), np.int64(8), np.int64(0), np.int64(1)
    q[:] = 0
    for py in range(ph):
        for px in range(pw):
            y, x = 16 * py, 16 * px
            io[MODE] = PRICE
            if intra[py, px] >= 0:
                mode = _choose_intra_mode(
                    io, buf, ctx, src, rec, py, px, intra, limit, gain, lam, above, left, pred, sc
                )
                intra[py, px] = mode
                if kind == 0:
                    io[MODE] = ADAPT
                    code_intra_mode(io, buf, ctx, intra, py, px, mode)
                    io[MODE] = PRICE
            else:
                mode = np.int64(-1)
            activity = activity_class(mv, act0, act1, py, px) if kind else np.int64(0)
            any_luma = np.int64(0)
            for plane in range(3):
                n_near = near_magnitudes(maps, coded, plane, py, px, near)
                _block_prediction(rec, plane, y, x, large, mode, above, left, pred)
                for j in range(16):
                    for i in range(16):
                        d[j, i] = src[plane, y + j, x + i] - pred[j, i]
                name = 1 + plane if plane else luma
                cost = np.float32(0)
                if _energy(d, large) < surely_empty[name >> 1]:
                    b[:] = 0
                else:
                    forward(d, large, c, tmp)
                    cost = quantise(io, buf, ctx, c, large, step, lam, name, kind, activity, n_near, any_luma, near, b)
                use_eight = False
                if plane == 0 and last_diagonal(b, large) >= 0:
                    at = cx.EIGHT + kind * 3 + near_count(eight, py, px)
                    cost += lam * BITS * np.float32(price(ctx, at, 0))
                    flag = price(ctx, coded_flag(luma, kind, n_near, activity, luma), 1)
                    cost8 = lam * BITS * np.float32(price(ctx, at, 1) + flag)
                    any8 = np.int64(0)
                    for k in range(4):
                        oy, ox = 8 * (k >> 1), 8 * (k & 1)
                        _block_prediction(rec, luma, y + oy, x + ox, small, mode, above, left, pred8)
                        for j in range(8):
                            for i in range(8):
                                d[j, i] = src[0, y + oy + j, x + ox + i] - pred8[j, i]
                        forward(d, small, c, tmp)
                        cost8 += quantise(
                            io, buf, ctx, c, small, step, lam, luma8, kind, activity, n_near, any8, near, b8[k]
                        )
                        if last_diagonal(b8[k], small) >= 0:
                            any8 = np.int64(1)
                        if cost8 > cost:
                            break
                        if mode >= 0:  # the next block is predicted from this one's decoded pixels
                            _add_block(rec, luma, y + oy, x + ox, small, pred8, b8[k], step, c, out, tmp)
                    use_eight = cost8 < cost and any8 == 1
                if use_eight:
                    eight[py, px] = 1
                    any_luma = np.int64(1)
                    for k in range(4):
                        oy, ox = 8 * (k >> 1), 8 * (k & 1)
                        store_block(q, luma, y + oy, x + ox, small, b8[k])
                        if mode < 0:
                            _block_prediction(rec, luma, y + oy, x + ox, small, mode, above, left, pred8)
                            _add_block(rec, luma, y + oy, x + ox, small, pred8, b8[k], step, c, out, tmp)
                else:
                    if plane == 0:
                        eight[py, px] = 0
                    if last_diagonal(b, large) >= 0:
                        any_luma = np.int64(1)
                        store_block(q, plane, y, x, large, b)
                    _add_block(rec, plane, y, x, large, pred, b, step, c, out, tmp)
            io[MODE] = ADAPT
            io[COST] = 0
            n = code_residual_patch(io, buf, ctx, kind, activity, eight, q, maps, coded, py, px, b, near)
            total += io[COST]
            act[py, px] = min(n, 255)
    return total
