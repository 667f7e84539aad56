"""The strategies that know nothing about the error but that it falls: full, binned, binary, original.

`fast`, the default, has a file of its own. Comparisons are `error <= threshold`, as everywhere in this
program; `original` alone also has the original's strict one.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence

import numpy as np

from .base import Found, Search, Span

BINS = 100


def full(span: Span, threshold: float, before: Found | None = None) -> Search:
    """Every effort from the cheapest on until one meets: the true minimum, whatever the curve looks like."""
    return _first_to_meet(range(span.low, span.high + 1), threshold)


def binned(span: Span, threshold: float, before: Found | None = None) -> Search:
    """As `full`, over at most 100 efforts: spaced by a constant factor (the original's `linear`) or evenly on
    a ladder.

    The largest effort is always among them; the original's truncation can leave it out.
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
            return Found(effort, mse, True, tuple(probes), "the cheaper ones all miss")
    return _best(probes, "even the largest misses")


def binary(span: Span, threshold: float, before: Found | None = None) -> Search:
    """Bisection that returns the cheapest effort it saw meeting; about log2 of the span's length tries."""
    low, high = span.low, span.high  # what is still open
    probes: list[tuple[int, float]] = []
    answer: tuple[int, float] | None = None
    while low <= high:
        # if nothing met so far the last try is the largest effort itself: a miss is a miss of all that were
        # tried
        middle = (low + high) // 2
        mse = yield middle
        probes.append((middle, mse))
        if mse <= threshold:
            answer, high = (middle, mse), middle - 1
        else:
            low = middle + 1
    if answer is None:
        return _best(probes, "even the largest misses")
    return Found(*answer, True, tuple(probes), "one effort less misses, or is out of range")


def original(span: Span, threshold: float, before: Found | None = None) -> Search:
    """The published ElasticTok's own bisection, its misses included, for comparison. Its answer is then
    measured."""
    probes: list[tuple[int, float]] = []
    inner = original_counts(span.low, span.high, span.high, span.high, threshold)
    errors: dict[int, float] = {}
    try:
        kept = next(inner)
        while True:
            mse = yield kept
            probes.append((kept, mse))
            errors[kept] = mse
            kept = inner.send(mse)
    except StopIteration as end:
        kept = end.value[1]
    if kept not in errors:
        mse = yield kept
        probes.append((kept, mse))
        errors[kept] = mse
    met = errors[kept] <= threshold
    return Found(kept, errors[kept], met, tuple(probes), "the last one that it tried" if met else "it ended on a miss")


def original_counts(
    least: int, top: int, most: int, default: int, threshold: float
) -> Generator[int, float, tuple[int, int]]:
    """The original's bisection for one item: yields tokens kept, is sent the error, returns (count, tokens
    kept).

    The original's count n keeps n + 1 tokens, `most` at most. least, top: its `min_toks` and the largest
    count. default: the count it falls back on if every error is above the threshold. Errors are compared in
    float32.
    """
    low, high = float(least), float(top)
    limit = np.float32(threshold)
    any_met = False
    while True:
        n = math.ceil((low + high) / 2)
        error = np.float32((yield min(n + 1, most)))
        any_met |= bool(error <= limit)
        if error < limit:
            high = n - 1.0
        else:
            low = float(n)
        if high <= low:
            break
    if not any_met:
        n = default
    return n, min(n + 1, most)


def _best(probes: Sequence[tuple[int, float]], why: str) -> Found:
    """Nothing meets: the smallest error seen."""
    effort, mse = min(probes, key=lambda probe: (probe[1], probe[0]))
    return Found(effort, mse, False, tuple(probes), why)
