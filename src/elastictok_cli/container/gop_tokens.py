"""Decode the tokens of one GOP, block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..entropy.bitstream import find_syntax, token_decoder
from ..errors import DamagedFile
from .format import Gop, Header
from .memory import check_size


def decode_gop(
    gop: Gop, header: Header, tables: Any = None, where: str = "tokens", check_counts: bool = True
) -> Iterator[tuple[Any, ...]]:
    """Yield the tokens of each block, one entry per tile. Only one block is in memory at a time.

    tables: start values from the model's weights, for syntaxes that need them.
    check_counts: compare the counts in the file's table with those of the tokens. Some syntaxes do not need the counts
    to decode their tokens, and counting takes time.
    Raises DamagedFile. The digest of the tokens can only be compared after the last block.
    """
    if not find_syntax(header.syntax, where).codes:
        check_size(header, where)  # these syntaxes allocate the whole picture before they read the first token
    decoder = token_decoder(gop.payload, header, tables, where)
    for number, block in enumerate(gop.blocks):
        tokens = tuple(
            decoder.read(block.frames, record.count, record.qindex, tile) for tile, record in enumerate(block.tiles)
        )
        if check_counts:
            for found, record in zip(tokens, block.tiles, strict=True):
                if found.count != record.count:
                    raise DamagedFile(
                        f"{where}: block {number} has {found.count} tokens, not {record.count} as its table says"
                    )
        yield tokens
    decoder.finish(gop.digest)
