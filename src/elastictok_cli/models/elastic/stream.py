"""Reads the index of an original parameter stream: where each tensor lies in the file, nothing more.

The stream is msgpack objects one after another, each [key path, bytes], the bytes again a msgpack document of
shape, type and raw numbers. This reader knows just that much of msgpack. It copies no tensor, runs nothing,
and checks every length against the bytes that are there.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError

ITEM_SIZES = {"float32": 4, "bfloat16": 2}  # the types that weights come in
MOST_TENSORS = 100_000
MOST_KEY_PARTS = 32
MOST_AXES = 8

# Files that a likely slip hands over instead.
MARKS = (
    (b"\x80\x02", "a Python pickle, which can run code and is never opened; give the file called 'params'"),
    (b"\x80\x03", "a Python pickle, which can run code and is never opened; give the file called 'params'"),
    (b"\x80\x04", "a Python pickle, which can run code and is never opened; give the file called 'params'"),
    (b"\x80\x05", "a Python pickle, which can run code and is never opened; give the file called 'params'"),
    (
        b"PK",
        "a zip or PyTorch file, which may hold a pickle and is never opened; give the file called 'params'",
    ),
    (b"version https://git-lfs", "a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'"),
    (b"\x1f\x8b", "a gzip file; unpack it first"),
    (b"<", "a page of HTML or XML; the download went wrong"),
)


@dataclass(frozen=True)
class Entry:
    """One tensor. pieces: (offset, bytes) in the file, one after another in C order, little-endian."""

    key: str
    dtype: str
    shape: tuple[int, ...]
    pieces: tuple[tuple[int, int], ...]


class _Wrong(Exception):
    """What is wrong here; the caller knows where."""


class _Cursor:
    """Takes msgpack values from data[at:end]. Raises _Wrong where there are none, or others than expected."""

    def __init__(self, data: mmap.mmap | bytes, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end

    def take(self, count: int) -> bytes:
        return bytes(self.data[self.skip(count) : self.at])

    def skip(self, count: int) -> int:
        """Move on; where it was."""
        if count > self.end - self.at:
            raise _Wrong(f"ends {count - (self.end - self.at):,} bytes too early")
        self.at += count
        return self.at - count

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def tag(self) -> int:
        return self.number(1)

    def array(self, most: int) -> int:
        """Length of an array."""
        tag = self.tag()
        if 0x90 <= tag <= 0x9F:
            count = tag & 15
        elif tag in (0xDC, 0xDD):
            count = self.number(2 if tag == 0xDC else 4)
        else:
            raise _Wrong(f"byte 0x{tag:02x} where a list should start")
        if count > most:
            raise _Wrong(f"a list of {count} where at most {most} belong")
        return count

    def uint(self) -> int:
        tag = self.tag()
        if tag < 0x80:
            return tag
        if 0xCC <= tag <= 0xCF:
            return self.number(1 << (tag - 0xCC))
        raise _Wrong(f"byte 0x{tag:02x} where a number should be")

    def blob(self) -> tuple[int, int]:
        """Offset and length of a byte string (or text)."""
        tag = self.tag()
        if 0xA0 <= tag <= 0xBF:
            count = tag & 31
        elif 0xC4 <= tag <= 0xC6:
            count = self.number(1 << (tag - 0xC4))
        elif 0xD9 <= tag <= 0xDB:
            count = self.number(1 << (tag - 0xD9))
        else:
            raise _Wrong(f"byte 0x{tag:02x} where bytes should start")
        return self.skip(count), count

    def text(self) -> str:
        offset, count = self.blob()
        if count > 200:
            raise _Wrong("a name of more than 200 letters")
        try:
            name = self.data[offset : offset + count].decode("utf-8")
        except UnicodeDecodeError:
            raise _Wrong("a name that is not text") from None
        if not name.isprintable():
            raise _Wrong("a name that is not text")
        return name

    def ext(self) -> tuple[int, _Cursor]:
        """Kind and content of an extension value."""
        tag = self.tag()
        if 0xD4 <= tag <= 0xD8:
            count = 1 << (tag - 0xD4)
        elif 0xC7 <= tag <= 0xC9:
            count = self.number(1 << (tag - 0xC7))
        else:
            raise _Wrong(f"byte 0x{tag:02x} where a tensor should start")
        kind = self.tag()
        start = self.skip(count)
        return kind, _Cursor(self.data, start, self.at)


def read_index(path: Path, data: mmap.mmap) -> dict[str, Entry]:
    """All tensors of the model in the stream, by their keys with '/' between the parts.

    Of a whole training state only what is under params/params is read. data: the file, mapped.
    Raises InputError saying what is wrong and where.
    """
    name, size = path.name, len(data)
    for mark, what in MARKS:
        if data[: len(mark)] == mark:
            raise InputError(f"{name}: is {what}")
    entries: dict[str, Entry] = {}
    cursor = _Cursor(data, 0, size)
    key = ""
    try:
        for count in range(MOST_TENSORS + 1):
            if cursor.at == size:
                break
            if count == MOST_TENSORS:
                raise _Wrong(f"more than {MOST_TENSORS:,} tensors")
            start, key = cursor.at, ""
            if cursor.array(2) != 2:
                raise _Wrong("a list of another length where [key, tensor] belongs")
            key = "/".join(cursor.text() for _ in range(cursor.array(MOST_KEY_PARTS)))
            offset, length = cursor.blob()
            entry = _entry(key, _Cursor(data, offset, offset + length))
            if entry is not None:
                if entry.key in entries:
                    raise _Wrong("the second tensor of this name")
                entries[entry.key] = entry
    except _Wrong as error:
        if not entries and not key:
            raise InputError(f"{name}: not a parameter stream of the original ElasticTok ({error})") from None
        where = f"tensor {key}" if key else f"the object at byte {start:,}"
        raise InputError(f"{name}: damaged or incomplete: {where}: {error}; fetch the file again") from None
    return entries


def _entry(key: str, cursor: _Cursor) -> Entry | None:
    """None for what is no weight of the model."""
    if key.startswith("params/params/"):
        key = key.removeprefix("params/params/")
    elif not key.startswith(("encoder/", "decoder/")):
        return None
    # a tensor of more than 2^30 bytes is a map of flat pieces
    if cursor.at < cursor.end and cursor.data[cursor.at] == 0x83:
        return _chunked(key, cursor)
    kind, inner = cursor.ext()
    if kind not in (1, 3):
        raise _Wrong(f"an extension of type {kind} where a tensor belongs")
    dtype, shape, piece = _array(inner)
    if cursor.at != cursor.end or inner.at != inner.end:
        raise _Wrong("bytes behind its end")
    return Entry(key, dtype, shape, (piece,))


def _array(inner: _Cursor) -> tuple[str, tuple[int, ...], tuple[int, int]]:
    if inner.array(3) != 3:
        raise _Wrong("a list of another length where [shape, type, numbers] belongs")
    shape = tuple(inner.uint() for _ in range(inner.array(MOST_AXES)))
    dtype = inner.text()
    if dtype not in ITEM_SIZES:
        raise _Wrong(f"numbers of type {dtype[:20]!r}; weights are {' or '.join(ITEM_SIZES)}")
    piece = inner.blob()
    if piece[1] != math.prod(shape) * ITEM_SIZES[dtype]:
        raise _Wrong(f"{piece[1]:,} bytes of numbers for a shape of {shape}")
    return dtype, shape, piece


def _chunked(key: str, cursor: _Cursor) -> Entry:
    """{"__msgpack_chunked_array__": true, "shape": {"0": n, ...}, "chunks": {"0": tensor, ...}}."""
    shape: tuple[int, ...] = ()
    parts: list[tuple[str, tuple[int, ...], tuple[int, int]]] = []
    cursor.skip(1)
    for _ in range(3):
        match cursor.text():
            case "__msgpack_chunked_array__":
                if cursor.tag() != 0xC3:
                    raise _Wrong("a map that is no tensor")
            case "shape":
                shape = tuple(cursor.uint() for _ in _numbered(cursor))
            case "chunks":
                parts = [_array(cursor.ext()[1]) for _ in _numbered(cursor)]
            case other:
                raise _Wrong(f"a map with {other!r} where a tensor belongs")
    if not parts or len({dtype for dtype, _, _ in parts}) != 1:
        raise _Wrong("pieces of different types, or none")
    if sum(math.prod(piece) for _, piece, _ in parts) != math.prod(shape) or len(shape) > MOST_AXES:
        raise _Wrong(f"pieces that do not make a shape of {shape}")
    return Entry(key, parts[0][0], shape, tuple(piece for _, _, piece in parts))


def _numbered(cursor: _Cursor) -> Iterator[int]:
    """Over the values of a map {"0": ..., "1": ..., ...}."""
    tag = cursor.tag()
    if not 0x80 <= tag <= 0x8F and tag != 0xDE:
        raise _Wrong(f"byte 0x{tag:02x} where a map should start")
    for number in range(tag & 15 if tag != 0xDE else cursor.number(2)):
        if cursor.text() != str(number):
            raise _Wrong("pieces out of order")
        yield number
