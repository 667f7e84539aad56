"""The residual of a frame as the encoder chooses it: intra modes, transform sizes and quantised levels."""

from __future__ import annotations

import numpy as np

from ....entropy.rangecoder import ADAPT, COST, IO_SIZE, MODE, PRICE, ContextCoder, price
from ....jit import compiled
from ..recon.intra import NUM_INTRA_MODES, predict_intra, reference_samples
from ..recon.residual import LOW_QSTEP_FACTOR, new_recon_scratch, predict_block, reconstruct_block
from ..recon.square import Square
from ..recon.transform import forward_dct
from ..syntax import contexts as cx
from ..syntax.motion import code_intra_mode, count_neighbours
from ..syntax.residual import (
    BlockContext,
    activity_class,
    code_ctu_residual,
    coded_block_flag_context,
    gather_magnitudes,
    last_diagonal,
    new_coded_residual,
    store_block,
)
from .quantiser import BITS, ROUNDING, quantise
from .satd import add_ctu_cost, new_hadamard_scratch


@compiled(fastmath=True)
def _energy(d, n):
    """The sum of squares. Encoder only: the order of summation is free."""
    s = np.float32(0)
    for j in range(n):
        for i in range(n):
            s += d[j, i] * d[j, i]
    return s


@compiled
def _choose_intra_mode(coder, cost, src, rec, intra_mode, ctu_y, ctu_x, pred, scratch, hadamard):
    """The intra mode of least estimated cost over all three planes, from decoded neighbours."""
    y, x = 16 * ctu_y, 16 * ctu_x
    lowest = np.float32(1e30)
    best = 0
    size = np.int64(16)
    for mode in range(NUM_INTRA_MODES):
        coder.io[COST] = 0
        code_intra_mode(coder, intra_mode, ctu_y, ctu_x, mode)
        s = cost.lam * BITS * np.float32(coder.io[COST])
        for plane in range(3):
            reference_samples(rec, Square(plane, y, x, size), scratch.above, scratch.left)
            predict_intra(scratch.above, scratch.left, size, mode, pred)
            s = add_ctu_cost(s, src[plane], y, x, pred, 0, 0, cost, hadamard)
            if s > lowest:
                break
        if s < lowest:
            lowest = s
            best = mode
    return best


