"""Which patches are predicted from their own vectors alone: the encoder's choice.

Nothing here is needed to decode; the pixels that are kept are made as the decoder makes them.
"""

from __future__ import annotations

import numpy as np

from ....entropy.rangecoder import ADAPT, BIT_PRICE, IO_SIZE, MODE, code, price
from ....jit import compiled
from ..recon.motion_compensation import fetch_patch
from ..syntax.motion import alone_flag, may_be_alone
from .satd import new_scratch, patch_cost

SURE = np.float32(1.03)  # how much cheaper it must look: overlapping leaves fewer edges


@compiled
def _cost(src, pred, y, x, oy, ox, limit, gain, sc):
    """What coding a patch will cost from the prediction at pred[:, oy:, ox:]."""
    s = np.float32(0)
    for c in range(3):
        s = patch_cost(sc, src[c], y, x, pred[c], oy, ox, limit, gain, s)
    return s


@compiled
def choose_alone(ctx, kind, src, ref0, ref1, mv, intra, step, lam, alone, rec):
    """Choose for every patch of a predicted frame by estimated cost. ctx: a copy that adapts here.

    src, rec: float32 (3, h, w); rec holds the overlapped prediction at first and the chosen one afterwards.
    """
    limit, gain = np.float32(0.8) * step * step, np.float32(0.5) * lam
    bit = lam / np.float32(BIT_PRICE)
    pixels, second, tmp = np.empty((3, 16, 16), np.float32), np.empty((8, 8), np.float32), np.empty((16, 8), np.float32)
    sc, io, buf = new_scratch(), np.zeros(IO_SIZE, np.int64), np.zeros(1, np.uint8)
    io[MODE] = ADAPT
    last = np.int64(0)
    for py in range(alone.shape[0]):
        for px in range(alone.shape[1]):
            alone[py, px] = 0
            if not may_be_alone(kind, intra, mv, py, px):
                continue
            y, x = 16 * py, 16 * px
            at = alone_flag(kind, last, alone, py, px)
            fetch_patch(ref0, ref1, mv, py, px, pixels, second, tmp)
            overlapped = _cost(src, rec, y, x, y, x, limit, gain, sc) + bit * np.float32(price(ctx, at, 0))
            own = _cost(src, pixels, y, x, 0, 0, limit, gain, sc) + bit * np.float32(price(ctx, at, 1))
            last = code(io, buf, ctx, at, np.int64(own * SURE < overlapped))
            alone[py, px] = last
            if last:
                rec[:, y : y + 16, x : x + 16] = pixels
