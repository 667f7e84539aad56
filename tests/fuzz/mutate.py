"""Inputs that are nearly right: bytes of a seed, changed in the ways in which parsers are usually caught.

Everything follows from a seed and a number, so that any input can be made again from these two.
"""

from __future__ import annotations

import hashlib
import random
import struct
import zlib
from collections.abc import Sequence

from elastictok_cli.container.chunks import pack_tail
from elastictok_cli.container.format import SIGNATURE
from elastictok_cli.container.framing import pack_chunk, parse_chunk_start

# LEB128 at its bounds, not in its shortest form, without an end; u32 and doubles at theirs.
NASTY = (
    b"\x00", b"\x01", b"\x7f", b"\x80\x01", b"\xff" * 8 + b"\x7f", b"\xff" * 9, b"\x80" * 9, b"\x80\x00",
    b"\x80\x80\x80\x80\x10", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80",
    struct.pack("<d", float("nan")), struct.pack("<d", float("inf")), struct.pack("<d", -1.0), struct.pack("<d", 1e308),
    b"\xc6\xff\xff\xff\xff", b"\xdd\xff\xff\xff\xff", b"\xdf\x00\x10\x00\x00", b"\x91" * 40, b"\x9f", b"\xc1", b"\x8f",
)  # fmt: skip


def rng(seed: int, number: int) -> random.Random:
    """One for each input; the same on every machine and Python."""
    return random.Random(hashlib.sha256(f"{seed} {number}".encode()).digest())


def mutated(data: bytes, chance: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """One to four changes. others: seeds from which pieces may be taken."""
    out = bytearray(data)
    for _ in range(chance.choice((1, 1, 1, 2, 3, 4))):
        at = chance.randrange(len(out) + 1)
        match chance.randrange(8):
            case 0 if at < len(out):
                out[at] ^= 1 << chance.randrange(8)
            case 1 if at < len(out):
                out[at] = chance.randrange(256)
            case 2:
                piece = chance.choice(NASTY)
                out[at : at + len(piece)] = piece
            case 3:
                out[at:at] = chance.choice(NASTY)
            case 4:
                del out[at : at + chance.randrange(1, 20)]
            case 5:
                out[at:at] = out[at : at + chance.randrange(1, 40)]
            case 6 if others:
                other = chance.choice(others)
                start = chance.randrange(len(other) + 1)
                out[at : at + 30] = other[start : start + chance.randrange(60)]
            case _:
                del out[at if chance.random() < 0.1 else len(out) :]
    return bytes(out)


def chunks_of(data: bytes) -> list[tuple[bytes, bytes]]:
    """(type, payload) of every chunk of a whole file."""
    found, at = [], len(SIGNATURE)
    while at < len(data):
        start = parse_chunk_start(data[at : at + 12])
        assert start is not None
        found.append((start[0], data[at + 12 : at + 12 + start[1]]))
        at += start[1] + 16
    return found


def sealed(chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A file of these chunks whose checksums and end mark all hold: what is wrong in it is inside the payloads."""
    body, index = SIGNATURE, 0
    for kind, payload in chunks:
        if kind != b"TAIL":
            packed = pack_chunk(kind, payload)
            index = len(packed) if kind == b"INDX" else index
            body += packed
    return body + pack_chunk(b"TAIL", pack_tail(index, hashlib.sha256(body).digest()[:16]))


def lying(data: bytes, chance: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """A whole file with one to three payloads changed, dropped, doubled or swapped, and every checksum right."""
    chunks = chunks_of(data)
    for _ in range(chance.choice((1, 1, 2, 3))):
        at = chance.randrange(len(chunks))
        kind, payload = chunks[at]
        match chance.randrange(10):
            case 0 if len(chunks) > 2:
                del chunks[at]
            case 1:
                chunks.insert(at, chunks[chance.randrange(len(chunks))])
            case 2:
                other = chance.randrange(len(chunks))
                chunks[at], chunks[other] = chunks[other], chunks[at]
            case 3:
                chunks.insert(at, (chance.choice((b"note", b"Note", b"GOP ", b"AUD ")), payload))
            case 4:
                chunks[at] = kind, zlib.compress(payload)
            case _:
                chunks[at] = kind, mutated(payload, chance, others)
    return sealed(chunks)
