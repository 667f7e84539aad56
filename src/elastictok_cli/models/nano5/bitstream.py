"""nano's token syntax ("nano/5") for the container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...entropy.bitstream import Syntax, SyntaxDecoder, SyntaxEncoder, register_syntax
from .syntax.block import GopDecoder, GopEncoder

if TYPE_CHECKING:
    from ...entropy.bitstream import StreamHeader

SYNTAX = "nano/5"


def _encoder(header: StreamHeader, tables: Any) -> SyntaxEncoder:
    return GopEncoder(tables)


def _decoder(payload: bytes, header: StreamHeader, tables: Any, where: str) -> SyntaxDecoder:
    return GopDecoder(payload, tables, header.geometry.height, header.geometry.width)


def register() -> None:
    """Make the syntax known. Not done at import, as long as generation 4 is the bundled model."""
    register_syntax(Syntax(name=SYNTAX, encoder=_encoder, decoder=_decoder, places=True))
