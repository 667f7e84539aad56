"""The part of the stored picture that the container says is shown: MP4's clean aperture, Matroska's PixelCrop.

FFmpeg reads both, and its own tool obeys them, but PyAV does not hand them on.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

from .filters import Crop

_VISUAL_ENTRY_BYTES = 78  # fields of a sample entry before its boxes
_SEGMENT, _TRACKS, _CLUSTER, _ENTRY, _VIDEO = 0x18538067, 0x1654AE6B, 0x1F43B675, 0xAE, 0xE0
_NUMBER_OF_VIDEO = 1
_TRACK_TYPE = 0x83
_CROPS = (0x54CC, 0x54BB, 0x54DD, 0x54AA)  # left, top, right, bottom


def crop_of(path: str, format_name: str, track_id: int, video_number: int, width: int, height: int) -> Crop | None:
    """The crop of a video track, None if there is none or it makes no sense.

    track_id: as MP4 has it. video_number: which of the video tracks, in order. width, height: as decoded.
    """
    with open(path, "rb") as file:
        if format_name.startswith("mov"):
            found = _clean_aperture(file, track_id, width, height)
        elif format_name.startswith("matroska"):
            found = _pixel_crop(file, video_number)
        else:
            return None
    if found is None or not any(found) or min(found) < 0:
        return None
    return found if found.left + found.right < width and found.top + found.bottom < height else None


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end) of the boxes between two places, without their heads."""
    while start + 8 <= end:
        file.seek(start)
        head = file.read(16)
        if len(head) < 8:
            return
        size, kind, length = int.from_bytes(head[:4], "big"), head[4:8], 8
        if size == 1 and len(head) == 16:
            size, length = int.from_bytes(head[8:], "big"), 16
        size = size or end - start
        if size < length:
            return
        yield kind, start + length, min(end, start + size)
        start += size


def _inside(file: BinaryIO, start: int, end: int, *path: bytes) -> tuple[int, int] | None:
    """Where the first box of this path lies."""
    for kind, first, last in _boxes(file, start, end):
        if kind == path[0]:
            return (first, last) if len(path) == 1 else _inside(file, first, last, *path[1:])
    return None


def _clean_aperture(file: BinaryIO, track_id: int, width: int, height: int) -> Crop | None:
    end = file.seek(0, 2)
    movie = _inside(file, 0, end, b"moov")
    for kind, first, last in _boxes(file, *movie) if movie else ():
        if kind != b"trak" or _track_id(file, first, last) != track_id:
            continue
        entries = _inside(file, first, last, b"mdia", b"minf", b"stbl", b"stsd")
        entry = next(_boxes(file, entries[0] + 8, entries[1]), None) if entries else None
        box = _inside(file, entry[1] + _VISUAL_ENTRY_BYTES, entry[2], b"clap") if entry else None
        if box is None:
            return None
        file.seek(box[0])
        fields = file.read(32)
        return _aperture_crop(struct.unpack(">8i", fields), width, height) if len(fields) == 32 else None
    return None


def _track_id(file: BinaryIO, start: int, end: int) -> int:
    box = _inside(file, start, end, b"tkhd")
    if box is None:
        return -1
    file.seek(box[0])
    fields = file.read(24)
    at = 20 if fields[:1] == b"\1" else 12
    return int.from_bytes(fields[at : at + 4], "big")


def _aperture_crop(fields: tuple[int, ...], width: int, height: int) -> Crop | None:
    """fields: numerator and denominator of width, height, and how far the middle is off (ISO/IEC 14496-12)."""
    if min(fields[1::2]) <= 0 or fields[0] <= 0 or fields[2] <= 0:
        return None
    shown_width, shown_height, right_by, down_by = (
        Fraction(n, d) for n, d in zip(fields[::2], fields[1::2], strict=True)
    )
    left = int((width - shown_width) / 2 + right_by)
    top = int((height - shown_height) / 2 + down_by)
    right = width - 1 - int((width + shown_width) / 2 + right_by - 1)
    bottom = height - 1 - int((height + shown_height) / 2 + down_by - 1)
    return Crop(left, top, right, bottom)


def _elements(file: BinaryIO, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(identifier, start, end) of EBML elements between two places, without their heads."""
    while start < end:
        file.seek(start)
        head = file.read(12)
        ident_bytes = _vint_bytes(head[:1])
        size_bytes = _vint_bytes(head[ident_bytes : ident_bytes + 1])
        if not ident_bytes or not size_bytes or len(head) < ident_bytes + size_bytes:
            return
        ident = int.from_bytes(head[:ident_bytes], "big")
        size = int.from_bytes(head[ident_bytes : ident_bytes + size_bytes], "big") & ((1 << 7 * size_bytes) - 1)
        start += ident_bytes + size_bytes
        unknown = size == (1 << 7 * size_bytes) - 1
        yield ident, start, end if unknown else min(end, start + size)
        start = end if unknown else start + size


def _vint_bytes(first: bytes) -> int:
    """How long an EBML number is by its first byte; 0 if it is none."""
    return 9 - first[0].bit_length() if first and first[0] else 0


def _pixel_crop(file: BinaryIO, video_number: int) -> Crop | None:
    end = file.seek(0, 2)
    videos = 0
    for segment in (place for place in _elements(file, 0, end) if place[0] == _SEGMENT):
        for tracks in _elements(file, *segment[1:]):
            if tracks[0] == _CLUSTER:
                return None
            for entry in _elements(file, *tracks[1:]) if tracks[0] == _TRACKS else ():
                fields = {ident: (first, last) for ident, first, last in _elements(file, *entry[1:])}
                if entry[0] != _ENTRY or _number(file, fields.get(_TRACK_TYPE)) != _NUMBER_OF_VIDEO:
                    continue
                if videos == video_number:
                    within = fields.get(_VIDEO, (0, 0))
                    crops = {ident: (first, last) for ident, first, last in _elements(file, *within)}
                    return Crop(*(_number(file, crops.get(ident)) for ident in _CROPS))
                videos += 1
    return None


def _number(file: BinaryIO, where: tuple[int, int] | None) -> int:
    if where is None:
        return 0
    file.seek(where[0])
    return int.from_bytes(file.read(min(8, where[1] - where[0])), "big")
