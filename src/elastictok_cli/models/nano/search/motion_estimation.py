"""Motion search: the encoder's half of motion. Nothing here is needed to decode, so fastmath is allowed: another
machine may choose other vectors, and the file says which.

Per patch: candidates (merge list, median, zero, quarter-resolution full search, temporal), diamond by absolute
differences, then half and quarter pixels by a Hadamard-domain rate-distortion estimate. All on plane 0 (grey).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ....entropy.rangecoder import ADAPT, COST, IO_SIZE, MODE, PRICE, price
from ....jit import compiled
from ..recon.colour import PAD
from ..recon.intra import MODES, edges, predict
from ..syntax import contexts as cx
from ..syntax.motion import code_motion_patch, code_vector, fill, near_count, near_intra
from ..syntax.motion_vectors import merge_list, predicted_vector, scaled
from .satd import hadamard_cost, new_scratch

BITS = np.float32(1 / 256)  # a price in bits
LIMIT = 500  # quarter pixels, a little inside motion_syntax.VECTOR_LIMIT
AROUND_X = np.array([-1, 1, 0, 0, -1, -1, 1, 1], np.int64)
AROUND_Y = np.array([0, 0, -1, 1, -1, 1, -1, 1], np.int64)


@compiled
def quarter_size(plane, pad, out):
    """Mean over 4x4 pixels: the picture for the coarse search."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            s = np.float32(0)
            for j in range(4):
                for i in range(4):
                    s += plane[pad + 4 * y + j, pad + 4 * x + i]
            out[y, x] = s * np.float32(1 / 16)


@compiled(fastmath=True)
def coarse_search(src, ref, reach_y, reach_x, best):
    """Full search at quarter size: best[py, px] = (x, y) in quarter pixels, for the 8x8 window around each patch."""
    h, w = src.shape
    for py in range(best.shape[0]):
        for px in range(best.shape[1]):
            y0 = min(max(py * 4 - 2, 0), max(h - 8, 0))
            x0 = min(max(px * 4 - 2, 0), max(w - 8, 0))
            n, m = min(8, h), min(8, w)
            lowest = np.float32(1e30)
            for dy in range(-min(reach_y, y0), min(reach_y, h - n - y0) + 1):
                for dx in range(-min(reach_x, x0), min(reach_x, w - m - x0) + 1):
                    s = np.float32(0.6) * np.float32(abs(dx) + abs(dy))
                    for j in range(n):
                        t = np.float32(0)
                        for i in range(m):
                            t += abs(src[y0 + j, x0 + i] - ref[y0 + dy + j, x0 + dx + i])
                        s += t
                        if s >= lowest:
                            break
                    if s < lowest:
                        lowest = s
                        best[py, px, 0] = 16 * dx
                        best[py, px, 1] = 16 * dy


class Frame(NamedTuple):
    """What the search of one frame looks at. grey: (h, w); phases0, phases1: of its references, (16, H, W).

    hint: vectors that a full search found for another price of bits, int16 (fh, fw, 6), or all zero. Where it has one,
    that is tried in place of a search.
    """

    kind: int
    two: bool
    d0: int
    d1: int
    temporal: npt.NDArray[np.int16]
    grey: npt.NDArray[np.float32]
    phases0: npt.NDArray[np.float32]
    phases1: npt.NDArray[np.float32]
    coarse0: npt.NDArray[np.int64]
    coarse1: npt.NDArray[np.int64]
    hint: npt.NDArray[np.int16]
    lam: np.float32
    limit: np.float32
    gain: np.float32


class Prices(NamedTuple):
    """A coder that only prices or adapts, and the contexts it looks at."""

    io: npt.NDArray[np.int64]
    buf: npt.NDArray[np.uint8]
    ctx: npt.NDArray[np.uint16]


class Vectors(NamedTuple):
    """Working memory of the search of one block."""

    trial: npt.NDArray[np.int64]  # (6,)
    found: npt.NDArray[np.int64]  # (2,)
    candidates: npt.NDArray[np.int64]  # (8, 6), of the pricing
    list: npt.NDArray[np.int64]  # (8, 6), of the search


