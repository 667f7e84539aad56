"""The encoder's decisions about one frame: split, skip, motion, intra, residual, by distortion + lambda * bits."""

from __future__ import annotations

import numpy as np

from ....entropy.rangecoder import COST
from ....jit import compiled, compiled_inner
from ..recon.reconstruct import mark_done
from ..syntax.cells import CELL, CODED, INFO, IS_INTRA, KNOWN, MERGED, MODE, SIZE, SKIPPED
from ..syntax.coding_tree import Z_X, Z_Y, fill_block, merge_index_of
from ..syntax.flags import code_intra_flag, code_skip, code_split
from ..syntax.motion import merge_list
from .inter_search import predict_all, search_inter, vector_price
from .intra_search import search_intra
from .residual_search import (
    chroma_error,
    inter_residual,
    intra_chroma,
    intra_plane,
    luma_errors,
    put_inter,
    tsplit_price,
)
from .task import BEST, ESTIMATE, OTHER, at_ctu, new_trial

LEAST_RESIDUAL = 8.0  # bits that a residual takes at least: a smaller error is left as it is


@compiled_inner
def _move(task, trial, by, bx, level, keep):
    """Copy a block's decisions, levels and pixels aside, or (keep false) back."""
    w = np.int64(1) << level
    for j in range(w):
        for i in range(w):
            for k in range(CELL):
                if keep:
                    trial.kept_cells[level, j, i, k] = task.cells[by + j, bx + i, k]
                else:
                    task.cells[by + j, bx + i, k] = trial.kept_cells[level, j, i, k]
    for plane in range(3):
        shift = task.frame.half if plane else 0
        n, y, x = 8 * w >> shift, 8 * by >> shift, 8 * bx >> shift
        for j in range(n):
            rec, levels = task.rec[plane, y + j, x : x + n], task.levels[plane, y + j, x : x + n]
            kept_rec, kept_levels = trial.kept_rec[level, plane, j, 0:n], trial.kept_levels[level, plane, j, 0:n]
            for i in range(n):
                if keep:
                    kept_rec[i], kept_levels[i] = rec[i], levels[i]
                else:
                    rec[i], levels[i] = kept_rec[i], kept_levels[i]
    if not keep:
        mark_done(task.done, 8 * by, 8 * bx, 8 * w, np.uint8(1))


@compiled_inner
def _clear(task, by, bx, level):
    """Forget what was decided about a block."""
    w = np.int64(1) << level
    for j in range(by, by + w):
        for i in range(bx, bx + w):
            for k in range(CELL):
                task.cells[j, i, k] = 0
            task.cells[j, i, MODE] = -1
    mark_done(task.done, 8 * by, 8 * bx, 8 * w, np.uint8(0))


@compiled_inner
def _intra_flag_price(task, by, bx, level, count):
    """Price of saying that a block of a predicted frame is intra."""
    if task.frame.kind == 0:
        return 0
    task.coder.io[COST] = 0
    frame, cells = task.frame, task.cells
    code_skip(task.coder, frame, cells, by, bx, level, count, np.int64(0))
    code_intra_flag(task.coder, frame, cells, by, bx, level, np.int64(1))
    return task.coder.io[COST]


@compiled_inner
def _fill_intra(task, trial, by, bx, level, mode, tsplit, coded):
    m = trial.vectors[OTHER]
    m[:] = 0
    info = KNOWN | IS_INTRA | (CODED if coded else 0) | (level << 4)
    fill_block(task.cells, by, bx, level, mode, tsplit, m, info)


@compiled_inner
def _code_inter(task, trial, by, bx, level, count):
    """Code a block with the best vector, with or without a residual. Returns cost, tsplit, coded, largest quarter."""
    predict_all(task, trial, by, bx, level, trial.vectors[BEST])
    luma, largest = luma_errors(task, trial, by, bx, level)
    merged = merge_index_of(trial.candidates[1], count, trial.vectors[BEST]) >= 0
    skip_cost = 1e30
    if merged:
        error = luma + chroma_error(task, trial, by, bx, level)
        price = vector_price(task, trial, by, bx, level, trial.vectors[BEST], count, np.int64(1))
        skip_cost = error + task.lam * price
        if error < task.lam * 256 * LEAST_RESIDUAL:
            return skip_cost, np.int64(0), False, largest
    cost, tsplit, coded = inter_residual(task, trial, by, bx, level)
    cost += task.lam * vector_price(task, trial, by, bx, level, trial.vectors[BEST], count, np.int64(0))
    if merged and (not coded or skip_cost <= cost):
        return skip_cost, np.int64(0), False, largest
    return cost, tsplit, coded, largest


