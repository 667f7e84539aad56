"""The decoder's pixels of one frame: prediction, residual and loop filter, coding block after coding block."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from ..syntax.coding_tree import Z_X, Z_Y, transform_size
from .inter import predict_inter
from .intra import gather_edges, predict_intra, smooth_edges, wants_smooth
from .loop_filter import deblock
from .residual import add_residual, copy_block


class Buffers(NamedTuple):
    """Working memory of the reconstruction of one coding block."""

    pred: npt.NDArray[np.uint8]  # (64, 64)
    other: npt.NDArray[np.uint8]  # (64, 64)
    tmp16: npt.NDArray[np.int16]  # (72, 64)
    c: npt.NDArray[np.int32]  # (32, 32)
    tmp: npt.NDArray[np.int32]
    res: npt.NDArray[np.int32]
    above: npt.NDArray[np.int32]  # (65 and a few,)
    left: npt.NDArray[np.int32]
    above2: npt.NDArray[np.int32]
    left2: npt.NDArray[np.int32]
    line: npt.NDArray[np.int32]


@numba.njit(cache=True, nogil=True)
def new_buffers():
    """Fresh working memory."""
    return Buffers(
        np.zeros((64, 64), np.uint8), np.zeros((64, 64), np.uint8), np.zeros((72, 64), np.int16),
        np.zeros((32, 32), np.int32), np.zeros((32, 32), np.int32), np.zeros((32, 32), np.int32),
        np.zeros(136, np.int32), np.zeros(136, np.int32), np.zeros(136, np.int32), np.zeros(136, np.int32),
        np.zeros(136, np.int32),
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def intra_prediction(rec, done, unit, luma, y, x, n, mode, buffers):
    """buffers.pred[:n, :n] = the intra prediction of a block of the plane rec."""
    gather_edges(rec, done, unit, y, x, n, buffers.above, buffers.left)
    if luma and wants_smooth(n, mode):
        smooth_edges(buffers.above, buffers.left, n, buffers.above2, buffers.left2)
        predict_intra(buffers.above2, buffers.left2, n, mode, buffers.pred, buffers.line)
    else:
        predict_intra(buffers.above, buffers.left, n, mode, buffers.pred, buffers.line)


@numba.njit(cache=True, nogil=True)
def mark_done(done, y, x, n):
    """Luma pixels of a block are decoded. done: uint8, per 4x4 pixels."""
    for j in range(y >> 2, (y + n) >> 2):
        for i in range(x >> 2, (x + n) >> 2):
            done[j, i] = 1


@numba.njit(cache=True, nogil=True)
def _any_level(q, y, x, n):
    for j in range(n):
        row = q[y + j, x : x + n]
        s = np.int32(0)
        for i in range(n):
            s |= np.int32(row[i])
        if s != 0:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _plane_blocks(rec, q, plane, luma, done, half, y, x, w, n, mode, refs0, refs1, m, qstep, buffers):
    """Reconstruct the w x w pixels of a coding block in one plane, by n x n transforms."""
    pred = buffers.pred
    if mode < 0:
        predict_inter(refs0, refs1, plane, half, y, x, w, m, pred, buffers.other, buffers.tmp16)
        copy_block(pred, w, rec, y, x)
    for j in range(0, w, n):
        for i in range(0, w, n):
            coded = _any_level(q, y + j, x + i, n)
            if mode >= 0:
                unit = 4 if luma else 4 >> half
                intra_prediction(rec, done, unit, luma, y + j, x + i, n, mode, buffers)
                if coded:
                    add_residual(
                        pred, q[y + j : y + j + n, x + i : x + i + n], n, qstep, rec, y + j, x + i,
                        buffers.c, buffers.tmp, buffers.res,
                    )  # fmt: skip
                else:
                    copy_block(pred, n, rec, y + j, x + i)
            elif coded:
                add_residual(
                    pred[j : j + n, i : i + n], q[y + j : y + j + n, x + i : x + i + n], n, qstep, rec, y + j, x + i,
                    buffers.c, buffers.tmp, buffers.res,
                )  # fmt: skip
            if luma:
                mark_done(done, y + j, x + i, n)


@numba.njit(cache=True, nogil=True)
def reconstruct_frame(rec, levels, maps, half, refs0, refs1, qstep, chroma_qstep):
    """Fill rec, a tuple of three uint8 planes. refs: tuples of padded planes. Steps in 1/16."""
    rows, columns = maps.size.shape
    buffers = new_buffers()
    done = np.zeros((2 * rows, 2 * columns), np.uint8)
    for cy in range(0, rows, 8):
        for cx in range(0, columns, 8):
            z = 0
            while z < 64:
                by, bx = cy + Z_Y[z], cx + Z_X[z]
                if by >= rows or bx >= columns:
                    z += 1
                    continue
                level = np.int64(maps.size[by, bx])
                mode, m = np.int64(maps.mode[by, bx]), maps.mv[by, bx]
                w = np.int64(8) << level
                n = transform_size(level, np.int64(maps.tsplit[by, bx]))
                for plane in range(3):
                    if plane == 0:
                        _plane_blocks(
                            rec[0], levels[0], 0, True, done, half, 8 * by, 8 * bx, w, n, mode, refs0, refs1, m,
                            qstep, buffers,
                        )  # fmt: skip
                    else:
                        cw = w >> half
                        _plane_blocks(
                            rec[plane], levels[plane], plane, False, done, half, 8 * by >> half, 8 * bx >> half, cw,
                            min(cw, 32), mode, refs0, refs1, m, chroma_qstep, buffers,
                        )  # fmt: skip
                z += 1 << (2 * level)
    deblock(rec, half, maps, qstep)
