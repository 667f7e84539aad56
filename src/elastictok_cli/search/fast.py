"""The default search: predict, measure, bracket, and stop as soon as one effort less is known to miss.

The logarithm of the error is almost a line over `Span.position`. So the search starts at the result of the block
before, follows the line to the cheapest effort that should meet the threshold, and measures that effort. The slope of
the line is measured, too, as soon as there are two points. Every proposal lies inside the bracket between the efforts
that meet and miss, so the bracket shrinks even where the curve is not smooth. Only measured efforts are returned.
"""

from __future__ import annotations

import math

from .base import Found, Search, Span

CLOSE = 0.98  # an error this near below the threshold (2 %, 0.09 dB) is not worth another probe
MAX_PROBES = 20  # enough to close any bracket; a curve that is all noise stops here
AIM = 0.996  # of the threshold: within CLOSE where the ladder is fine enough
NEAR = 0.6  # octaves around the threshold within which the curve counts as a line
NOISE = 0.01  # octaves between the line and a measured error
RESCUE_AFTER = 6  # probes after which the line is no longer trusted

# Octaves of error per unit of position, before anything was measured. For a ladder with 1/8 dB between its quantiser
# steps: measured on nano at 0.007 (0.015 to 0.04). For token counts: the error halves as the count doubles.
LADDER_SLOPE = 0.025
COUNT_SLOPE = 1.0
# On a ladder the curve is flatter near a candidate, whose decisions its neighbours take over: the first octaves of
# error take so many more steps. Measured on nano: 0.006 octaves a step within 12 steps, 0.025 from 30 steps on.
FLAT_OCTAVES, FLAT_STEPS = 0.07, 6.0


def fast(span: Span, threshold: float, previous: Found | None = None) -> Search:
    """Find the cheapest effort in few probes. previous: its effort and slope start this search."""
    curve = _Curve(span, threshold, previous)
    effort = curve.first()
    while True:
        curve.add(effort, (yield effort))
        if why := curve.stops():
            return curve.found(why)
        effort = curve.next()


