"""elastictok: adaptive video tokenization, after ElasticTok (arXiv 2410.08368).

    import elastictok_cli as et

    et.encode("in.mp4", "in.etok", target=et.Target.threshold(0.007))
    with et.open_etok("in.etok") as file:
        for block in file.tokens(): ...

The names below are those of `elastictok_cli.api`. They are loaded when first used, so that importing the package, as
every command does, costs nothing.
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

__all__ = [
    "DecodeSettings",
    "EncodeSettings",
    "EtokFile",
    "Target",
    "TokenBlock",
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
    from . import api

    return getattr(api, name)


def __dir__() -> list[str]:
    return sorted(__all__)
