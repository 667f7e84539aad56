"""What is in a block: how much of it moves, and how much of it is fine. Simple measures, of the source alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ..metrics import HALF_RANGE

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def content(frames: npt.NDArray[np.uint8], before: npt.NDArray[np.uint8] | None) -> tuple[float | None, float]:
    """(motion, detail) of uint8 frames (T, H, W, 3).

    motion: mean absolute difference of the luma of each frame and the one before it, on [-1, 1]; None where there is
    no frame before. detail: mean absolute value of the luma's discrete Laplacian, what is left after smoothing; high
    for grass, low for sky.
    """
    luma = frames.astype(np.float32) @ LUMA / HALF_RANGE
    run = luma if before is None else np.concatenate([(before.astype(np.float32) @ LUMA / HALF_RANGE)[None], luma])
    motion = float(np.abs(np.diff(run, axis=0)).mean()) if len(run) > 1 else None
    inner = 4 * luma[:, 1:-1, 1:-1]
    around = luma[:, :-2, 1:-1] + luma[:, 2:, 1:-1] + luma[:, 1:-1, :-2] + luma[:, 1:-1, 2:]
    detail = float(np.abs(inner - around).mean()) if inner.size else 0.0
    return motion, detail


def spearman(a: Any, b: Any) -> float | None:
    """Rank correlation; None for fewer than three pairs or where one side is all the same."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])


def ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1 for the least; equal values share the mean of their ranks."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks: npt.NDArray[np.float64] = (ends - (counts - 1) / 2)[inverse]
    return ranks
