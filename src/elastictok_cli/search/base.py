"""What a search is: a generator that proposes candidates, is sent their errors, and returns what it found.

A candidate is an *effort*: an integer of which a larger one costs more tokens and (mostly) gives a smaller
error. For a model with a quantiser ladder the effort is a step counted from the coarse end, for others it is
the token count. The search sees nothing else: no frames, no tokens.

    search = fast(Span(1, 4096, log=True), threshold=0.007, before=None)
    found = run(search, measure)

Every strategy returns an effort that was itself measured, and `met` says what that measurement says.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Span:
    """The efforts that may be tried, low to high, both included.

    log: the error is about a power of the effort (token counts); otherwise it falls by about the same factor
    from each effort to the next (a quantiser ladder). Raises ValueError if the span is empty, or reaches below 1
    where it is logarithmic.
    """

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        if self.high < self.low or (self.log and self.low < 1):
            raise ValueError(f"no efforts from {self.low} to {self.high}")

    def place(self, effort: int) -> float:
        """Where the effort lies on the axis on which the logarithm of the error is about a straight line."""
        return math.log2(effort) if self.log else float(effort)

    def effort(self, place: float) -> float:
        """The inverse of `place`, not rounded."""
        return 2.0 ** min(place, 1000.0) if self.log else place

    def clip(self, effort: float) -> int:
        """The nearest effort of the span at or above this one."""
        return math.ceil(max(self.low, min(self.high, effort)))


@dataclass(frozen=True)
class Found:
    """The end of a search.

    effort, mse: chosen, as measured. met: mse <= threshold. probes: (effort, mse) of all that was measured,
    in order. why: why the search stopped, a few words. slope: octaves of error per unit of `Span.place`
    around the answer, None if not seen. inner: the last answer that was not at the cheap end, for the next
    block's search.
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
    """Starts a search. before: what was found for the block before it in the same place, None for the
    first."""

    def __call__(self, span: Span, threshold: float, before: Found | None = None) -> Search: ...


def run(search: Search, measure: Callable[[int], float]) -> Found:
    """Drive a search to its end. measure: the error of a candidate."""
    try:
        effort = next(search)
        while True:
            effort = search.send(measure(effort))
    except StopIteration as end:
        found: Found = end.value
        return found
