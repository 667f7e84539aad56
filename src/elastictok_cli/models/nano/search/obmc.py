"""The encoder's choice of no_obmc flags: which CTUs are predicted without overlap with their neighbours' vectors.

Nothing here is needed to decode. The pixels that are kept are made as the decoder makes them.
"""

from __future__ import annotations

import numpy as np

from ....entropy.rangecoder import ADAPT, BIT_PRICE, IO_SIZE, MODE, code, price
from ....jit import compiled
from ..recon.motion_compensation import new_prediction_scratch, predict_ctu
from ..syntax.motion import has_no_obmc_flag, no_obmc_context
from .satd import add_ctu_cost, new_hadamard_scratch

MARGIN = np.float32(1.03)  # how much cheaper no overlap must look: overlap leaves fewer visible edges


@compiled
def _prediction_cost(src, pred, y, x, pred_y, pred_x, cost, scratch):
    """The estimated cost of coding a CTU from the prediction at pred[:, pred_y:, pred_x:], over all planes."""
    total = np.float32(0)
    for c in range(3):
        total = add_ctu_cost(total, src[c], y, x, pred[c], pred_y, pred_x, cost, scratch)
    return total


@compiled
def choose_no_obmc(ctx, layer, src, ref0, ref1, tokens, cost, rec):
    """Choose tokens.no_obmc of every CTU of a predicted frame by estimated cost. ctx: a copy, adapted here.

    src, rec: float32 (3, height, width). rec holds the overlapped prediction at first and the chosen one in the end.
    ref0, ref1: padded planes of the references. cost: CostModel.
    """
    mv, intra_mode, no_obmc = tokens.mv, tokens.intra_mode, tokens.no_obmc
    bit = cost.lam / np.float32(BIT_PRICE)
    pixels, prediction_scratch = np.empty((3, 16, 16), np.float32), new_prediction_scratch()
    scratch, io, buf = new_hadamard_scratch(), np.zeros(IO_SIZE, np.int64), np.zeros(1, np.uint8)
    io[MODE] = ADAPT
    last_flag = np.int64(0)
    for ctu_y in range(no_obmc.shape[0]):
        for ctu_x in range(no_obmc.shape[1]):
            no_obmc[ctu_y, ctu_x] = 0
            if not has_no_obmc_flag(layer, intra_mode, mv, ctu_y, ctu_x):
                continue
            y, x = 16 * ctu_y, 16 * ctu_x
            at = no_obmc_context(layer, last_flag, no_obmc, ctu_y, ctu_x)
            predict_ctu(ref0, ref1, mv, ctu_y, ctu_x, pixels, prediction_scratch)
            overlapped = _prediction_cost(src, rec, y, x, y, x, cost, scratch) + bit * np.float32(price(ctx, at, 0))
            own = _prediction_cost(src, pixels, y, x, 0, 0, cost, scratch) + bit * np.float32(price(ctx, at, 1))
            last_flag = code(io, buf, ctx, at, np.int64(own * MARGIN < overlapped))
            no_obmc[ctu_y, ctu_x] = last_flag
            if last_flag:
                rec[:, y : y + 16, x : x + 16] = pixels