@compiled_inner
def _put_inter(task, trial, by, bx, level, count, tsplit, coded):
    """Write the inter candidate into the frame."""
    luma = put_inter(task, trial, by, bx, level, tsplit, coded)
    merged = merge_index_of(trial.candidates[1], count, trial.vectors[BEST]) >= 0
    trial.vectors[BEST, MERGED] = 1 if merged else 0
    info = KNOWN | (SKIPPED if merged and not coded else 0) | (CODED if luma else 0) | (level << 4)
    fill_block(task.cells, by, bx, level, np.int64(-1), tsplit, trial.vectors[BEST], info)


@compiled_inner
def _try_block(task, trial, by, bx, level):
    """Code a block unsplit in the best way found, into the frame.

    Returns its cost, and whether splitting it may be cheaper.
    """
    if task.frame.kind == 0:
        cost, mode, tsplit, coded = search_intra(task, trial, by, bx, level, np.int64(3), 1e30)
        _fill_intra(task, trial, by, bx, level, mode, tsplit, coded)
        return cost, True
    effort, unit = task.effort, task.lam * 256
    count, best_merge = search_inter(task, trial, by, bx, level)
    cost, tsplit, coded, largest = _code_inter(task, trial, by, bx, level, count)
    merged = merge_index_of(trial.candidates[1], count, trial.vectors[BEST])
    skipped = merged >= 0 and not coded
    if merged < 0:
        # the best merge candidate, skipped, may still be cheaper
        for j in range(6):
            trial.vectors[OTHER, j] = trial.vectors[BEST, j]
            trial.vectors[BEST, j] = trial.candidates[1][best_merge, j]
        predict_all(task, trial, by, bx, level, trial.vectors[BEST])
        price = vector_price(task, trial, by, bx, level, trial.vectors[BEST], count, np.int64(1))
        luma, of_merged = luma_errors(task, trial, by, bx, level)
        skip_cost = luma + chroma_error(task, trial, by, bx, level) + task.lam * price
        if skip_cost < cost:
            cost, tsplit, coded, skipped, largest = skip_cost, np.int64(0), False, True, of_merged
        else:
            for j in range(6):
                trial.vectors[BEST, j] = trial.vectors[OTHER, j]
            predict_all(task, trial, by, bx, level, trial.vectors[BEST])
    size = max(level - 1, 0)
    enough = effort.skipped[size] if skipped else (effort.coded[size] if coded else effort.uncoded[size])
    pixels = 64 << (2 * level)
    if level < 3 and cost > unit * effort.intra_from and cost > pixels * task.qsteps[0] * task.qsteps[0] * (0.03 / 256):
        intra_price = task.lam * _intra_flag_price(task, by, bx, level, count)
        bound = effort.intra_within * trial.costs[0, ESTIMATE]
        intra_cost, mode, intra_tsplit, intra_coded = search_intra(task, trial, by, bx, level, np.int64(1), bound)
        intra_cost += intra_price
        if intra_cost < cost:
            _fill_intra(task, trial, by, bx, level, mode, intra_tsplit, intra_coded)
            return intra_cost, largest > unit * effort.intra[size]
    _put_inter(task, trial, by, bx, level, count, tsplit, coded)
    return cost, largest > unit * enough and not (skipped and cost < unit * (20 << level))


@compiled_inner
def _split_price(task, by, bx, level, bit):
    task.coder.io[COST] = 0
    code_split(task.coder, task.frame, task.cells, by, bx, level, bit)
    return task.coder.io[COST]


