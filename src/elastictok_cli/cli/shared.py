"""Commands that take the options of `encode`: the same names, checks, words and order, from its own signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, get_type_hints

from .encode import encode, target_of_options

if TYPE_CHECKING:
    from ..batch.settings import Settings

# What decides the bytes of a file; the rest of encode's options is about one file and one terminal.
GOALS = ("threshold", "psnr", "tokens", "target_size", "target_bpp", "no_measure")
SHARED = (
    *GOALS, "max_tokens", "strict", "picture_size", "start", "duration", "no_audio", "gop", "search",
    "model", "device", "precision",
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


def settings_of(options: dict[str, Any]) -> Settings:
    """What `encode` would do with them. Raises UsageError as it does."""
    from ..batch.settings import Settings
    from ..errors import UsageError

    target = target_of_options(*(options[name] for name in GOALS))
    if target.is_size and options["strict"]:
        raise UsageError("--strict needs a threshold; with a size as the goal, leave it out")
    if options["max_tokens"] is not None and options["max_tokens"] < 1:
        raise UsageError(f"--max-tokens {options['max_tokens']}: must be 1 or more")
    return Settings(
        target,
        size=options["picture_size"],
        search=options["search"],
        max_tokens=options["max_tokens"],
        gop_blocks=options["gop"],
        start=options["start"],
        duration=options["duration"],
        audio=not options["no_audio"],
        strict=options["strict"],
    )
