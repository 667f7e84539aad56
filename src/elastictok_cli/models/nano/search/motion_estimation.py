"""Where blocks come from: an open-loop search on the source for hints, and a closed-loop one per coding block."""

from __future__ import annotations

import numpy as np

from ....jit import compiled, compiled_inner
from ..recon.colour import PAD
from ..recon.inter import LUMA_TAPS
from .distortion import sad

AROUND_X = np.array([-1, 1, 0, 0, -1, -1, 1, 1], np.int64)
AROUND_Y = np.array([0, 0, -1, 1, -1, 1, -1, 1], np.int64)


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


@compiled
def search_hints(src, ref, src4, ref4, before, out):
    """Find whole-pixel vectors of 16x16 blocks of `src` in `ref`, both unpadded.

    out: int16 (rows, columns, 3), the vectors and half of the absolute differences. before: vectors to start from, for
    instance those of a nearer reference, scaled; zero where nothing is known.
    """
    h, w = src.shape
    h4, w4 = src4.shape
    one, two = np.int64(1), np.int64(2)  # variables: a literal would be compiled apart
    n4 = min(8, h4, w4)
    n = min(16, h, w)
    for by in range(out.shape[0]):
        for bx in range(out.shape[1]):
            y4, x4 = min(max(4 * by - 2, 0), h4 - n4), min(max(4 * bx - 2, 0), w4 - n4)
            lowest, best_x, best_y = np.int64(1 << 40), np.int64(0), np.int64(0)
            # around zero, then around what neighbours and a nearer reference found
            for dy in range(-5, 6):
                for dx in range(-7, 8):
                    v, u = y4 + dy, x4 + dx
                    if v < 0 or u < 0 or v > h4 - n4 or u > w4 - n4:
                        continue
                    s = sad(src4, y4, x4, ref4, v, u, n4, two) + 2 * (abs(dx) + abs(dy))
                    if s < lowest:
                        lowest, best_x, best_y = s, dx, dy
            for k in range(4):
                if k == 0 and bx > 0:
                    m = out[by, bx - 1]
                elif k == 1 and by > 0:
                    m = out[by - 1, bx]
                elif k == 2 and by > 0 and bx + 1 < out.shape[1]:
                    m = out[by - 1, bx + 1]
                elif k == 3:
                    m = before[by, bx]
                else:
                    continue
                cx, cy = (np.int64(m[0]) + 2) >> 2, (np.int64(m[1]) + 2) >> 2
                moved = True
                for turn in range(12):
                    if not moved:
                        break
                    moved = False
                    gx, gy = cx, cy
                    for j in range(-1, 5):
                        dx, dy = (gx, gy) if j < 0 else (gx, gy)
                        if j >= 0:
                            if j == 4:
                                break
                            dx, dy = gx + AROUND_X[j], gy + AROUND_Y[j]
                        elif turn > 0:
                            continue
                        v, u = y4 + dy, x4 + dx
                        if v < 0 or u < 0 or v > h4 - n4 or u > w4 - n4:
                            continue
                        s = sad(src4, y4, x4, ref4, v, u, n4, two) + 2 * (abs(dx) + abs(dy))
                        if s < lowest:
                            lowest, best_x, best_y = s, dx, dy
                            cx, cy, moved = dx, dy, True
            y, x = min(16 * by, h - n), min(16 * bx, w - n)
            lowest = np.int64(1 << 40)
            start_x, start_y = 4 * best_x, 4 * best_y
            best_x = best_y = np.int64(0)
            for k in range(4):
                vx, vy = start_x, start_y
                if k == 1:
                    vx, vy = np.int64(0), np.int64(0)
                elif k == 2 and bx > 0:
                    vx, vy = np.int64(out[by, bx - 1, 0]), np.int64(out[by, bx - 1, 1])
                elif k == 3:
                    vx, vy = np.int64(before[by, bx, 0]), np.int64(before[by, bx, 1])
                v, u = _bounded(y, vy, h, n), _bounded(x, vx, w, n)
                s = sad(src, y, x, ref, v, u, n, one) + 4 * (abs(vx) + abs(vy) > 0)
                if s < lowest:
                    lowest, best_x, best_y = s, u - x, v - y
            for reach in (2, 1, 1):
                gx, gy = best_x, best_y
                for k in range(8):
                    vx, vy = gx + AROUND_X[k] * reach, gy + AROUND_Y[k] * reach
                    v, u = y + vy, x + vx
                    if v < 0 or u < 0 or v > h - n or u > w - n:
                        continue
                    s = sad(src, y, x, ref, v, u, n, one) + 4
                    if s < lowest:
                        lowest, best_x, best_y = s, vx, vy
            out[by, bx, 0], out[by, bx, 1], out[by, bx, 2] = best_x, best_y, lowest >> 1


@compiled
def _rows(src, tmp, phase, out):
    t = LUMA_TAPS[phase]
    t0, t1, t2, t3, t4, t5, t6, t7 = t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7]
    h, w = out.shape
    out[:] = src
    for y in range(3, h - 4):
        a0, a1, a2, a3 = tmp[y - 3], tmp[y - 2], tmp[y - 1], tmp[y]
        a4, a5, a6, a7 = tmp[y + 1], tmp[y + 2], tmp[y + 3], tmp[y + 4]
        o = out[y]
        for x in range(w):
            s = np.int32(
                t0 * a0[x] + t1 * a1[x] + t2 * a2[x] + t3 * a3[x]
                + t4 * a4[x] + t5 * a5[x] + t6 * a6[x] + t7 * a7[x] + 2048
            )  # fmt: skip
            o[x] = min(max(s >> 12, 0), 255)


@compiled
def quarter_phases(plane):
    """uint8 (16, H, W): the padded plane moved by every quarter-pixel phase, 4 * vertical + horizontal.

    Equal to what recon/inter.py predicts, away from the outermost pixels.
    """
    h, w = plane.shape
    out = np.empty((16, h, w), np.uint8)
    tmp = np.zeros((h, w), np.int16)
    for fx in range(4):
        t = LUMA_TAPS[fx]
        t0, t1, t2, t3, t4, t5, t6, t7 = t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7]
        for y in range(h):
            s, o = plane[y], tmp[y]
            for x in range(3):
                o[x] = np.int16(s[x]) << 6
            for x in range(w - 4, w):
                o[x] = np.int16(s[x]) << 6
            for x in range(w - 7):
                o[x + 3] = (
                    t0 * s[x] + t1 * s[x + 1] + t2 * s[x + 2] + t3 * s[x + 3]
                    + t4 * s[x + 4] + t5 * s[x + 5] + t6 * s[x + 6] + t7 * s[x + 7]
                )  # fmt: skip
        for y in range(h):
            o, a = out[fx, y], tmp[y]
            for x in range(w):
                o[x] = min(max((np.int32(a[x]) + 32) >> 6, 0), 255)
        for fy in range(1, 4):
            _rows(out[fx], tmp, fy, out[4 * fy + fx])
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
