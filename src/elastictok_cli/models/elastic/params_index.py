"""Indexes the original's parameter file: where each tensor lies in it, without copying one.

The file is a sequence of msgpack objects [key path, bytes]. The bytes are a msgpack document again: shape, type and raw
values of one tensor. This reader knows only as much of msgpack. It runs nothing and checks every length against the
bytes that are left. msgpack-python cannot replace it: it copies every byte string, up to a gigabyte per tensor here.
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError

ITEM_SIZES = {"float32": 4, "bfloat16": 2}  # bytes per value, by type of weights
MAX_TENSORS = 100_000
MAX_KEY_PARTS = 32
MAX_AXES = 8

# First bytes of other files that users are likely to give, and what these are.
SIGNATURES = (
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
    """One tensor of the file.

    pieces: (offset, length) in bytes; together they are the values in C order, little-endian.
    """

    key: str
    dtype: str
    shape: tuple[int, ...]
    pieces: tuple[tuple[int, int], ...]


class _Malformed(Exception):
    """The bytes are no parameter file: the message says why. The caller adds where."""


class _Cursor:
    """Reads msgpack values from data[at:end], one after another. Raises _Malformed for an unexpected value."""

    def __init__(self, data: mmap.mmap | bytes, at: int, end: int) -> None:
        self.data, self.at, self.end = data, at, end

    def take(self, count: int) -> bytes:
        return bytes(self.data[self.skip(count) : self.at])

    def skip(self, count: int) -> int:
        """Move `count` bytes on. Returns the position before them."""
        if count > self.end - self.at:
            raise _Malformed(f"ends {count - (self.end - self.at):,} bytes too early")
        self.at += count
        return self.at - count

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def tag(self) -> int:
        return self.number(1)

    def array(self, max_length: int) -> int:
        """The length of an array, whose items follow."""
        tag = self.tag()
        if 0x90 <= tag <= 0x9F:
            count = tag & 15
        elif tag in (0xDC, 0xDD):
            count = self.number(2 if tag == 0xDC else 4)
        else:
            raise _Malformed(f"byte 0x{tag:02x} where a list should start")
        if count > max_length:
            raise _Malformed(f"a list of {count} where at most {max_length} belong")
        return count

    def uint(self) -> int:
        tag = self.tag()
        if tag < 0x80:
            return tag
        if 0xCC <= tag <= 0xCF:
            return self.number(1 << (tag - 0xCC))
        raise _Malformed(f"byte 0x{tag:02x} where a number should be")

    def blob(self) -> tuple[int, int]:
        """Offset and length of a byte string or text, which is skipped."""
        tag = self.tag()
        if 0xA0 <= tag <= 0xBF:
            count = tag & 31
        elif 0xC4 <= tag <= 0xC6:
            count = self.number(1 << (tag - 0xC4))
        elif 0xD9 <= tag <= 0xDB:
            count = self.number(1 << (tag - 0xD9))
        else:
            raise _Malformed(f"byte 0x{tag:02x} where bytes should start")
        return self.skip(count), count

    def text(self) -> str:
        offset, count = self.blob()
        if count > 200:
            raise _Malformed("a name of more than 200 letters")
        try:
            name = self.data[offset : offset + count].decode("utf-8")
        except UnicodeDecodeError:
            raise _Malformed("a name that is not text") from None
        if not name.isprintable():
            raise _Malformed("a name that is not text")
        return name

    def ext(self) -> tuple[int, _Cursor]:
        """Type and content of an extension value, which is skipped."""
        tag = self.tag()
        if 0xD4 <= tag <= 0xD8:
            count = 1 << (tag - 0xD4)
        elif 0xC7 <= tag <= 0xC9:
            count = self.number(1 << (tag - 0xC7))
        else:
            raise _Malformed(f"byte 0x{tag:02x} where a tensor should start")
        kind = self.tag()
        start = self.skip(count)
        return kind, _Cursor(self.data, start, self.at)


def read_index(path: Path, data: mmap.mmap) -> dict[str, Entry]:
    """The tensors of a parameter file, by key, with '/' between the parts of a key.

    path: of the file, for messages. data: the file, mapped. Of a training state, only params/params is indexed. Raises
    InputError for any other file or a damaged one.
    """
    name, size = path.name, len(data)
    for signature, what in SIGNATURES:
        if data[: len(signature)] == signature:
            raise InputError(f"{name}: is {what}")
    entries: dict[str, Entry] = {}
    cursor = _Cursor(data, 0, size)
    key = ""
    try:
        for count in range(MAX_TENSORS + 1):
            if cursor.at == size:
                break
            if count == MAX_TENSORS:
                raise _Malformed(f"more than {MAX_TENSORS:,} tensors")
            start, key = cursor.at, ""
            if cursor.array(2) != 2:
                raise _Malformed("a list of another length where [key, tensor] belongs")
            key = "/".join(cursor.text() for _ in range(cursor.array(MAX_KEY_PARTS)))
            offset, length = cursor.blob()
            entry = _entry(key, _Cursor(data, offset, offset + length))
            if entry is not None:
                if entry.key in entries:
                    raise _Malformed("the second tensor of this name")
                entries[entry.key] = entry
    except _Malformed as error:
        if not entries and not key:
            raise InputError(f"{name}: not a parameter file of the original ElasticTok ({error})") from None
        where = f"tensor {key}" if key else f"the object at byte {start:,}"
        raise InputError(f"{name}: damaged or incomplete: {where}: {error}; fetch the file again") from None
    return entries


def _entry(key: str, cursor: _Cursor) -> Entry | None:
    """The tensor of one object, None if it is no weight of the model."""
    if key.startswith("params/params/"):
        key = key.removeprefix("params/params/")
    elif not key.startswith(("encoder/", "decoder/")):
        return None
    # A tensor of more than 2^30 bytes is a map of flat pieces.
    if cursor.at < cursor.end and cursor.data[cursor.at] == 0x83:
        return _chunked(key, cursor)
    kind, inner = cursor.ext()
    if kind not in (1, 3):
        raise _Malformed(f"an extension of type {kind} where a tensor belongs")
    dtype, shape, piece = _array(inner)
    if cursor.at != cursor.end or inner.at != inner.end:
        raise _Malformed("bytes behind its end")
    return Entry(key, dtype, shape, (piece,))


def _array(inner: _Cursor) -> tuple[str, tuple[int, ...], tuple[int, int]]:
    """Type, shape and (offset, length) of the values of one array."""
    if inner.array(3) != 3:
        raise _Malformed("a list of another length where [shape, type, numbers] belongs")
    shape = tuple(inner.uint() for _ in range(inner.array(MAX_AXES)))
    dtype = inner.text()
    if dtype not in ITEM_SIZES:
        raise _Malformed(f"numbers of type {dtype[:20]!r}; weights are {' or '.join(ITEM_SIZES)}")
    piece = inner.blob()
    if piece[1] != math.prod(shape) * ITEM_SIZES[dtype]:
        raise _Malformed(f"{piece[1]:,} bytes of numbers for a shape of {shape}")
    return dtype, shape, piece


def _chunked(key: str, cursor: _Cursor) -> Entry:
    """A tensor in pieces: {"__msgpack_chunked_array__": true, "shape": {"0": n, ..}, "chunks": {"0": tensor, ..}}."""
    shape: tuple[int, ...] = ()
    parts: list[tuple[str, tuple[int, ...], tuple[int, int]]] = []
    cursor.skip(1)
    for _ in range(3):
        match cursor.text():
            case "__msgpack_chunked_array__":
                if cursor.tag() != 0xC3:
                    raise _Malformed("a map that is no tensor")
            case "shape":
                shape = tuple(cursor.uint() for _ in _numbered(cursor))
            case "chunks":
                parts = [_array(cursor.ext()[1]) for _ in _numbered(cursor)]
            case other:
                raise _Malformed(f"a map with {other!r} where a tensor belongs")
    if not parts or len({dtype for dtype, _, _ in parts}) != 1:
        raise _Malformed("pieces of different types, or none")
    if sum(math.prod(piece) for _, piece, _ in parts) != math.prod(shape) or len(shape) > MAX_AXES:
        raise _Malformed(f"pieces that do not make a shape of {shape}")
    return Entry(key, parts[0][0], shape, tuple(piece for _, _, piece in parts))


def _numbered(cursor: _Cursor) -> Iterator[int]:
    """Iterate over a map {"0": ..., "1": ..., ...}; the caller reads each value."""
    tag = cursor.tag()
    if not 0x80 <= tag <= 0x8F and tag != 0xDE:
        raise _Malformed(f"byte 0x{tag:02x} where a map should start")
    for number in range(tag & 15 if tag != 0xDE else cursor.number(2)):
        if cursor.text() != str(number):
            raise _Malformed("pieces out of order")
        yield number