class _Curve:
    """What one search knows so far.

    met: the cheapest effort that meets the threshold. missed: the largest effort below it that misses.
    """

    def __init__(self, span: Span, threshold: float, previous: Found | None) -> None:
        self.span, self.threshold, self.previous = span, threshold, previous
        self.probes: list[tuple[int, float]] = []
        self.errors: dict[int, float] = {}
        self.met: int | None = None
        self.missed: int | None = None

    # --- proposals

    def first(self) -> int:
        """Return the first proposal: the result of the block before, or the middle."""
        span = self.span
        if self.previous is not None:
            return span.clip(self.previous.effort)
        return span.clip(span.effort((span.position(span.low) + span.position(span.high)) / 2))

    def stops(self) -> str:
        """Return why the search stops, in a few words; empty if it goes on."""
        span, met, missed = self.span, self.met, self.missed
        if met == span.low:
            return "the cheapest meets"
        if met is not None and missed == met - 1:
            return "one effort less misses"
        if met is not None and self.errors[met] >= CLOSE * self.threshold > 0:
            return "within 2 % of the threshold"
        if missed == span.high:
            return "even the largest misses"
        return "tried often enough" if met is not None and len(self.probes) >= MAX_PROBES else ""

    def next(self) -> int:
        """Return the next proposal."""
        span, met, missed = self.span, self.met, self.missed
        if len(self.probes) >= MAX_PROBES:
            return span.high
        if met is not None and missed is not None:
            return self._predicted(missed + 1, met - 1)
        if missed == span.low and self.previous is not None and self.previous.inner is not None:
            return max(span.low + 1, span.clip(self.previous.inner))  # motion after stillness
        # There is no bracket yet. After the first jump in this direction the slope is known to be wrong, so later jumps
        # go further. On a flat curve the line would only creep, so each jump is at least twice as far as the last.
        distance, further = 1 << max(0, len(self.probes) - 2), 1 + len(self.probes) // 4
        if met is not None:
            return self._predicted(span.low, max(span.low, met - distance), further)
        return self._predicted(min(span.high, (missed or 0) + distance), span.high, further)

    def _predicted(self, low: int, high: int, further: int = 1) -> int:
        """Return the effort from low to high that should be closest to the threshold. further: factor on the jump."""
        # After many probes the line has proved useless: now and then, halve the bracket instead.
        is_stuck = len(self.probes) >= RESCUE_AFTER and len(self.probes) % 3 == 0
        effort = (low + high) // 2 if is_stuck and self._is_bracketed else self._on_the_line(further)
        return max(low, min(high, effort))

    @property
    def _is_bracketed(self) -> bool:
        return self.met is not None and self.missed is not None

    def _on_the_line(self, further: int) -> int:
        """Return the cheapest effort whose error should be AIM of the threshold."""
        aim_octaves, span = math.log2(AIM), self.span
        if self.met is not None and self.missed is not None:
            start, end = span.position(self.missed), span.position(self.met)
            above, below = self._octaves(self.missed), self._octaves(self.met)
            if above - below > 4 * NOISE:
                # An error of 0 has no logarithm; then halve.
                share = (above - aim_octaves) / (above - below) if math.isfinite(below) else 0.5
                return span.clip(span.effort(start + (end - start) * min(1.0, share)))
        nearest = min(self.errors, key=lambda e: (abs(self._octaves(e)), e))
        # Infinite at an error of 0: that is, to the end of the span.
        octaves = self._octaves(nearest) - aim_octaves
        jump = further * octaves / self._slope()
        if not span.log and len(self.errors) == 1:
            jump += math.copysign(min(abs(octaves) / FLAT_OCTAVES, 1.0) * FLAT_STEPS, octaves)
        return span.clip(span.effort(span.position(nearest) + jump))

    # --- measurements

    def add(self, effort: int, mse: float) -> None:
        """Take note of a measured error."""
        self.probes.append((effort, mse))
        self.errors[effort] = mse
        self.met = min((e for e, mse in self.errors.items() if mse <= self.threshold), default=None)
        below = self.span.high + 1 if self.met is None else self.met
        self.missed = max((e for e, mse in self.errors.items() if mse > self.threshold and e < below), default=None)

    def _octaves(self, effort: int) -> float:
        """Return log2(error / threshold): above 0, the effort misses."""
        mse = self.errors[effort]
        if self.threshold <= 0:
            return math.inf if mse > 0 else 0.0
        return math.log2(mse / self.threshold) if mse > 0 else -math.inf

    def _measured_slope(self) -> float | None:
        """Return by how many octaves the error falls per unit of position, fitted to errors near the threshold."""
        near = [e for e in self.errors if abs(self._octaves(e)) <= NEAR]
        if len(near) < 2:
            near = sorted(self.errors, key=lambda e: abs(self._octaves(e)))[:2]
        points = [(self.span.position(e), self._octaves(e)) for e in near if math.isfinite(self._octaves(e))]
        if len(points) < 2:
            return None
        x0 = sum(x for x, _ in points) / len(points)
        y0 = sum(y for _, y in points) / len(points)
        # The errors of neighbours differ by little more than noise, so the usual slope counts as further points.
        usual = self._usual_slope()
        weight = (NOISE / (0.4 * usual)) ** 2
        down = sum((x - x0) * (y0 - y) for x, y in points) + weight * usual
        return down / (sum((x - x0) ** 2 for x, _ in points) + weight)

    def _usual_slope(self) -> float:
        usual = COUNT_SLOPE if self.span.log else LADDER_SLOPE
        if self.previous is None or self.previous.slope is None:
            return usual
        # A flat curve says little about that of the next block.
        return min(max(self.previous.slope, usual / 3), usual * 3)

    def _slope(self) -> float:
        usual = self._usual_slope()
        measured = self._measured_slope()
        return min(max(measured, usual / 4), usual * 4) if measured is not None else usual

    def found(self, why: str) -> Found:
        """Return the result of the search."""
        effort = self.met
        if effort is None:
            effort = min(self.errors, key=lambda e: (self.errors[e], e))
        inner = effort if effort > self.span.low else (self.previous.inner if self.previous else None)
        slope = self._measured_slope()
        if slope is None or slope <= 0:
            slope = self.previous.slope if self.previous else None
        return Found(
            effort=effort,
            mse=self.errors[effort],
            met=self.met is not None,
            probes=tuple(self.probes),
            why=why,
            slope=slope,
            inner=inner,
        )
