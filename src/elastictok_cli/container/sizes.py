"""Bytes of a file by what they are for, as `info` and the report show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .chunks import CHUNK_EXTRA

if TYPE_CHECKING:
    from .reader import Reader


def chunk_bytes(reader: Reader) -> dict[str, int]:
    """'head' (signature and HEAD), 'tables' (GOP framing, times, block records), 'tokens', 'sound', 'index' (INDX and
    TAIL), 'other' (anything else, in recovery also damage). They add up to the size of the file."""
    parts = {"head": reader.start, "tables": 0, "tokens": 0, "sound": 0, "index": 0}
    for number, entry in enumerate(reader.index):
        tokens = len(reader.gop(number).payload)
        parts["tokens"] += tokens
        parts["tables"] += entry.length + CHUNK_EXTRA - tokens
    if not reader.recover:
        parts["index"] = reader.store.size - reader.stop
        between = reader.stop - reader.start - parts["tables"] - parts["tokens"]
        parts["sound"] = between if reader.header.audio else 0
    parts["other"] = reader.store.size - sum(parts.values())
    return parts
