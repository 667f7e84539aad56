"""Where blocks come from: an open-loop search on the source for hints, and a closed-loop one per coding block."""

from __future__ import annotations

import numpy as np

from ....jit import compiled, compiled_inner
from ..recon.colour import PAD
from ..recon.inter import LUMA_TAPS
from .distortion import U, sad

FAR = np.int64(1 << 40)  # more than any vector costs
AROUND_X = np.array([-1, 1, 0, 0, -1, -1, 1, 1], np.int64)
AROUND_Y = np.array([0, 0, -1, 1, -1, 1, -1, 1], np.int64)
NEARLY_SAME = 3 * 64  # absolute differences of 8x8 pixels of the quarter picture: not worth a wide search


@compiled
def quarter_size(plane):
    """Mean over 4x4 pixels, uint8."""
    h, w = plane.shape[0] >> 2, plane.shape[1] >> 2
    out = np.empty((h, w), np.uint8)
    for y in range(h):
        for x in range(w):
            s = np.int32(8)
            for j in range(4):
                for i in range(4):
                    s += plane[4 * y + j, 4 * x + i]
            out[y, x] = s >> 4
    return out


@compiled_inner
def _bounded(position, v, size, n):
    return min(max(position + v, 0), size - n)


@compiled_inner
def _start(k, by, bx, found, before):
    """Vector k to start from: zero, that of a nearer reference, or of the block left, above, above right."""
    if k == 1:
        m = before[by, bx]
    elif k == 2 and bx > 0:
        m = found[by, bx - 1]
    elif k == 3 and by > 0:
        m = found[by - 1, bx]
    elif k == 4 and by > 0 and bx + 1 < found.shape[1]:
        m = found[by - 1, bx + 1]
    else:
        return np.int64(0), np.int64(0)
    return np.int64(m[0]), np.int64(m[1])


@compiled_inner
def _quarter_cost(src4, ref4, y, x, dy, dx, n):
    """Absolute differences and length of a vector in the quarter picture; FAR if it leaves the picture."""
    v, u = y + dy, x + dx
    if v < 0 or u < 0 or v > ref4.shape[0] - n or u > ref4.shape[1] - n:
        return FAR
    return sad(src4, y, x, ref4, v, u, n, np.int64(2)) + 2 * (abs(dx) + abs(dy))


@compiled_inner
def _coarse(src4, ref4, by, bx, found, before):
    """Vector of a 16x16 block in the quarter picture, in pixels of the whole one."""
    h4, w4 = src4.shape
    n = np.int64(8)
    y, x = min(max(4 * by - 2, 0), h4 - n), min(max(4 * bx - 2, 0), w4 - n)
    lowest, best_x, best_y = FAR, np.int64(0), np.int64(0)
    for k in range(5):
        cx, cy = _start(np.int64(k), by, bx, found, before)
        cx, cy = (cx + 2) >> 2, (cy + 2) >> 2
        dx, dy = _bounded(x, cx, w4, n) - x, _bounded(y, cy, h4, n) - y
        s = _quarter_cost(src4, ref4, y, x, dy, dx, n)
        if s < lowest:
            lowest, best_x, best_y = s, dx, dy
    if lowest > NEARLY_SAME:
        for dy in range(-5, 6):
            for dx in range(-7, 8):
                s = _quarter_cost(src4, ref4, y, x, np.int64(dy), np.int64(dx), n)
                if s < lowest:
                    lowest, best_x, best_y = s, dx, dy
    for _ in range(12):
        cx, cy = best_x, best_y
        for k in range(4):
            dx, dy = cx + AROUND_X[k], cy + AROUND_Y[k]
            s = _quarter_cost(src4, ref4, y, x, dy, dx, n)
            if s < lowest:
                lowest, best_x, best_y = s, dx, dy
        if cx == best_x and cy == best_y:
            break
    return 4 * best_x, 4 * best_y


@compiled
def search_hints(src, ref, src4, ref4, before, out):
    """Find whole-pixel vectors of 16x16 blocks of `src` in `ref`, both unpadded.

    out: int16 (rows, columns, 3), the vectors and half of the absolute differences. before: vectors to start from, for
    instance those of a nearer reference, scaled; zero where nothing is known.
    """
    h, w = src.shape
    n, step = min(16, h, w), np.int64(1)
    for by in range(out.shape[0]):
        for bx in range(out.shape[1]):
            y, x = min(16 * by, h - n), min(16 * bx, w - n)
            lowest, best_x, best_y = np.int64(1 << 40), np.int64(0), np.int64(0)
            for k in range(4):
                if k == 3 and min(src4.shape[0], src4.shape[1]) >= 8:
                    vx, vy = _coarse(src4, ref4, by, bx, out, before)
                else:
                    vx, vy = _start(np.int64(k), by, bx, out, before)
                v, u = _bounded(y, vy, h, n), _bounded(x, vx, w, n)
                s = sad(src, y, x, ref, v, u, n, step) + 4 * (abs(vx) + abs(vy) > 0)
                if s < lowest:
                    lowest, best_x, best_y = s, u - x, v - y
            for reach in (2, 1, 1):
                gx, gy = best_x, best_y
                for k in range(8):
                    vx, vy = gx + AROUND_X[k] * reach, gy + AROUND_Y[k] * reach
                    v, u = y + vy, x + vx
                    if v < 0 or u < 0 or v > h - n or u > w - n:
                        continue
                    s = sad(src, y, x, ref, v, u, n, step) + 4
                    if s < lowest:
                        lowest, best_x, best_y = s, vx, vy
            out[by, bx, 0], out[by, bx, 1], out[by, bx, 2] = best_x, best_y, lowest >> 1


