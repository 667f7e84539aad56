"""Damage that FFmpeg repairs or skips without a word: checksums of Ogg pages and FFV1 slices, Matroska cut short.

Both checksums are CRC-32 with the usual polynomial, most significant bit first: zlib's with all bits turned round.
"""

from __future__ import annotations

import os
import zlib
from typing import BinaryIO

_TURNED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_PAGE = b"OggS"
_EBML, _SEGMENT = b"\x1aE\xdf\xa3", b"\x18S\x80g"
_PAGE_HEAD = 27
_FIRST_PAGE = 2
_SLICE_FOOTER = 8  # bytes: length (3), status, CRC (4)


def _crc_turned(data: bytes) -> int:
    """The CRC of the data with its bits turned round; 0 where the data ends with its own CRC."""
    return zlib.crc32(data.translate(_TURNED), 0xFFFFFFFF) ^ 0xFFFFFFFF


class Ffv1Check:
    """Checks the slices of FFV1 packets. Streams without checksums are never called damaged."""

    def __init__(self) -> None:
        self._has_checksums = False
        self._damaged = 0

    def __call__(self, packet: bytes) -> None:
        """Look at a packet."""
        end, whole = len(packet), True
        while end >= _SLICE_FOOTER and whole:
            size = int.from_bytes(packet[end - _SLICE_FOOTER : end - _SLICE_FOOTER + 3], "big") + _SLICE_FOOTER
            whole = size <= end and _crc_turned(packet[end - size : end]) == 0
            self._has_checksums |= whole  # by chance once in four thousand million
            end -= size
        self._damaged += not whole

    @property
    def damaged(self) -> int:
        """Packets so far that have a damaged slice."""
        return self._damaged if self._has_checksums else 0


def matroska_is_cut(path: str) -> bool:
    """Whether a Matroska file ends before its segment does; False where the size is unknown, as of a live stream."""
    with open(path, "rb") as file:
        head = file.read(4096)
    at = 0
    for element in (_EBML, _SEGMENT):
        size, width = _ebml_size(head[at + 4 : at + 12])
        if head[at : at + 4] != element or size is None:
            return False
        at += 4 + width + size
    return at > os.path.getsize(path)


def _ebml_size(data: bytes) -> tuple[int | None, int]:
    """The value of an EBML size field, None if it is unknown or missing, and its width in bytes."""
    if not data or data[0] == 0:
        return None, 0
    width = 9 - data[0].bit_length()
    unknown = (1 << 7 * width) - 1
    value = int.from_bytes(data[:width], "big") & unknown
    return (None if value == unknown or len(data) < width else value), width


def damaged_ogg_pages(path: str, first: int, last: int) -> int:
    """How many pages from byte `first` up to byte `last` fail their checksum, are no pages, or are missing."""
    damaged = 0
    following: dict[bytes, int] = {}  # by stream: the number that its next page has
    with open(path, "rb") as file:
        at = first
        while 0 <= at <= last:
            file.seek(at)
            head = file.read(_PAGE_HEAD)
            if len(head) < _PAGE_HEAD:
                break
            sizes = file.read(head[26])
            body = file.read(sum(sizes))
            page = head[:22] + bytes(4) + head[26:] + sizes + body  # the checksum is of a page without one
            if head[:4] != _PAGE or _crc_turned(page) != int.from_bytes(head[22:26].translate(_TURNED), "big"):
                damaged += 1
                at = _next_page(file, at + 1)
                following.clear()
                continue
            stream, number = head[14:18], int.from_bytes(head[18:22], "little")
            if head[5] & _FIRST_PAGE:  # of another recording, which may count from zero again
                following.pop(stream, None)
            damaged += following.get(stream, number) != number
            following[stream] = number + 1
            at += len(page)
    return damaged


def _next_page(file: BinaryIO, at: int) -> int:
    """Where the next page may begin, -1 if nowhere."""
    file.seek(at)
    before = b""
    while chunk := file.read(1 << 16):
        found = (before + chunk).find(_PAGE)
        if found >= 0:
            return at - len(before) + found
        at, before = at + len(chunk), chunk[-3:]
    return -1
