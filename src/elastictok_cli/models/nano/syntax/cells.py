"""All decisions about a frame but its levels: one row of numbers for every 8x8 block, int16 (rows, columns, CELL).

0..3    vector into reference 0 (x, y) and reference 1, in quarter pixels
USES    1 first reference, 2 second, 3 both; 0 intra, or not coded yet
MERGED  1 if the vector was taken over
SIZE    log2 of the coding block's side, less 3        MODE    intra mode, or -1
TSPLIT  1 if its luma transform is split in four
INFO    what later symbols look at: SKIPPED, IS_INTRA, CODED (luma has levels), KNOWN once coded, and SIZE << 4
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

USES, MERGED, SIZE, MODE, TSPLIT, INFO, CELL = 4, 5, 6, 7, 8, 9, 10
SKIPPED, IS_INTRA, CODED, KNOWN = 1, 2, 4, 8

Cells = npt.NDArray[np.int16]


def new_cells(height: int, width: int) -> Cells:
    """Nothing decided yet. height, width: multiples of 8."""
    cells = np.zeros((height // 8, width // 8, CELL), np.int16)
    cells[..., SIZE] = 3
    cells[..., MODE] = -1
    return cells
