"""How a camera was held: display matrices as EXIF orientations, and pixels turned by them."""

from __future__ import annotations

import struct

import numpy as np

from .geometry import Pixels

# EXIF orientations without mirroring, and the degrees clockwise that set them upright.
TURNS = {1: 0, 3: 180, 6: 90, 8: 270}
# Signs of a display matrix (x' = ax + cy, y' = bx + dy; y points down) to EXIF orientation.
_MATRICES = {
    (1, 0, 0, 1): 1,
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, 1, -1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, -1, 1, 0): 8,
}


def matrix_orientation(matrix: bytes) -> int:
    """The EXIF orientation nearest to a display matrix (nine int32, as FFmpeg keeps them)."""
    a, b, _, c, d = struct.unpack_from("=5i", matrix)
    straight = abs(a) + abs(d) >= abs(b) + abs(c)
    a, d, b, c = (a, d, 0, 0) if straight else (0, 0, b, c)
    signs = tuple((value > 0) - (value < 0) for value in (a, b, c, d))
    return _MATRICES.get((signs[0], signs[1], signs[2], signs[3]), 1)


def upright(rgb: Pixels, orientation: int) -> Pixels:
    """(H, W, 3) as it is to be seen; contiguous. orientation: EXIF's 1 to 8."""
    if orientation in (5, 6, 7, 8):
        rgb = rgb.swapaxes(0, 1)
    # what is left of each orientation once rows and columns have changed places
    if orientation in (3, 4, 7, 8):
        rgb = rgb[::-1]
    if orientation in (2, 3, 6, 7):
        rgb = rgb[:, ::-1]
    return np.ascontiguousarray(rgb)
