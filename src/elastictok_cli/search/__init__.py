"""Search for the smallest effort that meets a threshold. `run` runs a strategy, `strategy` finds one by its name."""

from __future__ import annotations

import difflib

from ..errors import UsageError
from .base import Found, Search, Span, Strategy, run
from .fast import fast
from .strategies import binary, binned, full, original

__all__ = ["STRATEGIES", "Found", "Search", "Span", "Strategy", "run", "strategy"]

STRATEGIES: dict[str, Strategy] = {
    "fast": fast,
    "full": full,
    "binned": binned,
    "binary": binary,
    "original": original,
}


def strategy(name: str) -> Strategy:
    """Return the strategy with this name. Raises UsageError, which lists all names."""
    if name in STRATEGIES:
        return STRATEGIES[name]
    close = difflib.get_close_matches(name, STRATEGIES, 1)
    hint = f"; did you mean {close[0]}?" if close else ""
    raise UsageError(f"`search` {name}: unknown search; choose {', '.join(STRATEGIES)}{hint}")
