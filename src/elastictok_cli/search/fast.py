"""The default search: predict, measure, bracket, and stop as soon as one effort less is known to miss.

The logarithm of the error is about a straight line over `Span.place`. So: start where the block before ended,
follow the line (its slope is the measured one as soon as there are two points) to the cheapest effort that
should meet, and measure it together with the next cheaper one, which should miss. Where the curve is not as
smooth as that, the bracket shrinks all the same, because every proposal lies inside it. No prediction is ever
returned: only what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from .base import Found, Search, Span

CLOSE = 0.985  # a met error this near to the threshold (1.5 %, 0.066 dB) is not worth another try
MOST_PROBES = 20  # a bracket can always be closed by then; a curve that is all noise stops here
# Of the threshold: the two shots of a pair, both within CLOSE where the ladder is fine enough.
AIMS = (0.996, 0.987)
NEAR = 0.6  # octaves around the threshold in which the curve is taken for a line
# Efforts by which a block's answer differs from that of the block before, where no difference was seen yet.
USUAL_SURPRISE = 12
SPREAD = 0.15  # of a jump, to either side: how wrong a prediction usually is
NOISE = 0.01  # octaves between the line and a measured error
RESCUE_AFTER = 6  # probes after which the line is not trusted any more

# Octaves of error per unit of place before anything was measured. Of a ladder whose quantiser steps are 1/8
# dB apart, measured on nano at 0.007 (0.015 to 0.04); of token counts, an error that halves as the count
# doubles.
LADDER_SLOPE = 0.025
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
    """What one search knows so far. `met` is the cheapest effort that meets, `missed` the largest below it
    that does not."""

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
        # As far apart as half of what the guess was off by before: enough to know the slope, near enough to
        # use it.
        reach = min((before.missed_by + 1) // 2, third)
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
        """Between a miss and a hit."""
        assert self.met is not None and self.missed is not None
        return self._aimed(self.missed + 1, self.met - 1)

    def _outside(self) -> tuple[int, ...]:
        """All meet, or all miss: beyond the outermost."""
        span = self.span
        low, high = (span.low, self.met - 1) if self.met is not None else ((self.missed or 0) + 1, span.high)
        # The slope was wrong if this is not the first jump in this direction: go further.
        return self._aimed(low, high, 1 + len(self.probes) // 4)

    def _aimed(self, low: int, high: int, further: int = 1) -> tuple[int, ...]:
        """One or two efforts from low to high that should be close, by what the line says."""
        first, nearest = self._shot(AIMS[0], further)
        stuck = len(self.probes) // RESCUE_AFTER  # the line was no help so far
        if not self.span.pairs:
            stuck = stuck and len(self.probes) % 3 == 0
            return (max(low, min(high, (low + high) // 2 if stuck and self._bracketed else first)),)
        distance = abs(first - nearest)
        spread = round(SPREAD * distance)
        if stuck > 1 and self._bracketed:
            shots = (first, (low + high) // 2)
        elif stuck and self._bracketed:
            # All shots fell short on one side of a wide bracket: one beyond the threshold makes it narrow.
            beyond = 2 * distance + 2
            shots = (first, first + beyond if first > nearest else first - beyond)
        elif spread > 1:
            shots = (first - spread, first + spread)
        else:
            shots = (first, self._shot(AIMS[1], further)[0])
        one, other = (max(low, min(high, shot)) for shot in shots)
        if one == other:
            other = one - 1 if one > low else min(one + 1, high)
        return self._pair(one, other)

    @property
    def _bracketed(self) -> bool:
        return self.met is not None and self.missed is not None

    def _shot(self, aim: float, further: int) -> tuple[int, int]:
        """The cheapest effort that should have this share of the threshold as its error; the nearest measured
        one."""
        aim_octaves, span = math.log2(aim), self.span
        nearest = min(self.errors, key=lambda e: (abs(self._octaves(e)), e))
        if self.met is not None and self.missed is not None:
            start, end = span.place(self.missed), span.place(self.met)
            above, below = self._octaves(self.missed), self._octaves(self.met)
            if above - below > 4 * NOISE:
                # An error of 0 has no logarithm; then halve.
                share = (above - aim_octaves) / (above - below) if math.isfinite(below) else 0.5
                return span.clip(span.effort(start + (end - start) * min(1.0, share))), nearest
        # Infinite at an error of 0, that is to the far end.
        jump = further * (self._octaves(nearest) - aim_octaves) / self._slope()
        return span.clip(span.effort(span.place(nearest) + jump)), nearest

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
        self.missed = max(
            (e for e, mse in self.errors.items() if mse > self.threshold and e < below), default=None
        )

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
        if self.before is not None and self.before.slope is not None:
            return self.before.slope
        return COUNT_SLOPE if self.span.log else LADDER_SLOPE

    def _slope(self) -> float:
        usual = self._usual_slope()
        measured = self._measured_slope()
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
            abs(effort - self.guess) if self.before is not None else USUAL_SURPRISE,
        )
