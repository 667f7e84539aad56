"""Motion estimation: the search for the motion vectors of a frame. Nothing here is needed to decode.

So fastmath is allowed: another machine may choose other vectors, and the file says which.

Per block: candidates (merge list, predictor, zero, coarse search), a diamond search by absolute differences, then half
and quarter pixels by the rate-distortion cost in the Hadamard domain. All on luma.

Arguments that recur:
    frame       FrameSearch
    at          Square of the block in luma
    m           int64 (6,), one motion vector (motion_vectors.py)
    work        Work
"""

from __future__ import annotations

import math

import numpy as np

from ....entropy.rangecoder import ADAPT, IO_SIZE, MODE, PRICE, ContextCoder, price
from ....jit import compiled
from ..recon.square import Square
from ..syntax import contexts as cx
from ..syntax.motion import code_ctu_motion, count_intra_neighbours, count_neighbours, fill_mv
from ..syntax.motion_vectors import (
    MV_FIELDS,
    MV_X0,
    MV_X1,
    MV_Y0,
    MV_Y1,
    PRED_BI,
    PRED_FLAGS,
    merge_list,
    motion_vector_predictor,
    scale_mv,
)
from .motion_cost import BITS, Work, absolute_difference, bi_cost, intra_cost, mvd_bits, priced_cost, vector_cost
from .satd import new_hadamard_scratch

MAX_SEARCH = 500  # quarter pixels, a little inside MAX_MV
NEIGHBOUR_X = np.array([-1, 1, 0, 0, -1, -1, 1, 1], np.int64)
NEIGHBOUR_Y = np.array([0, 0, -1, 1, -1, 1, -1, 1], np.int64)


@compiled(fastmath=True)
def _search_reference(frame, ref, at, pred_x, pred_y, coarse, count, work):
    """The best vector into one reference: candidates, diamond, half and quarter pixels. The result is work.found.

    ref: 0 or 1. pred_x, pred_y: the predictor. coarse: (2,), of the coarse search. count: length of work.candidates.
    """
    whole = frame.phases1[0] if ref else frame.phases0[0]
    src, dist0, dist1, m = frame.luma, frame.refs.dist0, frame.refs.dist1, work.trial
    scratch = work.hadamard
    lam = frame.cost.lam
    slope = np.float32(0.9) * np.float32(math.sqrt(lam))
    lowest = np.float32(1e30)
    best_x = best_y = np.int64(0)
    # Candidates: predictor, zero, coarse search, merge list (scaled where it has only the other reference's vector).
    for k in range(3 + count):
        if k == 0:
            vx, vy = pred_x, pred_y
        elif k == 1:
            vx = vy = np.int64(0)
        elif k == 2:
            vx, vy = np.int64(coarse[0]), np.int64(coarse[1])
        else:
            c = work.candidates[k - 3]
            if c[PRED_FLAGS] & (1 << ref):
                vx, vy = c[2 * ref], c[2 * ref + 1]
            elif ref == 0:
                vx, vy = scale_mv(c[MV_X1], dist0, dist1), scale_mv(c[MV_Y1], dist0, dist1)
            else:
                vx, vy = scale_mv(c[MV_X0], dist1, dist0), scale_mv(c[MV_Y0], dist1, dist0)
        vx = min(max((vx + 2) & ~3, -MAX_SEARCH), MAX_SEARCH)
        vy = min(max((vy + 2) & ~3, -MAX_SEARCH), MAX_SEARCH)
        bits = slope * mvd_bits(vx - pred_x, vy - pred_y)
        s = absolute_difference(src, whole, at, vx, vy, lowest - bits) + bits
        if s < lowest:
            lowest, best_x, best_y = s, vx, vy
    for turn in range(16):
        next_x, next_y = best_x, best_y
        reach = 8 if turn == 0 else 4
        for k in range(8 if turn < 2 else 4):
            vx, vy = best_x + NEIGHBOUR_X[k] * reach, best_y + NEIGHBOUR_Y[k] * reach
            if abs(vx) > MAX_SEARCH or abs(vy) > MAX_SEARCH:
                continue
            bits = slope * mvd_bits(vx - pred_x, vy - pred_y)
            s = absolute_difference(src, whole, at, vx, vy, lowest - bits) + bits
            if s < lowest:
                lowest, next_x, next_y = s, vx, vy
        if next_x == best_x and next_y == best_y and turn > 0:
            break
        best_x, best_y = next_x, next_y
    # From here on by the Hadamard cost: the end of the diamond, the exact predictor, then half and quarter pixels.
    m[:] = 0
    m[PRED_FLAGS] = 1 << ref
    rate = np.float32(0.7) * lam
    lowest = np.float32(1e30)
    start_x, start_y = best_x, best_y
    for k in range(18):
        if k == 0:
            vx, vy = start_x, start_y
        elif k == 1:
            vx, vy = pred_x, pred_y
        else:
            if k == 2 or k == 10:
                start_x, start_y = best_x, best_y
            reach = 2 if k < 10 else 1
            vx = start_x + NEIGHBOUR_X[(k - 2) & 7] * reach
            vy = start_y + NEIGHBOUR_Y[(k - 2) & 7] * reach
        m[2 * ref], m[2 * ref + 1] = vx, vy
        s = vector_cost(frame, at, m, scratch) + rate * mvd_bits(vx - pred_x, vy - pred_y)
        if s < lowest:
            lowest, best_x, best_y = s, vx, vy
    work.found[0], work.found[1] = best_x, best_y


