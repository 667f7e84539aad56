"""Chunks of a file whose index cannot be trusted: one after the other, and across damage.

`walk` stops at the first chunk that is not whole. `rescue` goes on behind it, at the next place where twelve bytes are
a chunk start by their own CRC.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator

from . import format as fmt
from .chunks import CHUNK_END, CHUNK_EXTRA, CHUNK_START, parse_chunk_start
from .store import FileStore

WINDOW = 1 << 20
WASTE = 8  # times the file that may be read in vain: nested chunks that all fail must not cost quadratic time
KNOWN = re.compile(b"|".join(map(re.escape, fmt.MOST_BYTES)))

Chunk = tuple[bytes, int, bytes]  # type, offset, payload


def chunk_start(store: FileStore, offset: int) -> tuple[bytes, int] | None:
    """Type and length of the chunk at `offset`, if there is one by its header CRC and it can be of that length."""
    start = parse_chunk_start(store.read(offset, CHUNK_START))
    if start is None or start[1] > fmt.MOST_BYTES.get(start[0], fmt.MOST_UNKNOWN):
        return None
    return start


def chunk_payload(store: FileStore, offset: int, length: int) -> bytes | None:
    """The payload of the chunk at `offset`, if it is whole and its CRC holds."""
    if offset + length + CHUNK_EXTRA > store.size:
        return None
    data = store.read(offset + CHUNK_START, length + CHUNK_END)
    payload, crc = data[:length], data[length:]
    return payload if len(crc) == CHUNK_END and zlib.crc32(payload) == int.from_bytes(crc, "little") else None


def walk(store: FileStore, offset: int) -> Iterator[Chunk]:
    """Whole chunks from `offset` on, up to the first that is not."""
    while (start := chunk_start(store, offset)) is not None:
        kind, length = start
        payload = chunk_payload(store, offset, length)
        if payload is None:
            return
        yield kind, offset, payload
        offset += length + CHUNK_EXTRA


def rescue(store: FileStore, offset: int = 0) -> Iterator[tuple[bytes | None, int, bytes]]:
    """Every whole chunk from `offset` on. Where bytes had to be skipped: (None, offset, type of the broken chunk)."""
    budget = WASTE * store.size + WINDOW
    while offset < store.size:
        broken = b""
        start = chunk_start(store, offset)
        if start is not None and budget > 0:
            kind, length = start
            payload = chunk_payload(store, offset, length)
            if payload is not None:
                yield kind, offset, payload
                offset += length + CHUNK_EXTRA
                continue
            broken = kind
            budget -= min(length, store.size - offset)
            after = offset + length + CHUNK_EXTRA
            # Only the payload is bad: jump over it, lest something in it (a file in a file) pass for a chunk.
            if after == store.size or chunk_start(store, after) is not None:
                yield None, offset, broken
                offset = after
                continue
        yield None, offset, broken
        offset = _next_start(store, offset + 1) if budget > 0 else store.size


def _next_start(store: FileStore, offset: int) -> int:
    """The next offset at which a chunk of a known type starts, or the end of the file."""
    while offset < store.size:
        window = store.read(offset, WINDOW)
        for match in KNOWN.finditer(window):
            if chunk_start(store, offset + match.start()) is not None:
                return offset + match.start()
        if len(window) < WINDOW:
            break
        offset += len(window) - 3  # a type may lie across two windows
    return store.size
