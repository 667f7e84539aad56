"""What is read off measurements: the paper's Figure 4, and bytes at equal error. Numbers in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Curve = Sequence[tuple[float, float]]  # (bytes, MSE)

BUDGET_SHARES = (0.5, 0.75, 0.9, 0.97)  # of the blocks, that a budget is enough for when tokens are elastic
ABOVE_ALL = 1.1  # times what the dearest block needs: one budget that should be enough for all
BUDGETS = len(BUDGET_SHARES) + 1
MOST_POINTS = 120  # of the elastic curve


def budgets(needs: Sequence[int]) -> list[int]:
    """Fixed numbers of tokens to measure: quantiles of what blocks need, and a little more than any does; rounded up
    to three digits."""
    if not needs:
        return []
    found = {_round_up(int(np.quantile(needs, share, method="higher"))) for share in BUDGET_SHARES}
    found.add(_round_up(int(ABOVE_ALL * max(needs))))
    return sorted(count for count in found if count > 0)


def _round_up(count: int) -> int:
    unit = int(10 ** max(0, len(str(count)) - 3))
    return -(-count // unit) * unit


def elastic_curve(needs: Sequence[int], met: Sequence[bool], most: Sequence[int]) -> list[tuple[float, float]]:
    """(share of tokens, share of blocks that meet) if no block could have more than a cap, for caps of all heights.

    needs: tokens of every block when each gets what it needs. A block that needs more than the cap gets the cap and
    misses. That a missed block makes the next one dearer is left out: only the end of the curve, where all blocks
    meet, was itself encoded.
    """
    counts, enough = np.array(needs, np.float64), np.array(met, bool)
    caps = np.unique(counts[enough])
    if len(caps) > MOST_POINTS:
        caps = caps[np.linspace(0, len(caps) - 1, MOST_POINTS).round().astype(int)]
    spent = [float(np.minimum(counts, cap).sum()) / max(1, sum(most)) for cap in caps]
    return [(used, float(np.mean((counts <= cap) & enough))) for used, cap in zip(spent, caps, strict=True)]


def fixed_point(
    tokens: Sequence[int], errors: Sequence[float], most: Sequence[int], threshold: float
) -> dict[str, Any]:
    """One budget for all blocks: share of tokens used, share of blocks that meet."""
    return {
        "tokens_share": sum(tokens) / max(1, sum(most)),
        "met_share": float(np.mean([error <= threshold for error in errors])),
    }


def tokens_at(curve: Sequence[tuple[float, float]], share: float) -> float | None:
    """Share of tokens at which a curve of (tokens, blocks) first reaches a share of blocks; None if it never does.

    Linear between its points in the logarithm of the tokens.
    """
    points = sorted(curve)
    for (t0, s0), (t1, s1) in zip([(0.0, 0.0), *points], points, strict=False):
        if s1 >= share:
            if t0 <= 0 or s1 == s0:
                return t1
            return float(t0 * (t1 / t0) ** ((share - s0) / (s1 - s0)))
    return None


def bytes_at(curve: Curve, mse: float) -> float | None:
    """Bytes that a codec needs for an error, between its points linear in log-log; None outside of them.

    Points that a better and smaller one makes pointless are left out.
    """
    points: list[tuple[float, float]] = []
    for error, count in sorted((math.log(m), math.log(b)) for b, m in curve if m > 0):
        if not points or count < points[-1][1]:
            points.append((error, count))
    if not points or not points[0][0] <= math.log(mse) <= points[-1][0]:
        return None
    return float(np.exp(np.interp(math.log(mse), [p[0] for p in points], [p[1] for p in points])))


def rate_difference(ours: Curve, theirs: Curve) -> float | None:
    """Bytes of `ours` over `theirs`, the geometric mean over the errors that both span (Bjontegaard's measure with
    straight lines for the cubic). None if they span nothing together; points without an error are left out."""
    ours, theirs = ([point for point in curve if point[1] > 0] for curve in (ours, theirs))
    if not ours or not theirs:
        return None
    spans = [(min(math.log(m) for _, m in c), max(math.log(m) for _, m in c)) for c in (ours, theirs)]
    low, high = max(s[0] for s in spans), min(s[1] for s in spans)
    if high - low < 0.05:
        return None
    ratios = []
    for place in np.linspace(low + 1e-9, high - 1e-9, 64):
        a, b = bytes_at(ours, math.exp(place)), bytes_at(theirs, math.exp(place))
        if a is not None and b is not None:
            ratios.append(math.log(a / b))
    return math.exp(float(np.mean(ratios))) if ratios else None


def geometric_mean(values: Sequence[float]) -> float | None:
    """None for no values."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None
