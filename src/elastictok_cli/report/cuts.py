"""Where a source is cut to another picture, from its frames alone; no tokens."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

import numpy as np
import numpy.typing as npt

CELLS = 16  # across and down: the picture as so many mean colours, in which motion is small and a cut is not
LEAST = 14.0  # grey levels that a cut changes these by, on average
FACTOR = 4.0  # times what the frames around it change by: in a fast pan every frame changes much, and none is a cut
AROUND = 8


def cut_times(frames: Iterable[tuple[float, npt.NDArray[np.uint8]]]) -> list[float]:
    """Times of the first frames of new shots.

    frames: (time in s, uint8 (H, W, 3)), one at a time. Hard cuts, not fades: the picture changes at once, and much
    more than from frame to frame around it.
    """
    last: npt.NDArray[np.float32] | None = None
    times: list[float] = []
    changes: list[float] = []
    for time_s, rgb in frames:
        small = _small(rgb)
        if last is not None:
            times.append(time_s)
            changes.append(float(np.abs(small - last).mean()))
        last = small
    found = []
    for i, (time_s, change) in enumerate(zip(times, changes, strict=True)):
        usual = [*changes[max(0, i - AROUND) : i], *changes[i + 1 : i + 1 + AROUND]]
        if usual and change > LEAST and change > FACTOR * median(usual):
            found.append(time_s)
    return found


def _small(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Mean colours of CELLS x CELLS cells, fewer in smaller pictures; float32 (rows, columns, 3)."""
    rows, columns = (min(CELLS, side) for side in rgb.shape[:2])
    height, width = rgb.shape[0] // rows, rgb.shape[1] // columns
    cells = rgb[: rows * height, : columns * width].reshape(rows, height, columns, width, 3)
    found: npt.NDArray[np.float32] = cells.mean(axis=(1, 3), dtype=np.float32)
    return found
