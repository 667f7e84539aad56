"""The strategies that only assume that the error falls as the effort grows: full, binned, binary, original.

`fast`, the default, has a file of its own. All comparisons are `error <= threshold`; `original` also has the strict one
of the published code.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence

import numpy as np

from .base import Found, Search, Span

BINS = 100


def full(span: Span, threshold: float, previous: Found | None = None) -> Search:
    """Try every effort, cheapest first, until one meets the threshold: the true minimum, whatever the curve."""
    return _first_to_meet(range(span.low, span.high + 1), threshold)


def binned(span: Span, threshold: float, previous: Found | None = None) -> Search:
    """Try up to 100 efforts, cheapest first, until one meets the threshold.

    They are spaced by a constant factor (the published code's `linear`), or evenly on a ladder. The largest effort is
    always one of them; the published code's rounding can leave it out.
    """
    if span.log:
        marks = np.exp2(np.linspace(np.log2(span.low), np.log2(span.high), BINS))
    else:
        marks = np.linspace(span.low, span.high, BINS)
    efforts = sorted({max(span.low, int(mark)) for mark in marks} | {span.high})
    return _first_to_meet(efforts, threshold)


def _first_to_meet(efforts: Sequence[int], threshold: float) -> Search:
    probes: list[tuple[int, float]] = []
    for effort in efforts:
        mse = yield effort
        probes.append((effort, mse))
        if mse <= threshold:
            return Found(effort=effort, mse=mse, met=True, probes=tuple(probes), why="the cheaper ones all miss")
    return _smallest_error(probes, "even the largest misses")


def binary(span: Span, threshold: float, previous: Found | None = None) -> Search:
    """Bisect, and return the cheapest effort that was seen to meet: about log2 of the span's length probes."""
    low, high = span.low, span.high  # the efforts that are still possible
    probes: list[tuple[int, float]] = []
    best: tuple[int, float] | None = None
    while low <= high:
        # If no effort meets, the last one tried is the largest: a miss then means that all that were tried miss.
        middle = (low + high) // 2
        mse = yield middle
        probes.append((middle, mse))
        if mse <= threshold:
            best, high = (middle, mse), middle - 1
        else:
            low = middle + 1
    if best is None:
        return _smallest_error(probes, "even the largest misses")
    why = "one effort less misses, or is out of range"
    return Found(effort=best[0], mse=best[1], met=True, probes=tuple(probes), why=why)


def original(span: Span, threshold: float, previous: Found | None = None) -> Search:
    """Bisect as the published ElasticTok does, misses included, for comparison. The result is then measured."""
    probes: list[tuple[int, float]] = []
    bisection = original_counts(span.low, span.high, span.high, span.high, threshold)
    errors: dict[int, float] = {}
    try:
        kept = next(bisection)
        while True:
            mse = yield kept
            probes.append((kept, mse))
            errors[kept] = mse
            kept = bisection.send(mse)
    except StopIteration as end:
        kept = end.value[1]
    if kept not in errors:
        mse = yield kept
        probes.append((kept, mse))
        errors[kept] = mse
    met = errors[kept] <= threshold
    why = "the last one that it tried" if met else "it ended on a miss"
    return Found(effort=kept, mse=errors[kept], met=met, probes=tuple(probes), why=why)


def original_counts(
    min_count: int, max_count: int, max_tokens: int, default: int, threshold: float
) -> Generator[int, float, tuple[int, int]]:
    """Run the published code's bisection for one item.

    Yields the number of tokens to keep, is sent their error, and returns (count, tokens kept).

    The published code's count n keeps n + 1 tokens, and at most max_tokens. min_count: its `min_toks`. default: the
    count that it uses if every error is above the threshold. Errors are compared in float32, as there.
    """
    low, high = float(min_count), float(max_count)
    max_mse = np.float32(threshold)
    any_met = False
    while True:
        n = math.ceil((low + high) / 2)
        error = np.float32((yield min(n + 1, max_tokens)))
        any_met |= bool(error <= max_mse)
        if error < max_mse:
            high = n - 1.0
        else:
            low = float(n)
        if high <= low:
            break
    if not any_met:
        n = default
    return n, min(n + 1, max_tokens)


def _smallest_error(probes: Sequence[tuple[int, float]], why: str) -> Found:
    """Return the candidate with the smallest error, where none meets the threshold."""
    effort, mse = min(probes, key=lambda probe: (probe[1], probe[0]))
    return Found(effort=effort, mse=mse, met=False, probes=tuple(probes), why=why)
