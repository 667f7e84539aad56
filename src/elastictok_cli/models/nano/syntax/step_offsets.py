"""Offsets of the quantiser step, one a CTU: finer where later frames copy from, coarser where nothing does.

offsets: int8 (rows, columns) of CTUs, in quarters of an octave. Leaves, which no frame refers to, have none. An offset
is said before the first levels of its CTU. A CTU without levels has the one that its neighbours predict.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ....entropy.mixing import code
from ....jit import compiled, compiled_inner
from . import contexts as cx
from .coefficients import any_level
from .hierarchy import LEAF

MOST = 3  # an offset is from -MOST to MOST
PER_OCTAVE = 4
SIDE = 64  # of a CTU

Offsets = npt.NDArray[np.int8]


def new_offsets(height: int, width: int) -> Offsets:
    """No offset anywhere. height, width: in pixels."""
    return np.zeros((-(-height // SIDE), -(-width // SIDE)), np.int8)


@compiled_inner
def predicted_offset(offsets, y, x):
    """What the neighbours of a CTU make likely: the median of left, above and the plane through both."""
    if x == 0:
        return np.int64(offsets[y - 1, 0]) if y > 0 else np.int64(0)
    left = np.int64(offsets[y, x - 1])
    if y == 0:
        return left
    above, corner = np.int64(offsets[y - 1, x]), np.int64(offsets[y - 1, x - 1])
    return max(min(left, above), min(max(left, above), left + above - corner))


@compiled_inner
def _offset_bit(coder, group, at, near, weights, bit):
    coder.active[0] = cx.OFFSET0 + group * 8 + at
    coder.active[1] = cx.OFFSET1 + near * 8 + at
    return code(coder, cx.W_OFFSET + weights, np.int64(2), bit)


@compiled_inner
def code_offset(coder, kind, offsets, y, x, value):
    """The offset of the CTU at (y, x) as a difference: zero flag, sign, unary."""
    if kind == LEAF:
        return np.int64(0)
    predicted = predicted_offset(offsets, y, x)
    left = np.int64(offsets[y, x - 1]) if x > 0 else np.int64(0)
    above = np.int64(offsets[y - 1, x]) if y > 0 else np.int64(0)
    group = kind * 3 + min(abs(left - above), 2)
    near = predicted + MOST
    rest = value - predicted
    if not _offset_bit(coder, group, np.int64(0), near, np.int64(0), np.int64(1 if rest else 0)):
        return predicted
    negative = _offset_bit(coder, group, np.int64(1), near, np.int64(1), np.int64(1 if rest < 0 else 0))
    size = np.int64(1)
    while size < 2 * MOST and _offset_bit(
        coder, group, 1 + size, near, np.int64(2), np.int64(1 if abs(rest) > size else 0)
    ):
        size += 1
    return min(max(predicted - size if negative else predicted + size, -MOST), MOST)


@compiled
def has_residual(levels, half, y, x):
    """Whether the CTU at (y, x) has levels. levels: int16 (3, h, w)."""
    for plane in range(3):
        shift = half if plane else 0
        top, bottom = SIDE * y >> shift, min(SIDE * (y + 1), levels.shape[1]) >> shift
        left, right = SIDE * x >> shift, min(SIDE * (x + 1), levels.shape[2]) >> shift
        if any_level(levels[plane], top, left, bottom - top, right - left):
            return True
    return False


@compiled
def settle_offsets(levels, half, kind, offsets):
    """Give CTUs that say no offset the one that is then understood."""
    for y in range(offsets.shape[0]):
        for x in range(offsets.shape[1]):
            if kind == LEAF:
                offsets[y, x] = 0
            elif not has_residual(levels, half, y, x):
                offsets[y, x] = predicted_offset(offsets, y, x)


@compiled
def count_said(levels, half, offsets):
    """How many CTUs of a frame say an offset that is not 0."""
    n = 0
    for y in range(offsets.shape[0]):
        for x in range(offsets.shape[1]):
            if offsets[y, x] != 0 and has_residual(levels, half, y, x):
                n += 1
    return n
