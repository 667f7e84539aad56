"""The encoder's decisions about one frame: split, skip, motion, intra, residual, by distortion + lambda * bits."""

from __future__ import annotations

import numba
import numpy as np

from ....kernels.rangecoder import COST
from ..syntax.coding_tree import (
    CODED,
    IS_INTRA,
    KNOWN,
    SKIPPED,
    Z_X,
    Z_Y,
    code_intra_flag,
    code_skip,
    code_split,
    fill_block,
    merge_index_of,
)
from ..syntax.motion import merge_list
from .inter_search import predict_all, search_inter, vector_price
from .intra_search import search_intra
from .residual_search import _clear_done, inter_residual, inter_skip, intra_chroma, intra_plane, put_inter, tsplit_price
from .task import new_trial


@numba.njit(cache=True, nogil=True)
def _keep(task, trial, by, bx, level):
    """Copy a block's decisions, levels and pixels aside."""
    w, half, maps = 1 << level, task.frame.half, task.maps
    for j in range(w):
        for i in range(w):
            out = trial.kept_maps[level, j, i]
            out[0], out[1] = maps.size[by + j, bx + i], maps.mode[by + j, bx + i]
            out[2], out[3] = maps.tsplit[by + j, bx + i], maps.info[by + j, bx + i]
            for k in range(6):
                out[4 + k] = maps.mv[by + j, bx + i, k]
    for plane in range(3):
        n, y, x = 8 * w, 8 * by, 8 * bx
        if plane:
            n, y, x = n >> half, y >> half, x >> half
        rec, levels = task.rec[plane], task.levels[plane]
        trial.kept_rec[level, plane, :n, :n] = rec[y : y + n, x : x + n]
        trial.kept_levels[level, plane, :n, :n] = levels[y : y + n, x : x + n]


@numba.njit(cache=True, nogil=True)
def _restore(task, trial, by, bx, level):
    """The inverse of `_keep`."""
    w, half, maps = 1 << level, task.frame.half, task.maps
    for j in range(w):
        for i in range(w):
            kept = trial.kept_maps[level, j, i]
            maps.size[by + j, bx + i], maps.mode[by + j, bx + i] = kept[0], kept[1]
            maps.tsplit[by + j, bx + i], maps.info[by + j, bx + i] = kept[2], kept[3]
            for k in range(6):
                maps.mv[by + j, bx + i, k] = kept[4 + k]
    for plane in range(3):
        n, y, x = 8 * w, 8 * by, 8 * bx
        if plane:
            n, y, x = n >> half, y >> half, x >> half
        rec, levels = task.rec[plane], task.levels[plane]
        rec[y : y + n, x : x + n] = trial.kept_rec[level, plane, :n, :n]
        levels[y : y + n, x : x + n] = trial.kept_levels[level, plane, :n, :n]
    for j in range(2 * by, 2 * (by + w)):
        for i in range(2 * bx, 2 * (bx + w)):
            task.done[j, i] = 1


@numba.njit(cache=True, nogil=True)
def _clear(task, by, bx, level):
    """Forget what was decided about a block."""
    w = 1 << level
    for j in range(by, by + w):
        for i in range(bx, bx + w):
            task.maps.info[j, i] = 0
            task.maps.mode[j, i] = -1
            task.maps.tsplit[j, i] = 0
            for k in range(6):
                task.maps.mv[j, i, k] = 0
    _clear_done(task.done, 8 * by, 8 * bx, 8 * w)


@numba.njit(cache=True, nogil=True)
def _intra_flag_price(task, by, bx, level, count):
    """Price of saying that a block of a predicted frame is intra."""
    if task.frame.kind == 0:
        return 0
    task.io[COST] = 0
    frame, info = task.frame, task.maps.info
    code_skip(task.io, task.buf, task.model, frame, info, by, bx, level, count, np.int64(0))
    code_intra_flag(task.io, task.buf, task.model, frame, info, by, bx, level, np.int64(1))
    return task.io[COST]


