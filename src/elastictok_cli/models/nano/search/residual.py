"""The residual of a frame as the encoder chooses it: intra modes, transform sizes and quantised levels."""

from __future__ import annotations

import numpy as np

from ....entropy.rangecoder import ADAPT, COST, IO_SIZE, MODE, PRICE, price
from ....jit import compiled
from ..recon.intra import MODES, edges, predict
from ..recon.residual import LOW_SHARE, add_block, block_prediction
from ..recon.transform import forward
from ..syntax import contexts as cx
from ..syntax.motion import code_intra_mode, near_count
from ..syntax.residual import (
    activity_class,
    code_residual_patch,
    coded_flag,
    last_diagonal,
    near_magnitudes,
    store_block,
)
from .quantiser import BITS, ROUNDING, quantise
from .satd import new_scratch, patch_cost


@compiled(fastmath=True)
def _energy(d, n):
    """Sum of squares (encoder only: the order of summation is free)."""
    s = np.float32(0)
    for j in range(n):
        for i in range(n):
            s += d[j, i] * d[j, i]
    return s


@compiled
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


@compiled
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
                block_prediction(rec, plane, y, x, large, mode, above, left, pred)
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
                        block_prediction(rec, luma, y + oy, x + ox, small, mode, above, left, pred8)
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
                            add_block(rec, luma, y + oy, x + ox, small, pred8, b8[k], step, c, out, tmp)
                    use_eight = cost8 < cost and any8 == 1
                if use_eight:
                    eight[py, px] = 1
                    any_luma = np.int64(1)
                    for k in range(4):
                        oy, ox = 8 * (k >> 1), 8 * (k & 1)
                        store_block(q, luma, y + oy, x + ox, small, b8[k])
                        if mode < 0:
                            block_prediction(rec, luma, y + oy, x + ox, small, mode, above, left, pred8)
                            add_block(rec, luma, y + oy, x + ox, small, pred8, b8[k], step, c, out, tmp)
                else:
                    if plane == 0:
                        eight[py, px] = 0
                    if last_diagonal(b, large) >= 0:
                        any_luma = np.int64(1)
                        store_block(q, plane, y, x, large, b)
                    add_block(rec, plane, y, x, large, pred, b, step, c, out, tmp)
            io[MODE] = ADAPT
            io[COST] = 0
            n = code_residual_patch(io, buf, ctx, kind, activity, eight, q, maps, coded, py, px, b, near)
            total += io[COST]
            act[py, px] = min(n, 255)
    return total
