"""Motion compensation: blocks of any size from padded references, luma by 8 taps, chroma by 4 (ITU-T H.265).

Both predictions of a block are rounded to 8 bits before their mean is taken.
"""

from __future__ import annotations

import numpy as np

from ....jit import compiled_inner
from .colour import PAD

LUMA_TAPS = np.array(
    [
        [0, 0, 0, 64, 0, 0, 0, 0],
        [-1, 4, -10, 58, 17, -5, 1, 0],
        [-1, 4, -11, 40, 40, -11, 4, -1],
        [0, 1, -5, 17, 58, -10, 4, -1],
    ],
    np.int32,
)
CHROMA_TAPS = np.array(
    [
        [0, 64, 0, 0],
        [-2, 58, 10, -2],
        [-4, 54, 16, -2],
        [-6, 46, 28, -4],
        [-4, 36, 36, -4],
        [-4, 28, 46, -6],
        [-2, 16, 54, -4],
        [-2, 10, 58, -2],
    ],
    np.int32,
)


@compiled_inner
def block_origin(position, v, size, pad, n, margin):
    """Where a block starts in a padded plane: held at the border, where everything is the repeated edge."""
    return min(max(position + v, margin - pad), size + pad - n - margin - 1) + pad


@compiled_inner
def _copy(src, y0, x0, n, out):
    for j in range(n):
        o, s = out[j], src[y0 + j, x0 : x0 + n]
        for i in range(n):
            o[i] = s[i]


@compiled_inner
def _luma_columns(s, n, t, scale, o):
    """One row filtered along x, unrounded, into o."""
    t0, t1, t2, t3, t4, t5, t6, t7 = t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7]
    for i in range(n):
        o[i] = (
            t0 * s[i] + t1 * s[i + 1] + t2 * s[i + 2] + t3 * s[i + 3]
            + t4 * s[i + 4] + t5 * s[i + 5] + t6 * s[i + 6] + t7 * s[i + 7]
        )  # fmt: skip


@compiled_inner
def fetch_luma(ref, y, x, vx, vy, n, out, tmp):
    """out[:n, :n] = the block at (y, x) of the padded reference, moved by (vx, vy) quarter pixels. tmp: int16."""
    y0 = block_origin(y, vy >> 2, ref.shape[0] - 2 * PAD, PAD, n, 4)
    x0 = block_origin(x, vx >> 2, ref.shape[1] - 2 * PAD, PAD, n, 4)
    fx, fy = vx & 3, vy & 3
    if fx == 0 and fy == 0:
        _copy(ref, y0, x0, n, out)
        return
    first, rows = (-3, n + 7) if fy else (0, n)
    for j in range(rows):
        _luma_columns(ref[y0 + first + j, x0 - 3 : x0 + n + 5], n, LUMA_TAPS[fx], 0, tmp[j])
    if fy == 0:
        for j in range(n):
            o, a = out[j], tmp[j]
            for i in range(n):
                o[i] = min(max((np.int32(a[i]) + 32) >> 6, 0), 255)
        return
    t = LUMA_TAPS[fy]
    t0, t1, t2, t3, t4, t5, t6, t7 = t[0], t[1], t[2], t[3], t[4], t[5], t[6], t[7]
    for j in range(n):
        a0, a1, a2, a3 = tmp[j], tmp[j + 1], tmp[j + 2], tmp[j + 3]
        a4, a5, a6, a7 = tmp[j + 4], tmp[j + 5], tmp[j + 6], tmp[j + 7]
        o = out[j]
        for i in range(n):
            s = np.int32(
                t0 * a0[i] + t1 * a1[i] + t2 * a2[i] + t3 * a3[i]
                + t4 * a4[i] + t5 * a5[i] + t6 * a6[i] + t7 * a7[i] + 2048
            )  # fmt: skip
            o[i] = min(max(s >> 12, 0), 255)


@compiled_inner
def fetch_chroma(ref, half, y, x, vx, vy, n, out, tmp):
    """The same of a chroma plane; y, x in its own pixels, (vx, vy) in quarter pixels of luma."""
    pad = PAD >> half
    shift = 2 + half
    mask = (1 << shift) - 1
    y0 = block_origin(y, vy >> shift, (ref.shape[0] - 2 * PAD) >> half, pad, n, 2)
    x0 = block_origin(x, vx >> shift, (ref.shape[1] - 2 * PAD) >> half, pad, n, 2)
    fx, fy = (vx & mask) << (1 - half), (vy & mask) << (1 - half)
    if fx == 0 and fy == 0:
        _copy(ref, y0, x0, n, out)
        return
    t = CHROMA_TAPS[fx]
    t0, t1, t2, t3 = t[0], t[1], t[2], t[3]
    for j in range(n + 3):
        s, o = ref[y0 - 1 + j, x0 - 1 : x0 + n + 2], tmp[j]
        for i in range(n):
            o[i] = t0 * s[i] + t1 * s[i + 1] + t2 * s[i + 2] + t3 * s[i + 3]
    t = CHROMA_TAPS[fy]
    t0, t1, t2, t3 = t[0], t[1], t[2], t[3]
    for j in range(n):
        a0, a1, a2, a3, o = tmp[j], tmp[j + 1], tmp[j + 2], tmp[j + 3], out[j]
        for i in range(n):
            s = np.int32(t0 * a0[i] + t1 * a1[i] + t2 * a2[i] + t3 * a3[i] + 2048)
            o[i] = min(max(s >> 12, 0), 255)


@compiled_inner
def average(out, other, n):
    """Out = the mean of both, rounded up."""
    for j in range(n):
        o, a = out[j], other[j]
        for i in range(n):
            o[i] = (np.int32(o[i]) + np.int32(a[i]) + 1) >> 1


@compiled_inner
def predict_inter(refs0, refs1, plane, half, y, x, n, m, out, other, tmp):
    """Prediction of an n x n block of one plane by the vector m (6,): out[:n, :n]. y, x: in pixels of the plane."""
    uses = np.int64(m[4])
    v0x, v0y, v1x, v1y = np.int64(m[0]), np.int64(m[1]), np.int64(m[2]), np.int64(m[3])
    if plane == 0:
        if uses & 1:
            fetch_luma(refs0[0], y, x, v0x, v0y, n, out, tmp)
            if uses & 2:
                fetch_luma(refs1[0], y, x, v1x, v1y, n, other, tmp)
        else:
            fetch_luma(refs1[0], y, x, v1x, v1y, n, out, tmp)
    elif uses & 1:
        fetch_chroma(refs0[plane], half, y, x, v0x, v0y, n, out, tmp)
        if uses & 2:
            fetch_chroma(refs1[plane], half, y, x, v1x, v1y, n, other, tmp)
    else:
        fetch_chroma(refs1[plane], half, y, x, v1x, v1y, n, out, tmp)
    if uses == 3:
        average(out, other, n)