@compiled
def _corner(phases, y, x, vx, vy, n):
    h, w = phases.shape[1] - 2 * PAD, phases.shape[2] - 2 * PAD
    x0 = min(max(x + (vx >> 2), -PAD + 4), w + PAD - n - 5) + PAD
    y0 = min(max(y + (vy >> 2), -PAD + 4), h + PAD - n - 5) + PAD
    return 4 * (vy & 3) + (vx & 3), y0, x0


@compiled(fastmath=True)
def _one_difference(src, y, x, phase, y0, x0, d):
    """d (8, 8) = src - one prediction. Rows are sliced to a constant width: then the compiler vectorises them."""
    for j in range(8):
        a, b, out = src[y + j, x : x + 8], phase[y0 + j, x0 : x0 + 8], d[j, 0:8]
        for i in range(8):
            out[i] = a[i] - b[i]


@compiled(fastmath=True)
def _mean_difference(src, y, x, phase0, y0, x0, phase1, y1, x1, d):
    """d (8, 8) = src - the mean of two predictions."""
    half = np.float32(0.5)
    for j in range(8):
        a, b, out = src[y + j, x : x + 8], phase0[y0 + j, x0 : x0 + 8], d[j, 0:8]
        c = phase1[y1 + j, x1 : x1 + 8]
        for i in range(8):
            out[i] = a[i] - half * (b[i] + c[i])


@compiled(fastmath=True)
def vector_cost(frame, y, x, n, m, sc):
    """Hadamard estimate for predicting the n x n block at (y, x) with vector m."""
    src, d, limit, gain = frame.grey, sc.d, frame.limit, frame.gain
    uses = m[4]
    p, y0, x0 = _corner(frame.phases0, y, x, np.int64(m[0]), np.int64(m[1]), n)
    q, y1, x1 = _corner(frame.phases1, y, x, np.int64(m[2]), np.int64(m[3]), n)
    first, second = frame.phases0[p], frame.phases1[q]
    s = np.float32(0)
    for j in range(0, n, 8):
        for i in range(0, n, 8):
            if uses == 3:
                _mean_difference(src, y + j, x + i, first, y0 + j, x0 + i, second, y1 + j, x1 + i, d)
            elif uses == 1:
                _one_difference(src, y + j, x + i, first, y0 + j, x0 + i, d)
            else:
                _one_difference(src, y + j, x + i, second, y1 + j, x1 + i, d)
            s += hadamard_cost(sc, 0, 0, limit, gain)
    return s


@compiled(fastmath=True)
def _absolute(src, whole, y, x, n, vx, vy, stop):
    """Sum of absolute differences at a whole-pixel vector; gives up above `stop`."""
    h, w = whole.shape[0] - 2 * PAD, whole.shape[1] - 2 * PAD
    x0 = min(max(x + (vx >> 2), -PAD + 4), w + PAD - n - 5) + PAD
    y0 = min(max(y + (vy >> 2), -PAD + 4), h + PAD - n - 5) + PAD
    s = np.float32(0)
    for i in range(0, n, 8):
        for j in range(n):
            a, b = src[y + j, x + i : x + i + 8], whole[y0 + j, x0 + i : x0 + i + 8]
            for k in range(8):
                s += abs(a[k] - b[k])
        if s > stop:
            return s
    return s


@compiled(fastmath=True)
def _difference_bits(dx, dy):
    return np.float32(2) * (math.log2(np.float32(1 + abs(dx))) + math.log2(np.float32(1 + abs(dy))))