@compiled(fastmath=True)
def _refine_pair(frame, at, mirrored, pred_x, pred_y, centre, base, stop, work):
    """Improve the pair of vectors in centre (6,). Returns False if it costs more than `stop` from the start.

    mirrored: both move together, one mirrors the other in time. base: scratch (6,).
    """
    dist0, dist1 = frame.refs.dist0, frame.refs.dist1
    m = work.trial
    low = bi_cost(frame, at, centre, pred_x, pred_y, work.hadamard)
    if low > stop:
        return False
    for _ in range(2):
        changed = False
        for side in range(1 if mirrored else 2):
            base[:] = centre
            for k in range(8):
                m[:] = base
                if mirrored:
                    m[MV_X0] += NEIGHBOUR_X[k]
                    m[MV_Y0] += NEIGHBOUR_Y[k]
                    m[MV_X1] = scale_mv(m[MV_X0], dist1, dist0)
                    m[MV_Y1] = scale_mv(m[MV_Y0], dist1, dist0)
                else:
                    o = 2 * (1 - side)
                    m[o] += NEIGHBOUR_X[k]
                    m[o + 1] += NEIGHBOUR_Y[k]
                if max(abs(m[MV_X0]), abs(m[MV_Y0]), abs(m[MV_X1]), abs(m[MV_Y1])) > MAX_SEARCH:
                    continue
                s = bi_cost(frame, at, m, pred_x, pred_y, work.hadamard)
                if s < low:
                    low = s
                    centre[:] = m
                    changed = True
        if not changed:
            break
    return True


