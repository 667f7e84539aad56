"""elastictok-nano, the bundled codec (docs/nano.md): its name and its syntax. The rest is loaded at first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...entropy.bitstream import Syntax, SyntaxDecoder, SyntaxEncoder, register_syntax
from ...errors import UsageError
from ..registry import LoadRequest, register_model
from .syntax import NAME, SYNTAX

if TYPE_CHECKING:
    from ...entropy.bitstream import StreamHeader
    from ..base import TokenModel


@register_model(NAME, about="comes with the package; the default", syntaxes=(SYNTAX,), weights="packaged")
def load(request: LoadRequest) -> TokenModel:
    """The codec with the weights of a .safetensors file.

    Raises UnsupportedFile as `read_weights`, UsageError for any precision but float32.
    """
    from .model import NanoModel
    from .weights import read_weights

    assert request.weights is not None, "the registry gives a packaged model its weights"
    if request.precision != "float32":
        raise UsageError(
            f"`precision` {request.precision}: {request.weights.stem} has one precision only; leave the option out"
        )
    return NanoModel(read_weights(request.weights))


def _encoder(header: StreamHeader, tables: Any) -> SyntaxEncoder:
    from .syntax.block import GopEncoder

    return GopEncoder(tables)


def _decoder(payload: bytes, header: StreamHeader, tables: Any, where: str) -> SyntaxDecoder:
    from .syntax.block import GopDecoder

    return GopDecoder(payload, tables, header.geometry.height, header.geometry.width)


register_syntax(Syntax(name=SYNTAX, encoder=_encoder, decoder=_decoder, place_size=8))