@compiled(fastmath=True)
def _one_reference(frame, ref, y, x, n, px, py, coarse, count, work, sc):
    """Best vector into one reference: candidates, diamond, half and quarter pixels. Result in work.found."""
    whole = frame.phases1[0] if ref else frame.phases0[0]
    src, d0, d1, m = frame.grey, frame.d0, frame.d1, work.trial
    slope = np.float32(0.9) * np.float32(math.sqrt(frame.lam))
    lowest = np.float32(1e30)
    best_x = best_y = np.int64(0)
    # candidates: prediction, zero, coarse, merge list (mirrored in time where it uses the other reference)
    for k in range(3 + count):
        if k == 0:
            vx, vy = px, py
        elif k == 1:
            vx = vy = np.int64(0)
        elif k == 2:
            vx, vy = np.int64(coarse[0]), np.int64(coarse[1])
        else:
            c = work.list[k - 3]
            if c[4] & (1 << ref):
                vx, vy = c[2 * ref], c[2 * ref + 1]
            elif ref == 0:
                vx, vy = scaled(c[2], d0, d1), scaled(c[3], d0, d1)
            else:
                vx, vy = scaled(c[0], d1, d0), scaled(c[1], d1, d0)
        vx = min(max((vx + 2) & ~3, -LIMIT), LIMIT)
        vy = min(max((vy + 2) & ~3, -LIMIT), LIMIT)
        bits = slope * _difference_bits(vx - px, vy - py)
        s = _absolute(src, whole, y, x, n, vx, vy, lowest - bits) + bits
        if s < lowest:
            lowest, best_x, best_y = s, vx, vy
    for turn in range(16):
        next_x, next_y = best_x, best_y
        reach = 8 if turn == 0 else 4
        for k in range(8 if turn < 2 else 4):
            vx, vy = best_x + AROUND_X[k] * reach, best_y + AROUND_Y[k] * reach
            if abs(vx) > LIMIT or abs(vy) > LIMIT:
                continue
            bits = slope * _difference_bits(vx - px, vy - py)
            s = _absolute(src, whole, y, x, n, vx, vy, lowest - bits) + bits
            if s < lowest:
                lowest, next_x, next_y = s, vx, vy
        if next_x == best_x and next_y == best_y and turn > 0:
            break
        best_x, best_y = next_x, next_y
    # Now by the Hadamard estimate: where the diamond ended, the prediction as it is, then half and quarter pixels.
    m[:] = 0
    m[4] = 1 << ref
    rate = np.float32(0.7) * frame.lam
    lowest = np.float32(1e30)
    start_x, start_y = best_x, best_y
    for k in range(18):
        if k == 0:
            vx, vy = start_x, start_y
        elif k == 1:
            vx, vy = px, py
        else:
            if k == 2 or k == 10:
                start_x, start_y = best_x, best_y
            reach = 2 if k < 10 else 1
            vx = start_x + AROUND_X[(k - 2) & 7] * reach
            vy = start_y + AROUND_Y[(k - 2) & 7] * reach
        m[2 * ref], m[2 * ref + 1] = vx, vy
        s = vector_cost(frame, y, x, n, m, sc) + rate * _difference_bits(vx - px, vy - py)
        if s < lowest:
            lowest, best_x, best_y = s, vx, vy
    work.found[0], work.found[1] = best_x, best_y


@compiled(fastmath=True)
def _both_cost(frame, y, x, n, m, px, py, sc):
    """Cost of a vector pair with a rough price: to the prediction, and of the second to the first mirrored."""
    bits = _difference_bits(m[0] - px, m[1] - py)
    bits += _difference_bits(m[2] - scaled(m[0], frame.d1, frame.d0), m[3] - scaled(m[1], frame.d1, frame.d0))
    return vector_cost(frame, y, x, n, m, sc) + np.float32(0.7) * frame.lam * bits


@compiled(fastmath=True)
def _priced(frame, prices, field, bx, by, w, m, work, sc):
    """Estimated cost of vector m with its true price."""
    io = prices.io
    io[COST] = 0
    code_vector(
        io, prices.buf, prices.ctx, frame.kind, frame.two, frame.d0, frame.d1, field, frame.temporal, bx, by, w, m,
        work.candidates,
    )  # fmt: skip
    return vector_cost(frame, by * 8, bx * 8, w * 8, m, sc) + frame.lam * BITS * np.float32(io[COST])


