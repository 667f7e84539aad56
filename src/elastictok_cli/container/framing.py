"""Chunks: a type, a length, a payload, and a checksum for each (docs/format.md)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from . import format as fmt
from .store import FileStore

CHUNK_START, CHUNK_END = 12, 4  # bytes before and after a payload
CHUNK_EXTRA = CHUNK_START + CHUNK_END
TAIL_BYTES = CHUNK_EXTRA + fmt.MAX_BYTES[fmt.TAIL]  # of the whole chunk

Chunk = tuple[bytes, int, bytes]  # type, offset, payload


def pack_chunk(kind: bytes, payload: bytes) -> bytes:
    """Return type | length | CRC of both | payload | CRC of the payload."""
    if len(payload) > max_bytes(kind):
        raise ValueError(f"a {kind.decode()} chunk of {len(payload)} bytes is over its maximum")
    start = struct.pack("<4sI", kind, len(payload))
    return start + struct.pack("<I", zlib.crc32(start)) + payload + struct.pack("<I", zlib.crc32(payload))


def parse_chunk_start(data: bytes) -> tuple[bytes, int] | None:
    """Return type and payload length, or None if the first 12 bytes of `data` do not start a chunk."""
    if len(data) < CHUNK_START:
        return None
    kind, length, crc = struct.unpack("<4sII", data[:CHUNK_START])
    if zlib.crc32(data[:8]) != crc or not kind.decode("latin-1").replace(" ", "").isalpha():
        return None
    return kind, length


def max_bytes(kind: bytes) -> int:
    """The largest payload of a chunk type, known or unknown."""
    return fmt.MAX_BYTES.get(kind, fmt.MAX_UNKNOWN_BYTES)


def chunk_start(store: FileStore, offset: int) -> tuple[bytes, int] | None:
    """Return type and payload length of the chunk at `offset`, or None if no chunk of a valid length starts there."""
    start = parse_chunk_start(store.read(offset, CHUNK_START))
    return None if start is None or start[1] > max_bytes(start[0]) else start


def chunk_payload(store: FileStore, offset: int, length: int) -> bytes | None:
    """Return the payload of the chunk at `offset`, or None if it is incomplete or its CRC differs."""
    if offset + length + CHUNK_EXTRA > store.size:
        return None
    data = store.read(offset + CHUNK_START, length + CHUNK_END)
    payload, crc = data[:length], data[length:]
    return payload if len(crc) == CHUNK_END and zlib.crc32(payload) == int.from_bytes(crc, "little") else None


def walk(store: FileStore, offset: int) -> Iterator[Chunk]:
    """Yield the chunks from `offset` on, up to the first that is damaged."""
    while (start := chunk_start(store, offset)) is not None:
        kind, length = start
        payload = chunk_payload(store, offset, length)
        if payload is None:
            return
        yield kind, offset, payload
        offset += length + CHUNK_EXTRA
