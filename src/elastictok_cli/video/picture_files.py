"""Which picture format a file is in by its first bytes, and whether more pictures follow the first one."""

from __future__ import annotations

import re
import struct

from . import heif

_BMP_HEADERS = frozenset(struct.pack("<I", size) for size in (12, 16, 40, 52, 56, 64, 108, 124))
# JPEG's markers stand outside the coded data, where 00 or a restart follows FF.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
_SOI, _EOI = 0xD8, 0xD9
_FILL = b"\0\xff\r\n"  # between pictures
_HEAD = 1 << 18


def kind_of(head: bytes) -> str | None:
    """Pillow's name of the format by the first bytes of a file; None if it is not one of those read here."""
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return "PNG"
    if head[:3] == b"\xff\xd8\xff":
        return "JPEG"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if head[:2] == b"BM" and head[6:10] == bytes(4) and head[14:18] in _BMP_HEADERS:
        return "BMP"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    return heif.kind(head)


def another_follows(kind: str, data: bytes) -> bool:
    """Whether a second picture of this kind begins where the first one ends: a stream of pictures, not a picture.

    A JPEG with several views of one scene, a gain map or a preview behind it is one picture.
    """
    if kind == "JPEG":
        return _is_motion_jpeg(data)
    if kind == "PNG":
        end = data.find(b"IEND") + 8
    elif kind == "WEBP" and len(data) >= 8:
        end = 8 + int(struct.unpack_from("<I", data, 4)[0])
    elif kind == "BMP" and len(data) >= 6:
        end = int(struct.unpack_from("<I", data, 2)[0])
    else:
        return False
    return end > 14 and kind_of(data[end : end + _HEAD]) == kind  # 14: more than any header says by mistake


def _is_motion_jpeg(data: bytes) -> bool:
    first, end = _jpeg(data, 0)
    gap = data[end : end + 64]
    start = end + len(gap) - len(gap.lstrip(_FILL))
    if data[start : start + 1] == b"\xd8":  # its FF was taken for filling
        start -= 1
    if data[start : start + 3] != b"\xff\xd8\xff" or b"MPF\0" in data[:_HEAD]:
        return False
    return first is not None and first == _jpeg(data[start : start + (16 << 20)], 0)[0]


def _jpeg(data: bytes, at: int) -> tuple[tuple[int, int] | None, int]:
    """((width, height), where the JPEG ends); None and the length of `data` where they are not in it."""
    size = None
    at += 2
    while (found := _MARKER.search(data, at)) is not None:
        marker, at = data[found.start() + 1], found.end()
        if marker == _EOI:
            return size, at
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and at + 7 <= len(data):
            height, width = struct.unpack_from(">HH", data, at + 3)
            size = width, height
        if marker not in (0x01, _SOI) and at + 2 <= len(data):
            at += int(struct.unpack_from(">H", data, at)[0])
    return size, len(data)


def closed_webp(data: bytes) -> bytes:
    """A WebP whose lengths end where the file does: decoders refuse one that promises more."""
    out, at = bytearray(data), 12
    while at + 8 <= len(data):
        (length,) = struct.unpack_from("<I", data, at + 4)
        if length > len(data) - at - 8:
            struct.pack_into("<I", out, at + 4, len(data) - at - 8)
            struct.pack_into("<I", out, 4, len(data) - 8)
        at += 8 + int(length) + length % 2
    return bytes(out)
