"""Pack the PTS of a GOP in a few bytes (docs/format.md, "GOP").

Nearly every video has a constant frame rate, in a time base that may not divide it (24 fps in milliseconds: 42, 41,
42, 42 ...). These PTS are points on a straight line, rounded down, and one number, the phase, selects the line. All
other PTS are stored as runs of equal second differences.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np

from .fields import Cursor, sint, uint, unzigzag, zigzag
from .format import MAX_PTS, Header, PtsArray

MAX_TICKS = 1 << 40  # of a slope: products with a frame number stay below 2^63


def _slope(header: Header) -> Fraction | None:
    """Return the ticks between two frames by the average frame rate, None if unknown."""
    if header.frame_rate is None:
        return None
    slope = 1 / (header.frame_rate * header.time_base)
    return slope if slope.numerator < MAX_TICKS and slope.denominator < MAX_TICKS else None


def _phase(pts: PtsArray, slope: Fraction) -> int | None:
    """Return the least phase in 0 .. denominator - 1 of the line on which the PTS lie, None if they lie on none.

    floor((phase + i * numerator) / denominator) = pts[i] - pts[0], with the numerator and denominator of `slope`.
    """
    low, high = 0, slope.denominator
    for i, tick in enumerate(pts.tolist()):
        on_line = (tick - int(pts[0])) * slope.denominator - i * slope.numerator
        low, high = max(low, on_line), min(high, on_line + slope.denominator)
        if low >= high:
            return None
    return low


def pack_pts(pts: PtsArray, header: Header) -> bytes:
    """Pack PTS: int64 (frames,), at least one, rising. Raises ValueError for others."""
    if max(abs(int(pts.max())), abs(int(pts.min()))) > MAX_PTS:
        raise ValueError(f"a PTS of {pts.max()} or {pts.min()} is out of range")
    if (pts[1:] <= pts[:-1]).any():
        raise ValueError("the PTS do not rise")
    slope = _slope(header)
    phase = _phase(pts, slope) if slope is not None else None
    if phase is not None:
        return sint(int(pts[0])) + uint(phase + 1)
    out = bytearray(sint(int(pts[0])) + uint(0))
    ticks = pts.tolist()
    deltas = [b - a for a, b in itertools.pairwise(ticks)]
    at, before = 0, 0
    while at < len(deltas):
        end = at + 1
        while end < len(deltas) and deltas[end] == deltas[at]:
            end += 1
        repeats = end - at - 1
        out += uint(zigzag(deltas[at] - before) << 1 | (repeats > 0))
        if repeats:
            out += uint(repeats)
        at, before = end, deltas[at]
    return bytes(out)


def parse_pts(cur: Cursor, frames: int, header: Header) -> PtsArray:
    """Parse what `pack_pts` wrote. The caller has checked `frames` against its bound. Raises DamagedFile."""
    first = cur.sint("first PTS")
    mode = cur.uint("phase")
    if mode:
        slope = _slope(header)
        if slope is None or mode > slope.denominator:
            cur.fail("the PTS lie on a line that the header does not have")
        ticks = [first + (mode - 1 + i * slope.numerator) // slope.denominator for i in range(frames)]
    else:
        ticks, delta = [first], 0
        while len(ticks) < frames:
            code = cur.uint("PTS step")
            delta += unzigzag(code >> 1)
            repeats = cur.uint("PTS run", low=1) if code & 1 else 0
            if repeats >= frames - len(ticks):
                cur.fail("a run of PTS goes past the GOP")
            ticks += [ticks[-1] + delta * k for k in range(1, repeats + 2)]
    if max(map(abs, ticks)) > MAX_PTS:
        cur.fail("a PTS is out of range")
    pts = np.array(ticks, np.int64)
    if (pts[1:] <= pts[:-1]).any():
        cur.fail("the PTS do not rise")
    return pts
