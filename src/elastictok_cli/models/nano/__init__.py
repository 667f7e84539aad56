"""elastictok-nano, the bundled codec (docs/nano.md): its name and its syntax. The rest is loaded at first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...entropy.bitstream import Syntax, SyntaxDecoder, SyntaxEncoder, register_syntax
from ..registry import LoadRequest, register_model
from .syntax import NAME, SYNTAX

if TYPE_CHECKING:
    from ...entropy.bitstream import StreamHeader
    from ..base import TokenModel


@register_model(NAME, about="comes with the package; the default", syntaxes=(SYNTAX,), weights="packaged")
def load(request: LoadRequest) -> TokenModel:
    """Load the codec with the weights of a .safetensors file. Errors: see `load_model` in weights.py."""
    from .weights import load_model

    return load_model(request)


def _encoder(header: StreamHeader, tables: Any) -> SyntaxEncoder:
    from .bitstream import GopEncoder

    return GopEncoder(tables)


def _decoder(payload: bytes, header: StreamHeader, tables: Any, where: str) -> SyntaxDecoder:
    from .bitstream import GopDecoder

    return GopDecoder(payload, tables, header.geometry.height, header.geometry.width)


register_syntax(Syntax(name=SYNTAX, encoder=_encoder, decoder=_decoder, places=True))