@compiled(fastmath=True)
def _search_block(frame, x8, y8, w8, best, work):
    """The best vector of one block into best (6,). Returns its cost. x8, y8, w8: in 8x8 blocks."""
    refs, lam, m, candidates, coded_mv = frame.refs, frame.cost.lam, work.trial, work.candidates, work.coded_mv
    dist0, dist1 = refs.dist0, refs.dist1
    n = merge_list(coded_mv, refs, x8, y8, w8, work.pricing_candidates)
    candidates[:] = work.pricing_candidates
    at = Square(np.int64(0), y8 * 8, x8 * 8, w8 * 8)
    lowest = np.float32(1e30)
    cost0 = cost1 = np.float32(1e30)
    fx = fy = gx = gy = pred_x = pred_y = np.int64(0)
    # One loop over all that is tried, so that the pricing is compiled into it once: the merge list, the best vector
    # into either reference, then both references from these two vectors and from the better one mirrored in time.
    # With a hint: the hint, then its first and its second vector alone.
    hint = frame.hint[y8, x8]
    for k in range(n + 4):
        if k < n:
            for j in range(MV_FIELDS):
                m[j] = candidates[k, j]
        elif hint[PRED_FLAGS]:
            flags = np.int64(hint[PRED_FLAGS])
            if k == n + 3 or (k > n and flags != PRED_BI):
                break
            for j in range(MV_FIELDS):
                m[j] = hint[j]
            m[PRED_FLAGS] = flags if k == n else k - n
        elif k < n + 2:
            ref = k - n
            # A block that its merge candidates predict to within a few bits needs no search.
            if (ref == 0 and lowest < lam * np.float32(6)) or (ref == 1 and not refs.bi_pred):
                return lowest
            axis = np.int64(0)
            vx = motion_vector_predictor(coded_mv, refs, x8, y8, w8, ref, axis)
            axis += 1
            vy = motion_vector_predictor(coded_mv, refs, x8, y8, w8, ref, axis)
            coarse = frame.coarse1 if ref else frame.coarse0
            _search_reference(frame, ref, at, vx, vy, coarse[y8 // 2, x8 // 2], n, work)
            m[:] = 0
            m[PRED_FLAGS] = 1 << ref
            m[2 * ref], m[2 * ref + 1] = work.found[0], work.found[1]
            if ref == 0:
                fx, fy, pred_x, pred_y = m[MV_X0], m[MV_Y0], vx, vy
            else:
                gx, gy = m[MV_X1], m[MV_Y1]
        else:
            mirrored = k == n + 3
            centre, base = candidates[6], candidates[7]
            centre[0], centre[1], centre[2], centre[3], centre[4], centre[5] = fx, fy, gx, gy, PRED_BI, 0
            if mirrored:
                if cost0 < cost1:
                    centre[MV_X1], centre[MV_Y1] = scale_mv(fx, dist1, dist0), scale_mv(fy, dist1, dist0)
                else:
                    centre[MV_X0], centre[MV_Y0] = scale_mv(gx, dist0, dist1), scale_mv(gy, dist0, dist1)
            stop = lowest * np.float32(1.25)
            if not _refine_pair(frame, at, mirrored, pred_x, pred_y, centre, base, stop, work):
                continue
            m[:] = centre
        s = priced_cost(frame, x8, y8, w8, m, work)
        if k == n:
            cost0 = s
        elif k == n + 1:
            cost1 = s
        if s < lowest:
            lowest = s
            best[:] = m
    return lowest


@compiled(fastmath=True)
def search_frame(ctx, frame, src, tokens):
    """Choose the motion of a frame: split, intra_mode and mv of tokens. ctx: a copy, adapted here.

    src: float32 (3, height, width).
    """
    split, intra_mode, mv = tokens.split, tokens.intra_mode, tokens.mv
    rows, columns = split.shape
    refs, cost_model = frame.refs, frame.cost
    lam, layer = cost_model.lam, refs.layer
    io = np.zeros(IO_SIZE, np.int64)
    coder = ContextCoder(io, np.zeros(1, np.uint8), ctx)
    coded_mv = np.zeros(mv.shape, np.int16)
    whole = np.zeros(MV_FIELDS, np.int64)
    quarters = np.zeros((4, MV_FIELDS), np.int64)
    scratch = new_hadamard_scratch()
    work = Work(
        coder, coded_mv, np.zeros(MV_FIELDS, np.int64), np.zeros(2, np.int64), np.zeros((8, MV_FIELDS), np.int64),
        np.zeros((8, MV_FIELDS), np.int64), scratch,
    )  # fmt: skip
    out = np.zeros((16, 16), np.float32)
    above = np.zeros(34, np.float32)
    left = np.zeros(34, np.float32)
    for ctu_y in range(rows):
        for ctu_x in range(columns):
            x8, y8 = 2 * ctu_x, 2 * ctu_y
            io[MODE] = PRICE
            intra_mode[ctu_y, ctu_x] = -1
            split[ctu_y, ctu_x] = 0
            at_split = cx.SPLIT + layer * 3 + count_neighbours(split, ctu_y, ctu_x)
            cost = np.float32(0)
            split_cost = lam * BITS * np.float32(price(ctx, at_split, 1))
            for k in range(5):  # the CTU as one block, then its quarters while they may be cheaper
                if k == 0:
                    cost = _search_block(frame, x8, y8, np.int64(2), whole, work)
                    cost += lam * BITS * np.float32(price(ctx, at_split, 0))
                    if cost <= lam * np.float32(20):
                        break
                else:
                    x, y = x8 + ((k - 1) & 1), y8 + ((k - 1) >> 1)
                    split_cost += _search_block(frame, x, y, np.int64(1), quarters[k - 1], work)
                    fill_mv(coded_mv, x, y, np.int64(1), quarters[k - 1])
                    if split_cost > cost:
                        break
                    if k == 4:
                        cost = split_cost
                        split[ctu_y, ctu_x] = 1
            for k in range(4):
                coded_mv[y8 + (k >> 1), x8 + (k & 1), PRED_FLAGS] = 0
            if cost > lam * np.float32(20):
                at = Square(np.int64(0), y8 * 8, x8 * 8, np.int64(16))
                cost_of_intra, mode = intra_cost(src, at, cost_model, above, left, out, scratch)
                at_intra = cx.INTRA + layer * 3 + count_intra_neighbours(intra_mode, ctu_y, ctu_x)
                bits = BITS * np.float32(price(ctx, at_intra, 1) - price(ctx, at_intra, 0)) + np.float32(4)
                if cost_of_intra * np.float32(1.1) + lam * bits < cost:
                    intra_mode[ctu_y, ctu_x] = mode
                    split[ctu_y, ctu_x] = 0
            for k in range(4):
                chosen = quarters[k] if split[ctu_y, ctu_x] else whole
                fill_mv(mv, x8 + (k & 1), y8 + (k >> 1), np.int64(1), chosen)
            io[MODE] = ADAPT
            code_ctu_motion(coder, refs, tokens, coded_mv, ctu_y, ctu_x, work.trial, work.pricing_candidates)
    mv[:] = coded_mv
