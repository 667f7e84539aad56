"""What the container of an AVIF or HEIC picture (ISO/IEC 23008-12) says beside its pixels.

libavif and libheif decode them. Read here is only what decides which of the two, and what Pillow leaves out.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

_AVIF = frozenset((b"avif", b"avis", b"avio", b"MA1A", b"MA1B"))
_HEIC = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"mif2", b"mif3", b"miaf", b"msf1"))
_OTHER = frozenset((b"jpeg", b"jpgs", b"j2ki", b"avci", b"avcs", b"vvic", b"unif", b"MiHB", b"MiHE", b"MiHA"))
_HEAD = 1 << 20  # bytes; `meta` lies in front, except in files that no phone or library writes


@dataclass(frozen=True)
class Primary:
    """Properties of the picture that is shown.

    crop: (left, top, width, height) of the stored pixels, before any turning. primaries, transfer: FFmpeg's numbers, 2
    if unknown. depth: bits per sample.
    """

    crop: tuple[int, int, int, int] | None = None
    primaries: int = 2
    transfer: int = 2
    depth: int = 8


def kind(head: bytes) -> str | None:
    """ "AVIF" or "HEIF" by the first bytes of a file; None for anything else, and for sequences, which are video."""
    if head[4:8] != b"ftyp":
        return None
    length = struct.unpack_from(">I", head)[0]
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(length, len(head)) - 3, 4))]
    major, known = brands[0], set(brands)
    if not known & (_AVIF | _HEIC | _OTHER) or major in (b"avis", b"msf1", b"hevc", b"hevx"):
        return None
    if major not in _AVIF | _HEIC | _OTHER and not known & {b"mif1", b"mif2", b"mif3", b"miaf", b"avif", b"heic"}:
        return None
    return "AVIF" if known & _AVIF else "HEIF"


def primary(data: bytes) -> Primary:
    """Read the properties of the primary item. Damaged boxes count as absent."""
    try:
        properties = dict(_properties(data[:_HEAD]))
        depth = max(properties[b"pixi"][5:] or b"\x08") if b"pixi" in properties else 8
        primaries = transfer = 2
        if properties.get(b"colr", b"")[:4] == b"nclx":
            primaries, transfer = struct.unpack_from(">HH", properties[b"colr"], 4)
        width, height = struct.unpack_from(">II", properties[b"ispe"], 4)
        crop = _crop(properties[b"clap"], width, height) if b"clap" in properties else None
        return Primary(crop, primaries, transfer, depth)
    except (struct.error, IndexError, KeyError):
        return Primary()


def _crop(clap: bytes, width: int, height: int) -> tuple[int, int, int, int] | None:
    """A clean aperture as a rectangle; None if it does not lie within the picture."""
    numbers = struct.unpack(">IIIIiIiI", clap[:32])
    if 0 in numbers[1::2]:
        return None
    wide, high, right, down = (Fraction(numbers[at], numbers[at + 1]) for at in (0, 2, 4, 6))
    left, top = (width - wide) / 2 + right, (height - high) / 2 + down
    box = round(left), round(top), round(wide), round(high)
    inside = box[0] >= 0 and box[1] >= 0 and box[2] > 0 and box[3] > 0
    return box if inside and box[0] + box[2] <= width and box[1] + box[3] <= height else None


def _properties(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, payload) of each property of the primary item."""
    meta = dict(_boxes(data))[b"meta"][4:]
    boxes = dict(_boxes(meta))
    pitm = boxes[b"pitm"]
    (item,) = struct.unpack_from(">I" if pitm[0] else ">H", pitm, 4)
    groups = dict(_boxes(boxes[b"iprp"]))
    held = list(_boxes(groups[b"ipco"]))
    for index in _associations(groups[b"ipma"], item):
        if 1 <= index <= len(held):
            yield held[index - 1]


def _associations(ipma: bytes, wanted: int) -> Iterator[int]:
    """Numbers of an item's properties, from 1."""
    wide_item, wide_index = ipma[0] >= 1, ipma[3] & 1
    (count,) = struct.unpack_from(">I", ipma, 4)
    at = 8
    for _ in range(count):
        (item,) = struct.unpack_from(">I" if wide_item else ">H", ipma, at)
        at += 4 if wide_item else 2
        number, at = ipma[at], at + 1
        for _ in range(number):
            (index,) = struct.unpack_from(">H" if wide_index else ">B", ipma, at)
            at += 2 if wide_index else 1
            if item == wanted:
                yield index & (0x7FFF if wide_index else 0x7F)  # the top bit: essential


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, payload) of each box."""
    at = 0
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        head = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, at + 8)
            head = 16
        end = len(data) if length == 0 else at + length
        if end < at + head:
            return
        yield name, data[at + head : end]
        at = end
