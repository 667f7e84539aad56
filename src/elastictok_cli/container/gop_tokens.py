"""The tokens of one GOP, read from its payload block by block."""

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
    """Tokens of each block, one entry per tile, one block at a time so that memory stays flat.

    tables: start values out of the model's weights, for syntaxes that have them.
    check_counts: compare the counts in the file's table with those of the tokens. A syntax may not need the counts to
    read its tokens, and counting them takes time.
    Raises DamagedFile; the digest of the tokens can only be compared behind the last block.
    """
    if not find_syntax(header.syntax, where).codes:
        check_size(header, where)  # such a syntax lays out the whole picture before it reads the first token
    decoder = token_decoder(gop.payload, header, tables, where)
    for number, block in enumerate(gop.blocks):
        tokens = tuple(
            decoder.read(block.frames, record.count, record.step, tile) for tile, record in enumerate(block.tiles)
        )
        if check_counts:
            for found, record in zip(tokens, block.tiles, strict=True):
                if found.count != record.count:
                    raise DamagedFile(
                        f"{where}: block {number} has {found.count} tokens, not {record.count} as its table says"
                    )
        yield tokens
    decoder.finish(gop.digest)
