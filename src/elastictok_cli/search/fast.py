"""The default search: predict, measure, bracket, and stop as soon as one effort less is known to miss.

The logarithm of the error is about a straight line over `Span.place`. So: start where the block before ended, follow
the line (its slope is the measured one as soon as there are two points) to the cheapest effort that should meet, and
measure it together with the next cheaper one, which should miss. Where the curve is not as smooth as that, the bracket
shrinks all the same, because every proposal lies inside it. No prediction is ever returned: only what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .base import Found, Search, Span

CLOSE = 0.985  # a met error this near to the threshold (1.5 %, 0.066 dB) is not worth another try
MOST_PROBES = 20  # a bracket can always be closed by then; a curve that is all noise stops here
RESCUE_AFTER = 6  # probes after which the second of a pair halves the bracket: the line was no help so far

# Octaves of error per unit of place before anything was measured. A ladder rises by about 1/8 dB of error per index;
# of token counts, an error that halves as the count doubles.
LADDER_SLOPE = 0.0415
COUNT_SLOPE = 1.0


def fast(span: Span, threshold: float, before: Found | None = None) -> Search:
    """Few tries, verified. before: the block before; its answer, slope and surprise start this search."""
    curve = _Curve(span, threshold, before)
    proposal = curve.first()
    while proposal:
        errors = yield proposal
        curve.add(proposal, errors)
        proposal = curve.next()
    return curve.found()


class _Curve:
    """What one search knows so far. `met` is the cheapest effort that meets, `missed` the largest below it that does not."""

    def __init__(self, span: Span, threshold: float, before: Found | None) -> None:
        self.span, self.threshold, self.before = span, threshold, before
        self.probes: list[tuple[int, float]] = []
        self.errors: dict[int, float] = {}
        self.met: int | None = None
        self.missed: int | None = None
        self.guess = span.low
        self.why = ""

    # --- proposals

    def first(self) -> tuple[int, ...]:
        span, before = self.span, self.before
        third = (span.high - span.low) // 3
        if before is None:
            self.guess = span.clip(span.effort((span.place(span.low) + span.place(span.high)) / 2))
            return self._pair(span.low + third, span.high - third) if span.pairs else (self.guess,)
        self.guess = span.clip(before.effort)
        if not span.pairs:
            return (self.guess,)
        if self.guess == span.low and before.inner is not None:
            return self._pair(span.low, before.inner)
        reach = min(before.missed_by, third)
        return self._pair(self.guess - max(1, reach), self.guess + (reach if reach > 1 else 0))

    def next(self) -> tuple[int, ...]:
        """The next proposal; () if the search is over, with `why` set."""
        span, met, missed = self.span, self.met, self.missed
        if met == span.low:
            return self._stop("the cheapest meets")
        if met is not None and missed == met - 1:
            return self._stop("one effort less misses")
        if met is not None and self.errors[met] >= CLOSE * self.threshold > 0:
            return self._stop("within 1.5 % of the threshold")
        if missed == span.high:
            return self._stop("even the largest misses")
        if len(self.probes) >= MOST_PROBES:
            return self._stop("tried often enough") if met is not None else (span.high,)
        return self._inside() if met is not None and missed is not None else self._outside()

    def _inside(self) -> tuple[int, ...]:
        """Between a miss and a hit: where the line through both crosses the threshold."""
        assert self.met is not None and self.missed is not None
        low, high = self.missed + 1, self.met - 1
        start, end = self.span.place(self.missed), self.span.place(self.met)
        above, below = self._octaves(self.missed), self._octaves(self.met)
        # A met error of 0 has no logarithm; then (and for a flat line) halve.
        share = above / (above - below) if math.isfinite(below) and above > below else 0.5
        target = max(low, min(high, self.span.clip(self.span.effort(start + (end - start) * share))))
        half = (low + high) // 2
        if not self.span.pairs:
            return (half if len(self.probes) % 3 == 0 and len(self.probes) >= RESCUE_AFTER else target,)
        other = half if len(self.probes) >= RESCUE_AFTER else target - 1
        if other < low or other == target:
            other = target + 1
        return self._pair(target, other if other <= high else target)

    def _outside(self) -> tuple[int, ...]:
        """All meet, or all miss: follow the slope from the outermost, further each time."""
        span = self.span
        edge = self.met if self.met is not None else self.missed
        assert edge is not None
        octaves = self._octaves(edge)
        aim = 0.0 if span.pairs else math.log2((1 + CLOSE) / 2)
        jump = (octaves - aim) / self._slope()  # infinite at an error of 0: the far end
        # the slope was wrong if this is not the first jump in this direction; and a step of at least one
        jump *= 1 + len(self.probes) // 4
        there = span.clip(span.effort(span.place(edge) + jump))
        there = min(there, edge - 1) if self.met is not None else max(there, edge + 1)
        if not span.pairs:
            return (there,)
        margin = round(abs(there - edge) * 0.15)
        pair = (there - 1, there) if margin < 2 else (there - margin, there + margin)
        inside = [e for e in pair if e < edge] if self.met is not None else [e for e in pair if e > edge]
        return self._pair(*(inside or [there]))

    def _pair(self, *efforts: int) -> tuple[int, ...]:
        """In the span, without doubles and without what was measured before."""
        clipped = {max(self.span.low, min(self.span.high, effort)) for effort in efforts}
        return tuple(sorted(clipped - self.errors.keys()))

    def _stop(self, why: str) -> tuple[int, ...]:
        self.why = why
        return ()

    # --- what was measured

    def add(self, proposal: tuple[int, ...], errors: Sequence[float]) -> None:
        for effort, mse in zip(proposal, errors, strict=True):
            self.probes.append((effort, mse))
            self.errors[effort] = mse
        self.met = min((e for e, mse in self.errors.items() if mse <= self.threshold), default=None)
        below = self.span.high + 1 if self.met is None else self.met
        self.missed = max((e for e, mse in self.errors.items() if mse > self.threshold and e < below), default=None)

    def _octaves(self, effort: int) -> float:
        """log2(error / threshold): above 0 misses."""
        mse = self.errors[effort]
        if self.threshold <= 0:
            return math.inf if mse > 0 else 0.0
        return math.log2(mse / self.threshold) if mse > 0 else -math.inf

    def _measured_slope(self) -> float | None:
        """Octaves of error that one unit of place takes off, between the two efforts nearest to the threshold."""
        finite = [e for e in self.errors if math.isfinite(self._octaves(e))]
        nearest = sorted(finite, key=lambda e: abs(self._octaves(e)))[:2]
        if len(nearest) < 2:
            return None
        low, high = sorted(nearest)
        return (self._octaves(low) - self._octaves(high)) / (self.span.place(high) - self.span.place(low))

    def _slope(self) -> float:
        usual = LADDER_SLOPE if not self.span.log else COUNT_SLOPE
        if self.before is not None and self.before.slope is not None:
            usual = self.before.slope
        measured = self._measured_slope()
        # Two neighbours differ by little and by noise; a slope far from the usual one is no slope.
        return min(max(measured, usual / 4), usual * 4) if measured is not None else usual

    def found(self) -> Found:
        effort = self.met
        if effort is None:
            effort = min(self.errors, key=lambda e: (self.errors[e], e))
        inner = effort if effort > self.span.low else (self.before.inner if self.before else None)
        slope = self._measured_slope()
        if slope is None or slope <= 0:
            slope = self.before.slope if self.before else None
        return Found(
            effort,
            self.errors[effort],
            self.met is not None,
            tuple(self.probes),
            self.why,
            slope,
            inner,
            abs(effort - self.guess),
        )
