"""The interface of a search: it proposes efforts, is sent their errors, and returns the effort that it chose.

An *effort* is an integer that stands for a candidate. A larger effort costs more tokens and mostly has a smaller error.
For a model with a quantiser ladder it is the step, counted from the coarse end; for other models it is the number of
tokens. A search sees no frames and no tokens.

    search = fast(Span(1, 4096, log=True), threshold=0.007, previous=None)
    found = run(search, measure)

Every strategy returns an effort that was measured, and `Found.met` states what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Span:
    """The efforts that may be tried: from `low` to `high`, both included.

    log: the error is about a power of the effort, as for token counts. Otherwise it falls by about the same factor from
    each effort to the next, as on a quantiser ladder. Raises ValueError if the span is empty, or if it is logarithmic
    and starts below 1.
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        if self.high < self.low or (self.log and self.low < 1):
            raise ValueError(f"no efforts from {self.low} to {self.high}")

    def position(self, effort: int) -> float:
        """Return where an effort lies on the axis over which the logarithm of the error is almost a line."""
        return math.log2(effort) if self.log else float(effort)

    def effort(self, position: float) -> float:
        """Return the inverse of `position`, not rounded."""
        return 2.0 ** min(position, 1000.0) if self.log else position

    def clip(self, effort: float) -> int:
        """Round an effort up, and limit it to the span."""
        return math.ceil(max(self.low, min(self.high, effort)))


@dataclass(frozen=True, kw_only=True)
class Found:
    """The result of a search.

    effort, mse: the chosen candidate, as measured. met: mse <= threshold. probes: (effort, mse) of everything that was
    measured, in order. why: why the search stopped, a few words. slope: octaves of error per unit of `Span.position`
    around the result; None if not measured. inner: the last result that was not at the cheap end of the span: a start
    for the search in the next block.
    """

    effort: int
    mse: float
    met: bool
    probes: tuple[tuple[int, float], ...]
    why: str
    slope: float | None = None
    inner: int | None = None


Search = Generator[int, float, Found]


class Strategy(Protocol):
    """Starts a search. previous: the result for the block before, at the same place of the picture; None if none."""

    def __call__(self, span: Span, threshold: float, previous: Found | None = None) -> Search: ...


def run(search: Search, measure: Callable[[int], float]) -> Found:
    """Run a search to its end. measure: returns the error of an effort."""
    try:
        effort = next(search)
        while True:
            effort = search.send(measure(effort))
    except StopIteration as end:
        found: Found = end.value
        return found
