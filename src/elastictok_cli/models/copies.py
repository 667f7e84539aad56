"""A model with another number of threads, and for another process.

A model is sent to a process by pickle, once. What cannot be pickled (thread pools) is left behind and made anew there.
"""

from __future__ import annotations

import copyreg
import sys
from typing import Any, cast

from .base import TokenModel


def with_threads(model: TokenModel, threads: int) -> TokenModel:
    """The same model, working in so many threads. States and tokens of one are those of the other."""
    nano = sys.modules.get(f"{__package__}.nano.model")  # a model of a module that is not loaded is none of it
    if nano is not None and isinstance(model, nano.NanoModel):
        return cast(TokenModel, nano.NanoModel(model.weights, threads))
    return model


def use_threads(threads: int) -> None:
    """How many threads torch uses from now on in this process, if it is loaded at all."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(threads)


def make_portable(model: TokenModel) -> TokenModel:
    """See that `pickle` can copy the model: the bundled one as its weights."""
    nano = sys.modules.get(f"{__package__}.nano.model")
    if nano is not None and isinstance(model, nano.NanoModel):
        copyreg.pickle(nano.NanoModel, _reduced)
    return model


def _reduced(model: Any) -> tuple[Any, tuple[Any, ...]]:
    return type(model), (model.weights, 1)
