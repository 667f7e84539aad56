"""Repair a header with one damaged byte by its checksums.

HEAD is the only chunk without which nothing can be decoded, and it is short. A CRC-32 detects a damaged byte and
nearly always identifies it: of the 255 n ways in which one of n bytes can be wrong, usually exactly one explains the
difference. If more bytes are damaged, no single byte fits, except in about one of 100,000 cases (255 n of 2^32 for
headers of the usual length). If the end mark is intact, its SHA-256 decides these cases. Only recovery repairs; a
strict reader never guesses.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator

import numpy as np

from ..errors import ElasticTokError
from . import format as fmt
from .chunks import parse_tail
from .framing import (
    CHUNK_END,
    CHUNK_EXTRA,
    CHUNK_START,
    TAIL_BYTES,
    chunk_payload,
    chunk_start,
    pack_chunk,
    parse_chunk_start,
)
from .head import parse_head
from .store import FileStore

MAX_HEAD_BYTES = 1 << 14  # longer headers are not repaired; usual ones have about a hundred bytes
CRC_STEPS = np.array([zlib.crc32(bytes([i])) ^ zlib.crc32(b"\0") for i in range(256)], np.uint32)


def repaired_head(store: FileStore, offset: int) -> tuple[bytes, int] | None:
    """Return (payload, offset of the damaged byte) of the HEAD chunk at `offset`, or None if one byte is not enough.

    The checksum of the payload holds, and `parse_head` accepts it.
    """
    chunk = store.read(offset, MAX_HEAD_BYTES + CHUNK_EXTRA)
    candidates: dict[bytes, int] = {}
    for payload, at in _candidates(chunk):
        try:
            parse_head(payload, "header")
        except ElasticTokError:
            continue
        candidates[payload] = at
    # A candidate that the file digest confirms is certain. If it confirms none, more than the header is damaged.
    certain = {payload: at for payload, at in candidates.items() if _confirmed(store, offset, payload)}
    candidates = certain or candidates
    if len(candidates) != 1:
        return None
    ((payload, at),) = candidates.items()
    return payload, offset + at


def _candidates(chunk: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield each payload that one changed byte makes valid, and the position of this byte in the chunk."""
    start = parse_chunk_start(chunk[:CHUNK_START])
    if start is not None and start[0] == fmt.HEAD:
        payload, stored = _split(chunk, start[1])
        if len(payload) == start[1] <= MAX_HEAD_BYTES and len(stored) == CHUNK_END:
            yield from _payload_candidates(payload, int.from_bytes(stored, "little"))
        return
    for at in range(min(CHUNK_START, len(chunk))):
        for value in range(256):
            start = parse_chunk_start(chunk[:at] + bytes([value]) + chunk[at + 1 : CHUNK_START])
            if start is None or start[0] != fmt.HEAD:
                continue
            payload, stored = _split(chunk, start[1])
            if len(stored) == CHUNK_END and zlib.crc32(payload) == int.from_bytes(stored, "little"):
                yield payload, at


def _split(chunk: bytes, length: int) -> tuple[bytes, bytes]:
    """Return the payload of a chunk and its stored CRC."""
    end = CHUNK_START + length
    return chunk[CHUNK_START:end], chunk[end : end + CHUNK_END]


def _payload_candidates(payload: bytes, stored: int) -> Iterator[tuple[bytes, int]]:
    """Yield the candidates of a chunk whose first 12 bytes are intact. stored: the CRC in the file."""
    difference = np.uint32(zlib.crc32(payload) ^ stored)
    wrong = [i for i, byte in enumerate(int(difference).to_bytes(CHUNK_END, "little")) if byte]
    if len(wrong) == 1:  # the checksum itself is damaged
        yield payload, CHUNK_START + len(payload) + wrong[0]
    # effect[c]: what changing a byte by XOR with c does to the CRC; first for the last byte, then for the one before.
    effect = CRC_STEPS.copy()
    for at in range(len(payload) - 1, -1, -1):
        for change in np.flatnonzero(effect == difference).tolist():
            yield payload[:at] + bytes([payload[at] ^ change]) + payload[at + 1 :], CHUNK_START + at
        effect = CRC_STEPS[effect & 255] ^ (effect >> 8)


def _confirmed(store: FileStore, offset: int, payload: bytes) -> bool:
    """Whether the file with this header has the digest that its end mark stores."""
    digest = _stored_digest(store)
    if digest is None:
        return False
    total = hashlib.sha256(store.read(0, offset) + pack_chunk(fmt.HEAD, payload))
    for piece in store.pieces(offset + len(payload) + CHUNK_EXTRA, store.size - TAIL_BYTES):
        total.update(piece)
    return total.digest()[:16] == digest


def _stored_digest(store: FileStore) -> bytes | None:
    """Return the file digest in TAIL, or None if TAIL is missing or damaged."""
    at = store.size - TAIL_BYTES
    if at < 0 or chunk_start(store, at) != (fmt.TAIL, fmt.MAX_BYTES[fmt.TAIL]):
        return None
    payload = chunk_payload(store, at, fmt.MAX_BYTES[fmt.TAIL])
    return None if payload is None else parse_tail(payload, "end mark")[1]
