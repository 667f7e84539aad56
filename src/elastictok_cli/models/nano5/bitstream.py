"""nano's token syntax ("nano/5") for the container."""

from __future__ import annotations

from ...container.entropy import register
from .model import SYNTAX
from .syntax.block import GopDecoder, GopEncoder


def register_syntax() -> None:
    """Teach the container nano's tokens."""
    register(
        SYNTAX,
        lambda geometry, tables: GopEncoder(tables),
        lambda payload, geometry, tables: GopDecoder(payload, tables, geometry.height, geometry.width),
    )
