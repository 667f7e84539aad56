"""elastictok: adaptive video tokenization, after ElasticTok (arXiv 2410.08368).

    import elastictok_cli as et

    et.encode("in.mp4", "in.etok", target=et.Target.threshold(0.007))
    with et.open_etok("in.etok") as file:
        for block in file.tokens(): ...

    tokenizer = et.Tokenizer.from_pretrained("elastictok-mini")
    codes = tokenizer.encode(video, threshold=0.007)  # video: uint8 (T, H, W, 3)

The names below are those of `elastictok_cli.api` and `elastictok_cli.tokenizer`. They are loaded when first used, so
that importing the package, as every command does, costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .version import __version__ as __version__

if TYPE_CHECKING:
    from .api import (
        DecodeSettings,
        EncodeSettings,
        EtokFile,
        Target,
        TokenBlock,
        decode,
        encode,
        load_model,
        open_etok,
        verify,
    )
    from .tokenizer import Codes, Tokenizer

__all__ = [
    "Codes",
    "DecodeSettings",
    "EncodeSettings",
    "EtokFile",
    "Target",
    "TokenBlock",
    "Tokenizer",
    "__version__",
    "decode",
    "encode",
    "load_model",
    "open_etok",
    "verify",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in ("Codes", "Tokenizer"):
        from . import tokenizer

        return getattr(tokenizer, name)
    from . import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted(__all__)