@numba.njit(cache=True, nogil=True)
def _fill_intra(task, trial, by, bx, level, mode, tsplit, coded):
    trial.trial[:] = 0
    info = KNOWN | IS_INTRA | (CODED if coded else 0) | (level << 4)
    fill_block(task.maps, by, bx, level, mode, tsplit, trial.trial, info)


@numba.njit(cache=True, nogil=True)
def _code_inter(task, trial, by, bx, level, count):
    """Code a block with the vector trial.m, with or without a residual. Returns cost, tsplit, coded."""
    predict_all(task, trial, by, bx, level, trial.m)
    cost, tsplit, coded = inter_residual(task, trial, by, bx, level)
    merged = merge_index_of(trial.list, count, trial.m) >= 0
    if coded:
        cost += task.lam * vector_price(task, trial, by, bx, level, trial.m, count, np.int64(0))
    if merged or not coded:
        skip_cost = inter_skip(task, trial, by, bx, level)
        price = vector_price(task, trial, by, bx, level, trial.m, count, np.int64(1 if merged else 0))
        skip_cost += task.lam * price
        if not merged:
            skip_cost = cost + task.lam * price
        if not coded or skip_cost <= cost:
            return skip_cost, np.int64(0), False
    return cost, tsplit, coded


@numba.njit(cache=True, nogil=True)
def _put_inter(task, trial, by, bx, level, count, tsplit, coded):
    """Write the inter candidate trial.m into the frame."""
    luma = put_inter(task, trial, by, bx, level, tsplit, coded)
    merged = merge_index_of(trial.list, count, trial.m) >= 0
    trial.m[5] = 1 if merged else 0
    info = KNOWN | (SKIPPED if merged and not coded else 0) | (CODED if luma else 0) | (level << 4)
    fill_block(task.maps, by, bx, level, np.int64(-1), tsplit, trial.m, info)


@numba.njit(cache=True, nogil=True)
def _try_block(task, trial, by, bx, level):
    """Code a block unsplit in the best way found, into the frame. Returns its cost and whether it is skipped."""
    if task.frame.kind == 0:
        cost, mode, tsplit, coded = search_intra(task, trial, by, bx, level, True)
        _fill_intra(task, trial, by, bx, level, mode, tsplit, coded)
        return cost, False
    count, best_merge = search_inter(task, trial, by, bx, level)
    cost, tsplit, coded = _code_inter(task, trial, by, bx, level, count)
    merged = merge_index_of(trial.list, count, trial.m)
    skipped = merged >= 0 and not coded
    if merged < 0:
        # the best merge candidate, skipped, may still be cheaper
        for j in range(6):
            trial.trial[j] = trial.m[j]
            trial.m[j] = trial.list[best_merge, j]
        predict_all(task, trial, by, bx, level, trial.m)
        price = vector_price(task, trial, by, bx, level, trial.m, count, np.int64(1))
        skip_cost = inter_skip(task, trial, by, bx, level) + task.lam * price
        if skip_cost < cost:
            cost, tsplit, coded, skipped = skip_cost, np.int64(0), False, True
        else:
            for j in range(6):
                trial.m[j] = trial.trial[j]
            predict_all(task, trial, by, bx, level, trial.m)
    pixels = 64 << (2 * level)
    if level < 3 and cost > task.lam * 256 * 12 and cost > pixels * task.qstep * task.qstep * (0.03 / 256):
        intra_price = task.lam * _intra_flag_price(task, by, bx, level, count)
        intra_cost, mode, intra_tsplit, intra_coded = search_intra(task, trial, by, bx, level, False)
        intra_cost += intra_price
        if intra_cost < cost:
            _fill_intra(task, trial, by, bx, level, mode, intra_tsplit, intra_coded)
            return intra_cost, False
    _put_inter(task, trial, by, bx, level, count, tsplit, coded)
    return cost, skipped