@compiled(fastmath=True)
def _refine_both(frame, y, x, n, mirrored, px, py, centre, base, stop, work, sc):
    """Improve the vector pair in centre (6,), both together where one mirrors the other. Returns whether it may pay."""
    m = work.trial
    low = _both_cost(frame, y, x, n, centre, px, py, sc)
    if low > stop:
        return False
    for _ in range(2):
        changed = False
        for side in range(1 if mirrored else 2):
            base[:] = centre
            for k in range(8):
                m[:] = base
                if mirrored:
                    m[0] += AROUND_X[k]
                    m[1] += AROUND_Y[k]
                    m[2] = scaled(m[0], frame.d1, frame.d0)
                    m[3] = scaled(m[1], frame.d1, frame.d0)
                else:
                    o = 2 * (1 - side)
                    m[o] += AROUND_X[k]
                    m[o + 1] += AROUND_Y[k]
                if max(abs(m[0]), abs(m[1]), abs(m[2]), abs(m[3])) > LIMIT:
                    continue
                s = _both_cost(frame, y, x, n, m, px, py, sc)
                if s < low:
                    low = s
                    centre[:] = m
                    changed = True
        if not changed:
            break
    return True


@compiled(fastmath=True)
def _block(frame, prices, field, bx, by, w, best, work, sc):
    """Best vector for one block into best (6,); returns its cost."""
    d0, d1, m, listed = frame.d0, frame.d1, work.trial, work.list
    n = merge_list(field, frame.temporal, frame.two, bx, by, w, work.candidates)
    listed[:] = work.candidates
    y, x, size = by * 8, bx * 8, w * 8
    lowest = np.float32(1e30)
    cost0 = cost1 = np.float32(1e30)
    fx = fy = gx = gy = px = py = np.int64(0)
    # One loop over all that is tried, so that the compiler sees the pricing once: the merge list, then the best vector
    # into either reference, then both references from these two vectors and from the better one mirrored in time. With
    # a hint: that, then its first and its second vector alone.
    hint = frame.hint[by, bx]
    for k in range(n + 4):
        if k < n:
            for j in range(6):
                m[j] = listed[k, j]
        elif hint[4]:
            uses = np.int64(hint[4])
            if k == n + 3 or (k > n and uses != 3):
                break
            for j in range(6):
                m[j] = hint[j]
            m[4] = uses if k == n else k - n
        elif k < n + 2:
            ref = k - n
            # What the neighbours' vectors predict to within a few bits needs no search.
            if (ref == 0 and lowest < frame.lam * np.float32(6)) or (ref == 1 and not frame.two):
                return lowest
            axis = np.int64(0)
            vx = predicted_vector(field, frame.temporal, bx, by, w, ref, axis, d0, d1)
            axis += 1
            vy = predicted_vector(field, frame.temporal, bx, by, w, ref, axis, d0, d1)
            coarse = frame.coarse1 if ref else frame.coarse0
            _one_reference(frame, ref, y, x, size, vx, vy, coarse[by // 2, bx // 2], n, work, sc)
            m[:] = 0
            m[4] = 1 << ref
            m[2 * ref], m[2 * ref + 1] = work.found[0], work.found[1]
            if ref == 0:
                fx, fy, px, py = m[0], m[1], vx, vy
            else:
                gx, gy = m[2], m[3]
        else:
            mirrored = k == n + 3
            centre, base = listed[6], listed[7]
            centre[0], centre[1], centre[2], centre[3], centre[4], centre[5] = fx, fy, gx, gy, 3, 0
            if mirrored:
                if cost0 < cost1:
                    centre[2], centre[3] = scaled(fx, d1, d0), scaled(fy, d1, d0)
                else:
                    centre[0], centre[1] = scaled(gx, d0, d1), scaled(gy, d0, d1)
            stop = lowest * np.float32(1.25)
            if not _refine_both(frame, y, x, size, mirrored, px, py, centre, base, stop, work, sc):
                continue
            m[:] = centre
        s = _priced(frame, prices, field, bx, by, w, m, work, sc)
        if k == n:
            cost0 = s
        elif k == n + 1:
            cost1 = s
        if s < lowest:
            lowest = s
            best[:] = m
    return lowest


@compiled(fastmath=True)
def _intra_cost(src3, y, x, limit, gain, above, left, out, sc):
    """Estimate of the best intra mode from source pixels (the decoded ones are not there yet): (cost, mode)."""
    edges(src3, 0, y, x, 16, above, left)
    lowest = np.float32(1e30)
    mode = 0
    for k in range(MODES):
        predict(above, left, 16, k, out)
        for j in range(16):
            for i in range(16):
                sc.d[j, i] = src3[0, y + j, x + i] - out[j, i]
        s = np.float32(0)
        for j in range(0, 16, 8):
            for i in range(0, 16, 8):
                s += hadamard_cost(sc, j, i, limit, gain)
        if s < lowest:
            lowest = s
            mode = k
    return lowest, mode


@compiled(fastmath=True)
def search_frame(ctx, frame, src, split, intra, mv):
    """Choose the motion of a frame. ctx: a copy that adapts here. src: float32 (3, h, w). Fills split, intra, mv."""
    ph, pw = split.shape
    prices = Prices(np.zeros(IO_SIZE, np.int64), np.zeros(1, np.uint8), ctx)
    io, lam, kind = prices.io, frame.lam, frame.kind
    field = np.zeros(mv.shape, np.int16)
    whole = np.zeros(6, np.int64)
    quarters = np.zeros((4, 6), np.int64)
    work = Vectors(np.zeros(6, np.int64), np.zeros(2, np.int64), np.zeros((8, 6), np.int64), np.zeros((8, 6), np.int64))
    sc = new_scratch()
    out = np.zeros((16, 16), np.float32)
    above = np.zeros(34, np.float32)
    left = np.zeros(34, np.float32)
    for py in range(ph):
        for px in range(pw):
            bx, by = 2 * px, 2 * py
            io[MODE] = PRICE
            intra[py, px] = -1
            split[py, px] = 0
            at_split = cx.SPLIT + kind * 3 + near_count(split, py, px)
            cost = np.float32(0)
            low = lam * BITS * np.float32(price(ctx, at_split, 1))
            for k in range(5):  # the whole patch, then its quarters while they may be cheaper
                if k == 0:
                    cost = _block(frame, prices, field, bx, by, np.int64(2), whole, work, sc)
                    cost += lam * BITS * np.float32(price(ctx, at_split, 0))
                    if cost <= lam * np.float32(20):
                        break
                else:
                    x, y = bx + ((k - 1) & 1), by + ((k - 1) >> 1)
                    low += _block(frame, prices, field, x, y, np.int64(1), quarters[k - 1], work, sc)
                    fill(field, x, y, np.int64(1), quarters[k - 1])
                    if low > cost:
                        break
                    if k == 4:
                        cost = low
                        split[py, px] = 1
            for k in range(4):
                field[by + (k >> 1), bx + (k & 1), 4] = 0
            if cost > lam * np.float32(20):
                intra_cost, mode = _intra_cost(src, by * 8, bx * 8, frame.limit, frame.gain, above, left, out, sc)
                at_intra = cx.INTRA + kind * 3 + near_intra(intra, py, px)
                bits = BITS * np.float32(price(ctx, at_intra, 1) - price(ctx, at_intra, 0)) + np.float32(4)
                if intra_cost * np.float32(1.1) + lam * bits < cost:
                    intra[py, px] = mode
                    split[py, px] = 0
            for k in range(4):
                chosen = quarters[k] if split[py, px] else whole
                fill(mv, bx + (k & 1), by + (k >> 1), np.int64(1), chosen)
            io[MODE] = ADAPT
            code_motion_patch(
                io, prices.buf, ctx, kind, frame.two, frame.d0, frame.d1, frame.temporal, split, intra, mv, field,
                py, px, work.trial, work.candidates,
            )  # fmt: skip
    mv[:] = field
