"""Commands that take the options of `encode`: the same names, checks, words and order, from its own signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, get_type_hints

from .encode import encode
from .settings import GOALS

# What decides the bytes of a file; the rest of encode's options is about one file and one terminal.
SHARED = (
    *GOALS, "no_measure", "max_tokens", "strict", "percentile", "picture_size", "start", "duration", "no_audio",
    "gop", "search", "effort", "model", "device", "precision",
)  # fmt: skip


def takes_encode_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: the options in SHARED come behind the command's own, gathered in its argument `options`."""
    own, hints = inspect.signature(command), get_type_hints(command, include_extras=True)
    theirs, their_hints = inspect.signature(encode), get_type_hints(encode, include_extras=True)
    parameters = [p.replace(annotation=hints[p.name]) for p in own.parameters.values() if p.name != "options"]
    parameters += [theirs.parameters[name].replace(annotation=their_hints[name]) for name in SHARED]

    @wraps(command)
    def called(**arguments: Any) -> Any:
        options = {name: arguments.pop(name) for name in SHARED}
        return command(**arguments, options=options)

    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {p.name: p.annotation for p in parameters}
    return called