@compiled_inner
def _decide(task, trial, by, bx, level, limit):
    """Code a block of size 8 << level, split or not, into the frame. Returns its cost, or more than limit."""
    rows, columns = task.cells.shape[0], task.cells.shape[1]
    w = np.int64(1) << level
    fits = by + w <= rows and bx + w <= columns
    whole = 1e30
    keep = fits or level > 0  # true; a variable, because a literal would be compiled apart
    if level == 0:
        cost, _ = _try_block(task, trial, by, bx, level)
        return cost
    split = 0.0
    if fits:
        split = task.lam * _split_price(task, by, bx, level, np.int64(1))
        if task.frame.kind or level < 3:
            unsplit = task.lam * _split_price(task, by, bx, level, np.int64(0))
            whole, splittable = _try_block(task, trial, by, bx, level)
            whole += unsplit
            if whole < task.lam * 256 * 9 or not splittable:
                return whole
            _move(task, trial, by, bx, level, keep)
        _clear(task, by, bx, level)
    half = w >> 1
    for k in range(4):
        y, x = by + half * (k >> 1), bx + half * (k & 1)
        if y < rows and x < columns:
            split += _decide(task, trial, y, x, level - 1, min(limit, whole) - split)
            if split >= min(limit, whole):
                break
    if whole <= split:
        _move(task, trial, by, bx, level, not keep)
        return whole
    return split


@compiled
def search_frame(task, given, known, coarser):
    """Choose everything about a frame, into task.cells, levels and rec.

    known: code it again with the block sizes, vectors and modes of the cells `given`, for another step. coarser: at no
    finer step than theirs, so that what was skipped is skipped again. One entry for both, because all that they share
    is compiled with each entry.
    """
    if known:
        _recode_frame(task, new_trial(), given, coarser)
    else:
        _decide_frame(task, new_trial())


@compiled_inner
def _decide_frame(task, trial):
    rows, columns = task.cells.shape[0], task.cells.shape[1]
    for by in range(0, rows, 8):
        for bx in range(0, columns, 8):
            _decide(at_ctu(task, by, bx), trial, by, bx, np.int64(3), 1e30)


@compiled_inner
def _recode_frame(whole, trial, given, coarser):
    rows, columns = whole.cells.shape[0], whole.cells.shape[1]
    for cy in range(0, rows, 8):
        for cx in range(0, columns, 8):
            task = at_ctu(whole, cy, cx)
            z = 0
            while z < 64:
                by, bx = cy + Z_Y[z], cx + Z_X[z]
                if by >= rows or bx >= columns:
                    z += 1
                    continue
                level = np.int64(given[by, bx, SIZE])
                mode = np.int64(given[by, bx, MODE])
                z += 1 << (2 * level)
                w = np.int64(8) << level
                if mode >= 0:
                    lowest, best, coded = 1e30, np.int64(0), np.int64(0)
                    n = min(w, 32)
                    for tsplit in range(2 if level < 3 else 1):
                        cost, coded = intra_plane(task, trial, np.int64(0), by, bx, w, n >> tsplit, mode, np.int64(0))
                        cost += task.lam * tsplit_price(task, by, bx, level, np.int64(1), np.int64(tsplit))
                        if cost < lowest:
                            lowest, best = cost, np.int64(tsplit)
                    if best == 0 and level < 3:
                        cost, coded = intra_plane(task, trial, np.int64(0), by, bx, w, n, mode, np.int64(0))
                    intra_chroma(task, trial, by, bx, level, mode, coded > 0)
                    _fill_intra(task, trial, by, bx, level, mode, best, coded > 0)
                    continue
                count = merge_list(
                    task.cells, task.frame.temporal, task.frame.two, bx, by, 1 << level, trial.candidates[1]
                )
                for j in range(6):
                    trial.vectors[BEST, j] = given[by, bx, j]
                skipped = given[by, bx, INFO] & SKIPPED != 0 and coarser
                if skipped and merge_index_of(trial.candidates[1], count, trial.vectors[BEST]) >= 0:
                    predict_all(task, trial, by, bx, level, trial.vectors[BEST])
                    residual = (np.int64(0), level < 0)
                else:
                    _, tsplit_, coded_, _ = _code_inter(task, trial, by, bx, level, count)
                    residual = (tsplit_, coded_)
                _put_inter(task, trial, by, bx, level, count, residual[0], residual[1])
