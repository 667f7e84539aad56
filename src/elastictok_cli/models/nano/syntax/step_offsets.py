"""Offsets of the quantiser step, one a CTU: finer where later frames copy from, coarser where nothing does.

offsets: int8 (rows, columns) of CTUs, in quarters of an octave. Leaves have none. A CTU of skipped blocks says nothing and
has the offset that its neighbours predict.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ....entropy.mixing import code
from ....jit import compiled_inner
from . import contexts as cx
from .hierarchy import LEAF

MOST = 7  # an offset is from -MOST to MOST
PER_OCTAVE = 4

Offsets = npt.NDArray[np.int8]


def new_offsets(height: int, width: int) -> Offsets:
    """No offset anywhere. height, width: in pixels."""
    return np.zeros((-(-height // 64), -(-width // 64)), np.int8)


@compiled_inner
def predicted_offset(offsets, y, x):
    """What the neighbours of a CTU make likely."""
    if x == 0:
        return np.int64(offsets[y - 1, 0]) if y > 0 else np.int64(0)
    left = np.int64(offsets[y, x - 1])
    if y == 0:
        return left
    above, corner = np.int64(offsets[y - 1, x]), np.int64(offsets[y - 1, x - 1])
    # the median of both and of the plane through them
    return max(min(left, above), min(max(left, above), left + above - corner))


@compiled_inner
def code_offset(coder, frame, offsets, y, x, value):
    """The offset of the CTU at (y, x)."""
    if frame.kind == LEAF:
        return np.int64(0)
    predicted = predicted_offset(offsets, y, x)
    left = np.int64(offsets[y, x - 1]) if x > 0 else np.int64(0)
    above = np.int64(offsets[y - 1, x]) if y > 0 else np.int64(0)
    unlike = min(abs(left - above), 2)
    rest = value - predicted
    active = coder.active
    active[0] = cx.OFFSET0 + (frame.kind * 3 + unlike) * 16
    active[1] = cx.OFFSET1 + (min(max(predicted, -4), 4) + 4) * 16
    active[2] = cx.OFFSET2 + frame.quality * 16
    if not code(coder, cx.W_OFFSET, np.int64(3), np.int64(1 if rest else 0)):
        return predicted
    for k in range(3):
        active[k] += 1
    negative = code(coder, cx.W_OFFSET + 1, np.int64(3), np.int64(1 if rest < 0 else 0))
    size = np.int64(1)
    while size < 2 * MOST:
        for k in range(3):
            active[k] += 1 if size < 12 else 0
        if not code(coder, cx.W_OFFSET + 2, np.int64(3), np.int64(1 if abs(rest) > size else 0)):
            break
        size += 1
    return min(max(predicted - size if negative else predicted + size, -MOST), MOST)
