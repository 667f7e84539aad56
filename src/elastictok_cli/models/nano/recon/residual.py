"""The residual of a frame as the decoder adds it: dequantisation, inverse transform, and intra prediction in between.

CTUs are walked in raster order over `rec`, float32 (3, height, width). It holds the motion-compensated prediction at
first and the decoded planes in the end: an intra block is predicted from what is already decoded left of and above it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ....jit import compiled
from .intra import predict_intra, reference_samples
from .square import Square
from .transform import inverse_dct

# The qstep of the lowest three coefficients as a factor of the frame's, [luma, chroma]. They carry the mean colour of a
# block: an error in them is seen first and copied into later frames (docs/nano.md has what a finer step costs).
LOW_QSTEP_FACTOR = np.array([1, 0.5], np.float32)


class Scratch(NamedTuple):
    """Working memory of the reconstruction of one block: float32 (16, 16), and (34,) for the reference samples."""

    coefficients: npt.NDArray[np.float32]
    residual: npt.NDArray[np.float32]
    rows: npt.NDArray[np.float32]
    above: npt.NDArray[np.float32]
    left: npt.NDArray[np.float32]


@compiled
def new_recon_scratch():
    """Fresh working memory."""
    return Scratch(
        np.zeros((16, 16), np.float32),
        np.zeros((16, 16), np.float32),
        np.zeros((16, 16), np.float32),
        np.zeros(34, np.float32),
        np.zeros(34, np.float32),
    )


@compiled
def dequantise(b, n, plane, qstep, c):
    """Coefficients of the n x n levels in b, into c. Returns how many rows of c, from the first, have any."""
    rows = 0
    low = qstep * LOW_QSTEP_FACTOR[min(plane, 1)]
    for v in range(n):
        for h in range(n):
            c[v, h] = np.float32(b[v, h]) * (qstep if v + h > 1 else low)
            if b[v, h] != 0:
                rows = v + 1
    return rows


@compiled
def reconstruct_block(rec, at, pred, b, qstep, scratch):
    """Write the prediction plus the inverse transform of the levels in b into rec. at: Square."""
    plane, y, x, n = at
    out = scratch.residual
    rows = dequantise(b, n, plane, qstep, scratch.coefficients)
    if rows:
        inverse_dct(scratch.coefficients, n, rows, out, scratch.rows)
        for j in range(n):
            for i in range(n):
                rec[plane, y + j, x + i] = pred[j, i] + out[j, i]
    else:
        for j in range(n):
            for i in range(n):
                rec[plane, y + j, x + i] = pred[j, i]


@compiled
def predict_block(rec, at, mode, scratch, pred):
    """The prediction of a block into pred: by its intra mode, or (mode -1) what rec holds there. at: Square."""
    plane, y, x, n = at
    if mode >= 0:
        reference_samples(rec, at, scratch.above, scratch.left)
        predict_intra(scratch.above, scratch.left, n, mode, pred)
    else:
        for j in range(n):
            for i in range(n):
                pred[j, i] = rec[plane, y + j, x + i]


@compiled
def reconstruct_residual(rec, tokens, qstep):
    """Add the residual of every CTU to the prediction in rec, in raster order. tokens: FrameTokens."""
    rows, columns = tokens.tx_8x8.shape
    pred = np.zeros((16, 16), np.float32)
    scratch = new_recon_scratch()
    for ctu_y in range(rows):
        for ctu_x in range(columns):
            mode = np.int64(tokens.intra_mode[ctu_y, ctu_x])
            for plane in range(3):
                n = np.int64(8 if plane == 0 and tokens.tx_8x8[ctu_y, ctu_x] else 16)
                for k in range(4 if n == 8 else 1):
                    y, x = 16 * ctu_y + 8 * (k >> 1), 16 * ctu_x + 8 * (k & 1)
                    b = tokens.levels[plane, y : y + n, x : x + n]
                    if mode < 0 and not np.any(b):
                        continue
                    at = Square(plane, y, x, n)
                    predict_block(rec, at, mode, scratch, pred)
                    reconstruct_block(rec, at, pred, b, qstep, scratch)
