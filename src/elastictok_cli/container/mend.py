"""A header with one damaged byte, put right by its checksums.

HEAD is the one chunk without which nothing can be shown, and it is short. A CRC-32 does not only notice a damaged
byte: among the 255 n ways in which one of n bytes can be wrong, the one that explains the difference is nearly always
alone. Where more bytes are damaged nothing fits, but for one case in 100,000 (255 n of 2^32 at the usual n); where
the end mark is whole its SHA-256 settles that too. For recovery only: a strict reader never guesses.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator

import numpy as np

from ..errors import ElasticTokError
from . import format as fmt
from .chunks import CHUNK_END, CHUNK_EXTRA, CHUNK_START, TAIL_BYTES, parse_chunk_start, parse_tail
from .head import parse_head
from .scan import chunk_payload, chunk_start
from .store import FileStore

MOST_BYTES = 1 << 14  # of a header that is searched; usual ones have about a hundred
PIECE = 1 << 20
CRC_STEPS = np.array([zlib.crc32(bytes([i])) ^ zlib.crc32(b"\0") for i in range(256)], np.uint32)


def mended_head(store: FileStore, offset: int) -> tuple[bytes, int] | None:
    """(payload, offset of the damaged byte) of the HEAD chunk at `offset`; None if one byte does not explain it.

    The payload has been parsed and its checksum holds.
    """
    chunk = store.read(offset, MOST_BYTES + CHUNK_EXTRA)
    found: dict[bytes, int] = {}
    for payload, at in _explanations(chunk):
        try:
            parse_head(payload, "header")
        except ElasticTokError:
            continue
        found[payload] = at
    # One that the digest confirms is certain; where it confirms none, more than the header is damaged.
    sure = {payload: at for payload, at in found.items() if _confirmed(store, offset, payload)}
    found = sure or found
    if len(found) != 1:
        return None
    ((payload, at),) = found.items()
    return payload, offset + at


def _explanations(chunk: bytes) -> Iterator[tuple[bytes, int]]:
    """Payloads that one other byte makes whole, and where in the chunk that byte is."""
    start = parse_chunk_start(chunk[:CHUNK_START])
    if start is not None and start[0] == fmt.HEAD:
        payload = chunk[CHUNK_START : CHUNK_START + start[1]]
        stored = chunk[CHUNK_START + start[1] : CHUNK_START + start[1] + CHUNK_END]
        if len(payload) == start[1] <= MOST_BYTES and len(stored) == CHUNK_END:
            yield from _payloads(payload, int.from_bytes(stored, "little"))
        return
    for at in range(min(CHUNK_START, len(chunk))):
        for value in range(256):
            other = parse_chunk_start(chunk[:at] + bytes([value]) + chunk[at + 1 : CHUNK_START])
            if other is None or other[0] != fmt.HEAD:
                continue
            payload = chunk[CHUNK_START : CHUNK_START + other[1]]
            stored = chunk[CHUNK_START + other[1] : CHUNK_START + other[1] + CHUNK_END]
            if len(stored) == CHUNK_END and zlib.crc32(payload) == int.from_bytes(stored, "little"):
                yield payload, at


def _payloads(payload: bytes, stored: int) -> Iterator[tuple[bytes, int]]:
    """The same for a chunk whose start is whole."""
    difference = np.uint32(zlib.crc32(payload) ^ stored)
    wrong = [i for i, byte in enumerate(int(difference).to_bytes(CHUNK_END, "little")) if byte]
    if len(wrong) == 1:  # the checksum itself is damaged
        yield payload, CHUNK_START + len(payload) + wrong[0]
    # What each of the 255 ways to change a byte does to the CRC: first of the last byte, then of the one before ...
    effect = CRC_STEPS.copy()
    for at in range(len(payload) - 1, -1, -1):
        for change in np.flatnonzero(effect == difference).tolist():
            yield payload[:at] + bytes([payload[at] ^ change]) + payload[at + 1 :], CHUNK_START + at
        effect = CRC_STEPS[effect & 255] ^ (effect >> 8)


def _tail_digest(store: FileStore) -> bytes | None:
    """What TAIL says that everything before it hashes to, if it is there and whole."""
    at = store.size - TAIL_BYTES
    if at < 0 or chunk_start(store, at) != (fmt.TAIL, fmt.MOST_BYTES[fmt.TAIL]):
        return None
    payload = chunk_payload(store, at, fmt.MOST_BYTES[fmt.TAIL])
    return None if payload is None else parse_tail(payload, "end mark")[1]


def _confirmed(store: FileStore, offset: int, payload: bytes) -> bool:
    """Whether the file with this header is the one that was written."""
    digest = _tail_digest(store)
    if digest is None:
        return False
    crc = zlib.crc32(payload).to_bytes(CHUNK_END, "little")
    start = fmt.HEAD + len(payload).to_bytes(4, "little")
    total = hashlib.sha256(store.read(0, offset) + start + zlib.crc32(start).to_bytes(4, "little") + payload + crc)
    at, end = offset + len(payload) + CHUNK_EXTRA, store.size - TAIL_BYTES
    while at < end:
        piece = store.read(at, min(PIECE, end - at))
        if not piece:
            return False
        total.update(piece)
        at += len(piece)
    return total.digest()[:16] == digest
