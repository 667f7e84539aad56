"""The arrays that hold the decisions about one frame, and what the syntax of later frames looks at in it.

Arrays have one item per CTU (coding tree unit: a block of 16x16 pixels) or per 8x8 block. Compiled functions take these
named tuples as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt


class FrameTokens(NamedTuple):
    """All decisions about one frame of `rows` x `columns` CTUs.

    split: uint8 (rows, columns), 1 for a vector per 8x8 block instead of one per CTU.
    intra_mode: int8 (rows, columns), the intra mode 0 .. 14, -1 for inter prediction.
    mv: int16 (2 rows, 2 columns, 6), a motion vector per 8x8 block (motion_vectors.py lists the six numbers).
    no_obmc: uint8 (rows, columns), 1 for prediction without overlap with the neighbours' vectors.
    tx_8x8: uint8 (rows, columns), 1 for four 8x8 luma transforms instead of one 16x16.
    levels: int16 (3, height, width), quantised coefficients by plane. Those of a transform block stand at its place,
        [vertical frequency][horizontal frequency].
    """

    split: npt.NDArray[np.uint8]
    intra_mode: npt.NDArray[np.int8]
    mv: npt.NDArray[np.int16]
    no_obmc: npt.NDArray[np.uint8]
    tx_8x8: npt.NDArray[np.uint8]
    levels: npt.NDArray[np.int16]

    @classmethod
    def empty(cls, height: int, width: int) -> Self:
        """A frame without any decision: inter prediction, no vectors, no residual. height, width: multiples of 16."""
        rows, columns = height // 16, width // 16
        return cls(
            split=np.zeros((rows, columns), np.uint8),
            intra_mode=np.full((rows, columns), -1, np.int8),
            mv=np.zeros((2 * rows, 2 * columns, 6), np.int16),
            no_obmc=np.zeros((rows, columns), np.uint8),
            tx_8x8=np.zeros((rows, columns), np.uint8),
            levels=np.zeros((3, height, width), np.int16),
        )

    def copy(self) -> Self:
        """The same decisions in arrays of their own."""
        return self._replace(**{name: array.copy() for name, array in self._asdict().items()})


@dataclass
class RefInfo:
    """What the syntax of later frames looks at in an earlier one.

    mv: as in FrameTokens. dist0, dist1: distances to its own references in frames, 0 for no reference. layer: its
    temporal layer. activity: uint8 (rows, columns), non-zero luma coefficients per CTU, 255 for more.
    """

    mv: npt.NDArray[np.int16]
    dist0: int
    dist1: int
    layer: int
    activity: npt.NDArray[np.uint8]


class FrameRefs(NamedTuple):
    """What the syntax of a frame takes from the frame's references; see `frame_refs` in block.py.

    layer: the frame's temporal layer. bi_pred: it has two references. dist0, dist1: their distances in frames, negative
    for an earlier frame, 0 for no reference. temporal_mv: int16 (2 rows, 2 columns, 6), temporal merge candidates.
    activity0, activity1: `RefInfo.activity` of the references.
    """

    layer: int
    bi_pred: bool
    dist0: int
    dist1: int
    temporal_mv: npt.NDArray[np.int16]
    activity0: npt.NDArray[np.uint8]
    activity1: npt.NDArray[np.uint8]