@compiled_inner
def _columns(plane, y, left, right, phase, out):
    """One row filtered along x, unrounded."""
    t = LUMA_TAPS[phase]
    t0, t1, t2, t3, t4, t5, t6, t7 = t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7]
    s, o = plane[y, left - 3 : right + 4], out[left:right]
    for x in range(right - left):
        o[x] = (
            t0 * s[x] + t1 * s[x + 1] + t2 * s[x + 2] + t3 * s[x + 3]
            + t4 * s[x + 4] + t5 * s[x + 5] + t6 * s[x + 6] + t7 * s[x + 7]
        )  # fmt: skip


@compiled_inner
def _rows(tmp, y, left, right, phase, out):
    """One row filtered along y, rounded to pixels."""
    t = LUMA_TAPS[phase]
    t0, t1, t2, t3, t4, t5, t6, t7 = t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7]
    a0, a1, a2, a3 = tmp[y - 3], tmp[y - 2], tmp[y - 1], tmp[y]
    a4, a5, a6, a7 = tmp[y + 1], tmp[y + 2], tmp[y + 3], tmp[y + 4]
    for x in range(U(left), U(right)):
        s = np.int32(
            t0 * a0[x] + t1 * a1[x] + t2 * a2[x] + t3 * a3[x]
            + t4 * a4[x] + t5 * a5[x] + t6 * a6[x] + t7 * a7[x] + 2048
        )  # fmt: skip
        out[x] = min(max(s >> 12, 0), 255)


@compiled_inner
def _widen(plane, top, bottom, left, right):
    """Repeat the outermost pixels of a rectangle up to the plane's border."""
    h, w = plane.shape
    for y in range(top, bottom):
        row, first, last = plane[y], plane[y, left], plane[y, right - 1]
        for x in range(left):
            row[x] = first
        for x in range(U(right), U(w)):
            row[x] = last
    for y in range(h):
        if y < top or y >= bottom:
            row, same = plane[y], plane[top if y < top else bottom - 1]
            for x in range(w):
                row[x] = same[x]


@compiled
def quarter_phases(plane):
    """uint8 (16, H, W): the padded plane moved by every quarter-pixel phase, 4 * vertical + horizontal.

    Equal to what recon/inter.py predicts. Beyond the reach of the filters all is the repeated edge, and copied.
    """
    h, w = plane.shape
    top, bottom, left, right = PAD - 8, h - PAD + 8, PAD - 8, w - PAD + 8
    out = np.empty((16, h, w), np.uint8)
    tmp = np.empty((h, w), np.int16)
    for fx in range(4):
        for y in range(top - 3, bottom + 4):
            _columns(plane, y, left, right, fx, tmp[y])
        for y in range(top, bottom):
            o, a = out[fx, y], tmp[y]
            for x in range(U(left), U(right)):
                o[x] = min(max((np.int32(a[x]) + 32) >> 6, 0), 255)
            for fy in range(1, 4):
                _rows(tmp, y, left, right, fy, out[4 * fy + fx, y])
    for p in range(16):
        _widen(out[p], top, bottom, left, right)
    return out


@compiled_inner
def corner(phases, y, x, vx, vy, n):
    """Which phase, and where in it, a block moved by a vector starts."""
    h, w = phases.shape[1] - 2 * PAD, phases.shape[2] - 2 * PAD
    y0 = min(max(y + (vy >> 2), 4 - PAD), h + PAD - n - 5) + PAD
    x0 = min(max(x + (vx >> 2), 4 - PAD), w + PAD - n - 5) + PAD
    return 4 * (vy & 3) + (vx & 3), y0, x0


@compiled_inner
def vector_bits(dx, dy):
    """About how many bits a vector difference costs."""
    bits = 2
    a, b = abs(dx), abs(dy)
    while a:
        bits += 2
        a >>= 1
    while b:
        bits += 2
        b >>= 1
    return bits


@compiled_inner
def phase_sad(src, y, x, phases, vx, vy, n, stride):
    """Absolute differences for one vector."""
    p, v, u = corner(phases, y, x, vx, vy, n)
    return sad(src, y, x, phases[p], v, u, n, stride)
