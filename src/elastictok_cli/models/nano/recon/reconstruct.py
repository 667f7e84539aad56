"""The decoder's pixels of one frame: prediction, residual and loop filter, coding block after coding block."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ....jit import compiled, compiled_inner
from ..syntax.cells import MODE, SIZE, TSPLIT
from ..syntax.coding_tree import Z_X, Z_Y
from ..syntax.coefficients import any_level
from ..syntax.step_offsets import MOST
from .inter import predict_inter
from .intra import gather_edges, predict_intra, smooth_edges, wants_smooth
from .loop_filter import deblock
from .residual import add_residual, copy_block


class Buffers(NamedTuple):
    """Working memory of the reconstruction of one coding block."""

    pred: npt.NDArray[np.uint8]  # (2, 64, 64), the second of the other reference
    tmp16: npt.NDArray[np.int16]  # (72, 64)
    square: npt.NDArray[np.int32]  # (3, 32, 32): coefficients, what is between two passes, residual
    edges: npt.NDArray[np.int32]  # (5, 136): above, left, both smoothed, the line of a direction


@compiled
def new_buffers():
    """Fresh working memory."""
    return Buffers(
        np.zeros((2, 64, 64), np.uint8), np.zeros((72, 64), np.int16), np.zeros((3, 32, 32), np.int32),
        np.zeros((5, 136), np.int32),
    )  # fmt: skip


@compiled_inner
def intra_prediction(rec, shift, done, luma, y, x, n, mode, buffers):
    """buffers.pred[0, :n, :n] = the intra prediction of a block of the plane rec. shift: 1 for chroma of half size."""
    edges = buffers.edges
    gather_edges(rec, shift, done, y, x, n, edges[0], edges[1])
    smooth = 0
    if luma and wants_smooth(n, mode):
        smooth_edges(edges[0], edges[1], n, edges[2], edges[3])
        smooth = 2
    predict_intra(edges[smooth], edges[smooth + 1], n, mode, buffers.pred[0], edges[4])


@compiled_inner
def mark_done(done, y, x, n, value):
    """Luma pixels of a block are decoded (1), or not any more (0). done: uint8, per 4x4 pixels."""
    for j in range(y >> 2, (y + n) >> 2):
        for i in range(x >> 2, (x + n) >> 2):
            done[j, i] = value


@compiled_inner
def _reconstruct_block(rec, levels, done, half, by, bx, level, tsplit, mode, refs0, refs1, m, qsteps, buffers):
    """Reconstruct one coding block."""
    pred = buffers.pred[0]
    for plane in range(3):
        shift = half if plane else 0
        w, y, x = (np.int64(8) << level) >> shift, 8 * by >> shift, 8 * bx >> shift
        n = min(w, 32)
        if plane == 0:
            n >>= tsplit
        out, q = rec[plane], levels[plane]
        if mode < 0:
            predict_inter(refs0, refs1, plane, half, y, x, w, m, pred, buffers.pred[1], buffers.tmp16)
            copy_block(pred, w, out, y, x)
        for j in range(0, w, n):
            for i in range(0, w, n):
                coded = any_level(q, y + j, x + i, n, n)
                oy, ox = j, i
                if mode >= 0:
                    intra_prediction(out, shift, done, plane == 0, y + j, x + i, n, mode, buffers)
                    oy = ox = 0
                    if not coded:
                        copy_block(pred, n, out, y + j, x + i)
                if coded:
                    b = q[y + j : y + j + n, x + i : x + i + n]
                    add_residual(pred[oy:, ox:], b, n, qsteps[plane], out, y + j, x + i, buffers.square)
                if plane == 0:
                    mark_done(done, y + j, x + i, n, np.uint8(1))


@compiled
def reconstruct_frame(rec, levels, cells, offsets, half, refs0, refs1, qsteps):
    """Fill rec, uint8 (3, h, w). refs: padded planes. qsteps: of the three planes by offset, in 1/16."""
    rows, columns = cells.shape[0], cells.shape[1]
    buffers = new_buffers()
    done = np.zeros((2 * rows, 2 * columns), np.uint8)
    for cy in range(0, rows, 8):
        for cx in range(0, columns, 8):
            z = 0
            steps = qsteps[np.int64(offsets[cy >> 3, cx >> 3]) + MOST]
            while z < 64:
                by, bx = cy + Z_Y[z], cx + Z_X[z]
                if by >= rows or bx >= columns:
                    z += 1
                    continue
                cell = cells[by, bx]
                level = np.int64(cell[SIZE])
                _reconstruct_block(
                    rec, levels, done, half, by, bx, level, np.int64(cell[TSPLIT]), np.int64(cell[MODE]), refs0, refs1,
                    cell, steps, buffers,
                )  # fmt: skip
                z += 1 << (2 * level)
    deblock(rec, half, cells, offsets, qsteps)
