"""The default search: predict, measure, bracket, and stop as soon as one effort less is known to miss.

The logarithm of the error is about a straight line over `Span.place`. So: start where the block before ended,
follow the line (its slope is the measured one as soon as there are two points) to the cheapest effort that
should meet, and measure that. Where the curve is not as smooth as a line, the bracket shrinks all the same,
because every proposal lies inside it. No prediction is ever returned: only what was measured.
"""

from __future__ import annotations

import math

from .base import Found, Search, Span

CLOSE = 0.985  # a met error this near to the threshold (1.5 %, 0.066 dB) is not worth another try
MOST_PROBES = 20  # a bracket can always be closed by then; a curve that is all noise stops here
AIM = 0.996  # of the threshold: within CLOSE where the ladder is fine enough
NEAR = 0.6  # octaves around the threshold in which the curve is taken for a line
NOISE = 0.01  # octaves between the line and a measured error
RESCUE_AFTER = 6  # probes after which the line is not trusted any more

# Octaves of error per unit of place before anything was measured. Of a ladder whose quantiser steps are 1/8
# dB apart, measured on nano at 0.007 (0.015 to 0.04); of token counts, an error that halves as the count
# doubles.
LADDER_SLOPE = 0.025
COUNT_SLOPE = 1.0


def fast(span: Span, threshold: float, before: Found | None = None) -> Search:
    """Few tries, verified. before: the block before; its answer and slope start this search."""
    curve = _Curve(span, threshold, before)
    effort = curve.first()
    while True:
        curve.add(effort, (yield effort))
        if why := curve.over():
            return curve.found(why)
        effort = curve.next()


class _Curve:
    """What one search knows so far. `met` is the cheapest effort that meets, `missed` the largest below it
    that does not."""

    def __init__(self, span: Span, threshold: float, before: Found | None) -> None:
        self.span, self.threshold, self.before = span, threshold, before
        self.probes: list[tuple[int, float]] = []
        self.errors: dict[int, float] = {}
        self.met: int | None = None
        self.missed: int | None = None

    # --- proposals

    def first(self) -> int:
        span = self.span
        if self.before is not None:
            return span.clip(self.before.effort)
        return span.clip(span.effort((span.place(span.low) + span.place(span.high)) / 2))

    def over(self) -> str:
        """Why the search is over, in a few words; empty if it is not."""
        span, met, missed = self.span, self.met, self.missed
        if met == span.low:
            return "the cheapest meets"
        if met is not None and missed == met - 1:
            return "one effort less misses"
        if met is not None and self.errors[met] >= CLOSE * self.threshold > 0:
            return "within 1.5 % of the threshold"
        if missed == span.high:
            return "even the largest misses"
        return "tried often enough" if met is not None and len(self.probes) >= MOST_PROBES else ""

    def next(self) -> int:
        """The next proposal."""
        span, met, missed = self.span, self.met, self.missed
        if len(self.probes) >= MOST_PROBES:
            return span.high
        if met is not None and missed is not None:
            return self._aimed(missed + 1, met - 1)
        if missed == span.low and self.before is not None and self.before.inner is not None:
            return max(span.low + 1, span.clip(self.before.inner))  # motion after stillness
        # Beyond the outermost. The slope was wrong if this is not the first jump in this direction: go further.
        # Where the curve is flat the line would creep, so every jump is at least twice as far as the one before.
        far, further = 1 << max(0, len(self.probes) - 2), 1 + len(self.probes) // 4
        if met is not None:
            return self._aimed(span.low, max(span.low, met - far), further)
        return self._aimed(min(span.high, (missed or 0) + far), span.high, further)

    def _aimed(self, low: int, high: int, further: int = 1) -> int:
        """An effort from low to high that should be close, by what the line says."""
        # The line was no help so far: halve the bracket now and then.
        stuck = len(self.probes) >= RESCUE_AFTER and len(self.probes) % 3 == 0
        shot = (low + high) // 2 if stuck and self._bracketed else self._shot(further)
        return max(low, min(high, shot))

    @property
    def _bracketed(self) -> bool:
        return self.met is not None and self.missed is not None

    def _shot(self, further: int) -> int:
        """The cheapest effort whose error should be AIM of the threshold."""
        aim_octaves, span = math.log2(AIM), self.span
        if self.met is not None and self.missed is not None:
            start, end = span.place(self.missed), span.place(self.met)
            above, below = self._octaves(self.missed), self._octaves(self.met)
            if above - below > 4 * NOISE:
                # An error of 0 has no logarithm; then halve.
                share = (above - aim_octaves) / (above - below) if math.isfinite(below) else 0.5
                return span.clip(span.effort(start + (end - start) * min(1.0, share)))
        nearest = min(self.errors, key=lambda e: (abs(self._octaves(e)), e))
        # Infinite at an error of 0, that is to the far end.
        jump = further * (self._octaves(nearest) - aim_octaves) / self._slope()
        return span.clip(span.effort(span.place(nearest) + jump))

    # --- what was measured

    def add(self, effort: int, mse: float) -> None:
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
        """Octaves of error that one unit of place takes off, fitted to what was measured near the
        threshold."""
        near = [e for e in self.errors if abs(self._octaves(e)) <= NEAR]
        if len(near) < 2:
            near = sorted(self.errors, key=lambda e: abs(self._octaves(e)))[:2]
        points = [(self.span.place(e), self._octaves(e)) for e in near if math.isfinite(self._octaves(e))]
        if len(points) < 2:
            return None
        x0 = sum(x for x, _ in points) / len(points)
        y0 = sum(y for _, y in points) / len(points)
        # Two neighbours differ by little but noise, so the usual slope counts as points of its own.
        usual = self._usual_slope()
        weight = (NOISE / (0.4 * usual)) ** 2
        down = sum((x - x0) * (y0 - y) for x, y in points) + weight * usual
        return down / (sum((x - x0) ** 2 for x, _ in points) + weight)

    def _usual_slope(self) -> float:
        usual = COUNT_SLOPE if self.span.log else LADDER_SLOPE
        if self.before is None or self.before.slope is None:
            return usual
        return min(max(self.before.slope, usual / 3), usual * 3)  # a flat curve says little about the next block's

    def _slope(self) -> float:
        usual = self._usual_slope()
        measured = self._measured_slope()
        return min(max(measured, usual / 4), usual * 4) if measured is not None else usual

    def found(self, why: str) -> Found:
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
            why,
            slope,
            inner,
        )