@numba.njit(cache=True, nogil=True)
def _split_price(task, by, bx, level, bit):
    task.io[COST] = 0
    code_split(task.io, task.buf, task.model, task.frame, task.maps.info, by, bx, level, bit)
    return task.io[COST]


@numba.njit(cache=True, nogil=True)
def _decide(task, trial, by, bx, level, limit):
    """Code a block of size 8 << level, split or not, into the frame. Returns its cost. Gives up splitting above limit."""
    rows, columns = task.maps.size.shape
    w = 1 << level
    fits = by + w <= rows and bx + w <= columns
    whole = 1e30
    if level == 0:
        cost, _ = _try_block(task, trial, by, bx, level)
        return cost
    split = 0.0
    if fits:
        split = task.lam * _split_price(task, by, bx, level, np.int64(1))
        if task.frame.kind or level < 3:
            unsplit = task.lam * _split_price(task, by, bx, level, np.int64(0))
            whole, skipped = _try_block(task, trial, by, bx, level)
            whole += unsplit
            if whole < task.lam * 256 * 6:
                return whole
            if skipped and whole < task.lam * 256 * (10 << level):
                return whole
            _keep(task, trial, by, bx, level)
        _clear(task, by, bx, level)
    half = w >> 1
    for k in range(4):
        y, x = by + half * (k >> 1), bx + half * (k & 1)
        if y < rows and x < columns:
            split += _decide(task, trial, y, x, level - 1, min(limit, whole) - split)
            if split >= whole:
                break
    if whole <= split:
        _restore(task, trial, by, bx, level)
        return whole
    return split


@numba.njit(cache=True, nogil=True)
def decide_frame(task, sc, buffers):
    """Choose everything about a frame, into task.maps, levels and rec."""
    rows, columns = task.maps.size.shape
    trial = new_trial(sc, buffers)
    cost = 0.0
    for by in range(0, rows, 8):
        for bx in range(0, columns, 8):
            cost += _decide(task, trial, by, bx, np.int64(3), 1e30)
    return cost


@numba.njit(cache=True, nogil=True)
def recode_frame(task, sc, buffers, given):
    """Code a frame again with the block sizes, vectors and modes of `given` maps, for another step."""
    rows, columns = task.maps.size.shape
    trial = new_trial(sc, buffers)
    for cy in range(0, rows, 8):
        for cx in range(0, columns, 8):
            z = 0
            while z < 64:
                by, bx = cy + Z_Y[z], cx + Z_X[z]
                if by >= rows or bx >= columns:
                    z += 1
                    continue
                level = np.int64(given.size[by, bx])
                mode = np.int64(given.mode[by, bx])
                z += 1 << (2 * level)
                w = np.int64(8) << level
                if mode >= 0:
                    lowest, best, coded = 1e30, np.int64(0), np.int64(0)
                    n = min(w, 32)
                    for tsplit in range(2 if level < 3 else 1):
                        cost, coded = intra_plane(task, trial, 0, by, bx, w, n >> tsplit, mode, 0)
                        cost += task.lam * tsplit_price(task, by, bx, level, 1, np.int64(tsplit))
                        if cost < lowest:
                            lowest, best = cost, np.int64(tsplit)
                    if best == 0 and level < 3:
                        cost, coded = intra_plane(task, trial, 0, by, bx, w, n, mode, 0)
                    intra_chroma(task, trial, by, bx, level, mode, coded > 0)
                    _fill_intra(task, trial, by, bx, level, mode, best, coded > 0)
                    continue
                count = merge_list(
                    task.maps.mv, task.frame.temporal, task.frame.two, bx, by, 1 << level, trial.sc.candidates
                )
                for i in range(8):
                    for j in range(6):
                        trial.list[i, j] = trial.sc.candidates[i, j]
                for j in range(6):
                    trial.m[j] = given.mv[by, bx, j]
                _, tsplit_, coded_ = _code_inter(task, trial, by, bx, level, count)
                _put_inter(task, trial, by, bx, level, count, tsplit_, coded_)
