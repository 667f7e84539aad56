"""How many threads a model works in. What they are differs by model; its states and tokens do not."""

from __future__ import annotations

import sys

from .base import TokenModel


def with_threads(model: TokenModel, threads: int) -> TokenModel:
    """The same model, working in so many threads, if it has threads of its own (`with_threads`)."""
    own = getattr(model, "with_threads", None)
    changed: TokenModel = model if own is None else own(threads)
    return changed


def use_threads(threads: int) -> None:
    """How many threads torch uses from now on in this process, if it is loaded at all."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(threads)
