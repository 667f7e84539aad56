"""The decisions about one frame, as arrays, and what later frames look at in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass
class FrameTokens:
    """All decisions about one frame (arrays as in motion_syntax.py and coefficient_syntax.py)."""

    split: npt.NDArray[np.uint8]
    intra: npt.NDArray[np.int8]
    mv: npt.NDArray[np.int16]
    alone: npt.NDArray[np.uint8]
    eight: npt.NDArray[np.uint8]
    q: npt.NDArray[np.int16]

    @classmethod
    def empty(cls, height: int, width: int) -> FrameTokens:
        """Nothing decided yet. height, width: multiples of 16."""
        ph, pw = height // 16, width // 16
        return cls(
            np.zeros((ph, pw), np.uint8),
            np.full((ph, pw), -1, np.int8),
            np.zeros((2 * ph, 2 * pw, 6), np.int16),
            np.zeros((ph, pw), np.uint8),
            np.zeros((ph, pw), np.uint8),
            np.zeros((3, height, width), np.int16),
        )

    def copy(self) -> FrameTokens:
        return FrameTokens(*(a.copy() for a in self.arrays()))

    def arrays(self) -> tuple[npt.NDArray[Any], ...]:
        return self.split, self.intra, self.mv, self.alone, self.eight, self.q


@dataclass
class Link:
    """What the grammar of later frames looks at in an earlier one: vectors, their distances, kind, activity."""

    mv: npt.NDArray[np.int16]
    d0: int
    d1: int
    kind: int
    act: npt.NDArray[np.uint8]
