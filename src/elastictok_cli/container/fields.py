"""The small change of the format: variable-length integers, strings and numbers, written and read back with suspicion.

Every chunk payload is a row of these fields. Reading never allocates by a number that the file claims: a count or a
length is first compared with the bytes that are left (docs/format.md, "Fields").
"""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import NoReturn

from ..errors import DamagedFile

UINT_MAX = (1 << 63) - 1
SINT_MAX = (1 << 62) - 1
TEXT_MOST = 255


def uint(value: int) -> bytes:
    """Unsigned LEB128: seven bits a byte, lowest first, the high bit says that more follow."""
    if not 0 <= value <= UINT_MAX:
        raise ValueError(f"{value} does not fit an unsigned field")
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> int:
    """0, -1, 1, -2, 2 ... as 0, 1, 2, 3, 4 ..."""
    return value * 2 if value >= 0 else -value * 2 - 1


def unzigzag(code: int) -> int:
    """The inverse of `zigzag`."""
    return code >> 1 if code & 1 == 0 else -(code + 1 >> 1)


def sint(value: int) -> bytes:
    """Signed integer: zigzag, then `uint`."""
    if abs(value) > SINT_MAX:
        raise ValueError(f"{value} does not fit a signed field")
    return uint(zigzag(value))


def blob(data: bytes) -> bytes:
    """Length as `uint`, then the bytes."""
    return uint(len(data)) + data


def text(value: str) -> bytes:
    """UTF-8 as `blob`, at most 255 bytes, all of it printable."""
    if not value.isprintable():
        raise ValueError(f"{value[:40]!r} cannot be printed")
    data = value.encode()
    if len(data) > TEXT_MOST:
        raise ValueError(f"{value[:40]!r}... is over {TEXT_MOST} bytes")
    return blob(data)


def double(value: float) -> bytes:
    """IEEE 754 binary64, little-endian."""
    return struct.pack("<d", value)


def ratio(value: Fraction | None) -> bytes:
    """Numerator and denominator as `uint`; None is a single 0."""
    if value is None:
        return uint(0)
    if value <= 0:
        raise ValueError(f"{value} is no positive ratio")
    return uint(value.numerator) + uint(value.denominator)


class Cursor:
    """Reads fields one after the other and raises DamagedFile, naming `where`, when one cannot be."""

    def __init__(self, data: bytes | memoryview, where: str) -> None:
        self.data = memoryview(data)
        self.at = 0
        self.where = where

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return len(self.data) - self.at

    def fail(self, problem: str) -> NoReturn:
        """Raise DamagedFile for the place that is being read."""
        raise DamagedFile(f"{self.where}: {problem}")

    def raw(self, size: int, name: str) -> bytes:
        """Exactly `size` bytes."""
        if size > self.left:
            self.fail(f"the {name} needs {size} bytes where {self.left} are left")
        self.at += size
        return bytes(self.data[self.at - size : self.at])

    def uint(self, name: str, most: int = UINT_MAX, least: int = 0) -> int:
        """An unsigned integer in least .. most, in its shortest form."""
        value = shift = 0
        while True:
            if self.at >= len(self.data) or shift > 56:
                self.fail(f"the {name} does not end")
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            if byte < 128:
                break
            shift += 7
        if byte == 0 and shift:
            self.fail(f"the {name} is not in its shortest form")  # one meaning, one spelling
        if not least <= value <= most:
            self.fail(f"the {name} is {value}, outside {least} to {most}")
        return value

    def sint(self, name: str) -> int:
        """A signed integer."""
        return unzigzag(self.uint(name))

    def count(self, name: str, each: int, most: int = UINT_MAX) -> int:
        """How many things of at least `each` bytes follow; refused if they cannot be in the bytes that are left."""
        number = self.uint(name, most)
        if number * each > self.left:
            self.fail(f"{number} {name} cannot be in {self.left} bytes")
        return number

    def blob(self, name: str, most: int) -> bytes:
        """Bytes behind their length."""
        return self.raw(self.uint(f"length of the {name}", most), name)

    def text(self, name: str, most: int = TEXT_MOST) -> str:
        """UTF-8 behind its length, without what could steer a terminal that shows it."""
        try:
            value = self.blob(name, most).decode()
        except UnicodeDecodeError:
            self.fail(f"the {name} is not UTF-8")
        if not value.isprintable():
            self.fail(f"the {name} has letters that cannot be printed")
        return value

    def double(self, name: str) -> float:
        """A finite number."""
        (value,) = struct.unpack("<d", self.raw(8, name))
        if not math.isfinite(value):
            self.fail(f"the {name} is {value}")
        return float(value)

    def ratio(self, name: str) -> Fraction | None:
        """A positive ratio, or None."""
        numerator = self.uint(name)
        return Fraction(numerator, self.uint(name, least=1)) if numerator else None

    def end(self) -> None:
        """Nothing may be left."""
        if self.left:
            self.fail(f"{self.left} bytes too many")
