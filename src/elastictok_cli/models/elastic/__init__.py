"""The original ElasticTok and elastictok-mini: their names and syntaxes. Torch is loaded at first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..registry import LoadRequest, Published, register_model
from .bitstream import FSQ_SYNTAX, VAE_SYNTAX

if TYPE_CHECKING:
    from ..base import TokenModel


@register_model(
    "elastictok-mini",
    about="comes with the package; the original's method in small",
    syntaxes=(FSQ_SYNTAX,),
    weights="packaged",
)
@register_model(
    "elastictok-fsq",
    about="the original, 16-bit codes",
    syntaxes=(FSQ_SYNTAX,),
    weights="home",
    published=Published(repository="LargeWorldModel/ElasticTok-FSQ", file="params", config="fsq"),
)
@register_model(
    "elastictok-vae",
    about="the original, 8 numbers a token",
    syntaxes=(VAE_SYNTAX,),
    weights="home",
    published=Published(repository="LargeWorldModel/ElasticTok-VAE", file="params", config="vae"),
)
def load(request: LoadRequest) -> TokenModel:
    """Load a network of the original's architecture. Raises UnsupportedFile, UsageError for a device."""
    from .load import load_model

    return load_model(request)
