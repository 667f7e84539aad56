"""The fields of a chunk's payload: variable-length integers, strings and numbers (docs/format.md, "Fields").

Parsing trusts nothing: a count or a length in the file is compared with the bytes that are left before anything is
allocated.
"""

from __future__ import annotations

import math
import struct
from fractions import Fraction
from typing import NoReturn

from ..errors import DamagedFile

UINT_MAX = (1 << 63) - 1
SINT_MAX = (1 << 62) - 1
MAX_TEXT = 255


def uint(value: int) -> bytes:
    """Pack an unsigned integer as LEB128: seven bits per byte, lowest first, the high bit set if more follow."""
    if not 0 <= value <= UINT_MAX:
        raise ValueError(f"{value} does not fit an unsigned field")
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> int:
    """Map 0, -1, 1, -2, 2 ... to 0, 1, 2, 3, 4 ..."""
    return value * 2 if value >= 0 else -value * 2 - 1


def unzigzag(code: int) -> int:
    """The inverse of `zigzag`."""
    return code >> 1 if code & 1 == 0 else -(code + 1 >> 1)


def sint(value: int) -> bytes:
    """Pack a signed integer: zigzag, then `uint`."""
    if abs(value) > SINT_MAX:
        raise ValueError(f"{value} does not fit a signed field")
    return uint(zigzag(value))


def blob(data: bytes) -> bytes:
    """Pack bytes: their length as `uint`, then the bytes."""
    return uint(len(data)) + data


def text(value: str) -> bytes:
    """Pack printable text of at most 255 bytes: UTF-8 as `blob`."""
    if not value.isprintable():
        raise ValueError(f"{value[:40]!r} cannot be printed")
    data = value.encode()
    if len(data) > MAX_TEXT:
        raise ValueError(f"{value[:40]!r}... is over {MAX_TEXT} bytes")
    return blob(data)


def double(value: float) -> bytes:
    """Pack a float as IEEE 754 binary64, little-endian."""
    return struct.pack("<d", value)


def ratio(value: Fraction | None) -> bytes:
    """Pack a positive ratio: numerator and denominator as `uint`. None is a single 0."""
    if value is None:
        return uint(0)
    if value <= 0:
        raise ValueError(f"{value} is no positive ratio")
    return uint(value.numerator) + uint(value.denominator)


class Cursor:
    """Parses one field after the other. Raises DamagedFile, with `where` in the message, for an invalid field."""

    def __init__(self, data: bytes | memoryview, where: str) -> None:
        self.data = memoryview(data)
        self.at = 0
        self.where = where

    @property
    def left(self) -> int:
        """Number of bytes that are not parsed yet."""
        return len(self.data) - self.at

    def fail(self, problem: str) -> NoReturn:
        """Raise DamagedFile with this problem."""
        raise DamagedFile(f"{self.where}: {problem}")

    def raw(self, size: int, name: str) -> bytes:
        """Take exactly `size` bytes."""
        if size > self.left:
            self.fail(f"the {name} needs {size} bytes where {self.left} are left")
        self.at += size
        return bytes(self.data[self.at - size : self.at])

    def uint(self, name: str, high: int = UINT_MAX, low: int = 0) -> int:
        """Parse an unsigned integer in low .. high, in its shortest form."""
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
            self.fail(f"the {name} is not in its shortest form")  # equal values have equal bytes
        if not low <= value <= high:
            self.fail(f"the {name} is {value}, outside {low} to {high}")
        return value

    def sint(self, name: str) -> int:
        """Parse a signed integer."""
        return unzigzag(self.uint(name))

    def count(self, name: str, each: int, high: int = UINT_MAX) -> int:
        """Parse the number of items that follow, of at least `each` bytes. Fails if they cannot fit the bytes left."""
        number = self.uint(name, high)
        if number * each > self.left:
            self.fail(f"{number} {name} cannot be in {self.left} bytes")
        return number

    def blob(self, name: str, max_size: int) -> bytes:
        """Parse bytes that follow their length."""
        return self.raw(self.uint(f"length of the {name}", max_size), name)

    def text(self, name: str, max_size: int = MAX_TEXT) -> str:
        """Parse UTF-8 that follows its length, without control characters, which could attack a terminal."""
        try:
            value = self.blob(name, max_size).decode()
        except UnicodeDecodeError:
            self.fail(f"the {name} is not UTF-8")
        if not value.isprintable():
            self.fail(f"the {name} has letters that cannot be printed")
        return value

    def double(self, name: str) -> float:
        """Parse a finite number."""
        (value,) = struct.unpack("<d", self.raw(8, name))
        if not math.isfinite(value):
            self.fail(f"the {name} is {value}")
        return float(value)

    def ratio(self, name: str) -> Fraction | None:
        """Parse a positive ratio, or None."""
        numerator = self.uint(name)
        return Fraction(numerator, self.uint(name, low=1)) if numerator else None

    def end(self) -> None:
        """Fail if bytes are left."""
        if self.left:
            self.fail(f"{self.left} bytes too many")
