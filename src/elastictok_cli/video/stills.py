"""How a camera was held (EXIF, display matrix), turning pictures upright, and WebP files that move."""

from __future__ import annotations

import struct

import numpy as np

from .geometry import Pixels

_ORIENTATION = 0x0112
# EXIF orientations that are no mirror images, and the degrees clockwise that set them upright.
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
HEAD_BYTES = 1 << 18  # EXIF sits at the front; a segment of JPEG has at most 64 KiB


def orientation(head: bytes) -> int:
    """EXIF orientation, 1 to 8, of a JPEG or PNG by its first bytes; 1 (upright) if it does not say."""
    if head[:2] == b"\xff\xd8":
        start = head.find(b"Exif\0\0")
        start += 6 if start >= 0 else 0
    elif head[:8] == b"\x89PNG\r\n\x1a\n":
        start = head.find(b"eXIf")
        start += 4 if start >= 0 else 0
    else:
        return 1
    return _tiff_orientation(head[start:]) if start > 0 else 1


def _tiff_orientation(tiff: bytes) -> int:
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 8:
        return 1
    (first,) = struct.unpack_from(order + "I", tiff, 4)
    if first + 2 > len(tiff):
        return 1
    (entries,) = struct.unpack_from(order + "H", tiff, first)
    for number in range(entries):
        at = first + 2 + 12 * number
        if at + 12 > len(tiff):
            return 1
        tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, at)
        if tag == _ORIENTATION:
            return value if 1 <= value <= 8 else 1
    return 1


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


def is_animated_webp(head: bytes) -> bool:
    """Whether these first bytes are of a WebP that moves; FFmpeg decodes none of its frames."""
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and len(head) > 20 and bool(head[20] & 0x02)
