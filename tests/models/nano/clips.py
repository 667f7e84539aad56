"""Pieces of the demo clip, small enough for the plain-Python oracle."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

DEMO = sorted((Path(__file__).parents[3] / "examples").glob("*.mp4"))[0]


def frames(
    first: int, count: int, top: int = 0, left: int = 0, height: int = 0, width: int = 0
) -> npt.NDArray[np.uint8]:
    """A window of the demo clip: uint8 (T, H, W, 3); 0 for as much as a multiple of 16 allows."""
    shown = []
    with av.open(str(DEMO)) as container:
        for i, frame in enumerate(container.decode(video=0)):
            if i >= first + count:
                break
            if i >= first:
                rgb = frame.to_ndarray(format="rgb24")
                h = height or rgb.shape[0] // 16 * 16
                w = width or rgb.shape[1] // 16 * 16
                shown.append(rgb[top : top + h, left : left + w])
    return np.stack(shown)
