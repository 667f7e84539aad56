"""How a camera was held (EXIF, display matrix), turning pictures upright, and WebP files that move."""

from __future__ import annotations

import struct
from typing import BinaryIO

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


def orientation(file: BinaryIO) -> int:
    """EXIF orientation, 1 to 8, of a JPEG, PNG, TIFF or WebP; 1 (upright) if it does not say."""
    head = file.read(HEAD_BYTES)
    if head[:2] == b"\xff\xd8":
        start = head.find(b"Exif\0\0")
        start += 6 if start >= 0 else 0
    elif head[:8] == b"\x89PNG\r\n\x1a\n":
        start = head.find(b"eXIf")
        start += 4 if start >= 0 else 0
    elif head[:4] in (b"II*\0", b"MM\0*"):
        start = 0
    elif head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        start = _webp_exif(file)
    else:
        return 1
    return _tiff_orientation(file, start) if start >= 0 else 1


def _webp_exif(file: BinaryIO) -> int:
    """Where the EXIF begins, which is behind the picture; -1 if there is none."""
    at = 12
    while len(head := _read(file, at, 8)) == 8:
        kind, length = struct.unpack("<4sI", head)
        if kind == b"EXIF":
            return at + 8 + (6 if _read(file, at + 8, 6) == b"Exif\0\0" else 0)  # a leftover of JPEG's
        at += 8 + length + length % 2
    return -1


def _tiff_orientation(file: BinaryIO, start: int) -> int:
    """start: where the TIFF begins, from which its offsets count."""
    head = _read(file, start, 8)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return 1
    (first,) = struct.unpack_from(order + "I", head, 4)
    count = _read(file, start + first, 2)
    if len(count) < 2:
        return 1
    (entries,) = struct.unpack(order + "H", count)
    table = _read(file, start + first + 2, 12 * entries)
    for at in range(0, len(table) - 11, 12):
        tag, _, _, value = struct.unpack_from(order + "HHIH", table, at)
        if tag == _ORIENTATION:
            return value if 1 <= value <= 8 else 1
    return 1


def _read(file: BinaryIO, at: int, length: int) -> bytes:
    file.seek(at)
    return file.read(length)


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