@compiled
def encode_residual(ctx, refs, src, rec, cost, tokens, activity):
    """Choose the coefficients of a frame and leave its decoded planes in rec. Returns their price in 1/256 bit.

    ctx: a copy, adapted here. refs: FrameRefs. src, rec: float32 (3, height, width). cost: CostModel. tokens: levels
    and tx_8x8 are filled, and the modes of intra CTUs are chosen again. activity: out, see RefInfo.
    """
    intra_mode, tx_8x8, levels, layer = tokens.intra_mode, tokens.tx_8x8, tokens.levels, refs.layer
    qstep, lam = cost.qstep, cost.lam
    rows, columns = tx_8x8.shape
    io = np.zeros(IO_SIZE, np.int64)
    coder = ContextCoder(io, np.zeros(1, np.uint8), ctx)
    # No coefficient is larger than the root of the block's energy: below this energy every level rounds to zero.
    least = (np.float32(1) - ROUNDING) * qstep
    empty_energy = least * least * LOW_QSTEP_FACTOR * LOW_QSTEP_FACTOR
    b = np.zeros((18, 18), np.int64)
    b8 = np.zeros((4, 18, 18), np.int64)
    state = new_coded_residual(rows, columns)
    pred = np.zeros((16, 16), np.float32)
    pred8 = np.zeros((16, 16), np.float32)
    d = np.zeros((16, 16), np.float32)
    c = np.zeros((16, 16), np.float32)
    tmp = np.zeros((16, 16), np.float32)
    scratch, hadamard = new_recon_scratch(), new_hadamard_scratch()
    total = np.int64(0)
    # As variables: numba compiles a function anew for every literal that it is called with.
    size16, size8, luma, luma8 = np.int64(16), np.int64(8), np.int64(0), np.int64(1)
    levels[:] = 0
    for ctu_y in range(rows):
        for ctu_x in range(columns):
            y, x = 16 * ctu_y, 16 * ctu_x
            io[MODE] = PRICE
            if intra_mode[ctu_y, ctu_x] >= 0:
                mode = _choose_intra_mode(coder, cost, src, rec, intra_mode, ctu_y, ctu_x, pred, scratch, hadamard)
                intra_mode[ctu_y, ctu_x] = mode
                if layer == 0:
                    io[MODE] = ADAPT
                    code_intra_mode(coder, intra_mode, ctu_y, ctu_x, mode)
                    io[MODE] = PRICE
            else:
                mode = np.int64(-1)
            ctu_activity = activity_class(refs, tokens.mv, ctu_y, ctu_x)
            any_coded = np.int64(0)
            for plane in range(3):
                at = Square(plane, y, x, size16)
                near_coded = np.int64(gather_magnitudes(state, plane, ctu_y, ctu_x))
                predict_block(rec, at, mode, scratch, pred)
                for j in range(16):
                    for i in range(16):
                        d[j, i] = src[plane, y + j, x + i] - pred[j, i]
                context_plane = np.int64(1 + plane if plane else 0)
                block_cost = np.float32(0)
                if _energy(d, size16) < empty_energy[context_plane >> 1]:
                    b[:] = 0
                else:
                    forward_dct(d, size16, c, tmp)
                    block = BlockContext(size16, context_plane, layer, ctu_activity, near_coded, any_coded, state.near)
                    block_cost = quantise(coder, block, cost, c, b)
                use_8x8 = False
                if plane == 0 and last_diagonal(b, size16) >= 0:
                    flag = cx.TX_8X8 + layer * 3 + count_neighbours(tx_8x8, ctu_y, ctu_x)
                    block_cost += lam * BITS * np.float32(price(ctx, flag, 0))
                    block = BlockContext(size16, luma, layer, ctu_activity, near_coded, luma, state.near)
                    coded_price = price(ctx, coded_block_flag_context(block), 1)
                    cost8 = lam * BITS * np.float32(price(ctx, flag, 1) + coded_price)
                    coded8 = np.int64(0)
                    for k in range(4):
                        sub_y, sub_x = y + 8 * (k >> 1), x + 8 * (k & 1)
                        at8 = Square(luma, sub_y, sub_x, size8)
                        predict_block(rec, at8, mode, scratch, pred8)
                        for j in range(8):
                            for i in range(8):
                                d[j, i] = src[0, sub_y + j, sub_x + i] - pred8[j, i]
                        forward_dct(d, size8, c, tmp)
                        block = BlockContext(size8, luma8, layer, ctu_activity, near_coded, coded8, state.near)
                        cost8 += quantise(coder, block, cost, c, b8[k])
                        if last_diagonal(b8[k], size8) >= 0:
                            coded8 = np.int64(1)
                        if cost8 > block_cost:
                            break
                        if mode >= 0:  # the next block is predicted from the decoded pixels of this one
                            reconstruct_block(rec, at8, pred8, b8[k], qstep, scratch)
                    use_8x8 = cost8 < block_cost and coded8 == 1
                if use_8x8:
                    tx_8x8[ctu_y, ctu_x] = 1
                    any_coded = np.int64(1)
                    for k in range(4):
                        sub_y, sub_x = y + 8 * (k >> 1), x + 8 * (k & 1)
                        store_block(levels, luma, sub_y, sub_x, size8, b8[k])
                        if mode < 0:
                            at8 = Square(luma, sub_y, sub_x, size8)
                            predict_block(rec, at8, mode, scratch, pred8)
                            reconstruct_block(rec, at8, pred8, b8[k], qstep, scratch)
                else:
                    if plane == 0:
                        tx_8x8[ctu_y, ctu_x] = 0
                    if last_diagonal(b, size16) >= 0:
                        any_coded = np.int64(1)
                        store_block(levels, plane, y, x, size16, b)
                    reconstruct_block(rec, at, pred, b, qstep, scratch)
            io[MODE] = ADAPT
            io[COST] = 0
            n = code_ctu_residual(coder, refs, tokens, ctu_activity, state, ctu_y, ctu_x)
            total += io[COST]
            activity[ctu_y, ctu_x] = min(n, 255)
    return total
