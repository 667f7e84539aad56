"""What is read off measurements: the paper's Figure 4, and bytes at equal error. Numbers in, numbers out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

Curve = Sequence[tuple[float, float]]  # (bytes, MSE)

# Shares of the blocks that a budget is enough for when tokens are elastic.
BUDGET_SHARES = (0.5, 0.75, 0.9, 0.97)
ABOVE_ALL = 1.1  # times what the block with the most tokens needs: one budget that should be enough for all
BUDGETS = len(BUDGET_SHARES) + 1
MAX_POINTS = 120  # of the elastic curve


def budgets(needs: Sequence[int]) -> list[int]:
    """Fixed numbers of tokens to measure, rounded up to three digits.

    Quantiles of what blocks need, and a little more than any does.
    """
    if not needs:
        return []
    found = {_round_up(int(np.quantile(needs, share, method="higher"))) for share in BUDGET_SHARES}
    found.add(_round_up(int(ABOVE_ALL * max(needs))))
    return sorted(count for count in found if count > 0)


def _round_up(count: int) -> int:
    unit = int(10 ** max(0, len(str(count)) - 3))
    return -(-count // unit) * unit


def elastic_curve(needs: Sequence[int], met: Sequence[bool], max_tokens: Sequence[int]) -> list[tuple[float, float]]:
    """(share of tokens, share of blocks that meet) if no block could have more than a cap, for caps of all heights.

    needs, max_tokens: of every block, what it uses when it gets what it needs, and the most that it may have. A block
    that needs more than the cap gets the cap and misses. The model leaves out that the block after a missed one needs
    more: only the end of the curve, where all blocks meet, was itself encoded.
    """
    counts, enough = np.array(needs, np.float64), np.array(met, bool)
    caps = np.unique(counts[enough])
    if len(caps) > MAX_POINTS:
        caps = caps[np.linspace(0, len(caps) - 1, MAX_POINTS).round().astype(int)]
    spent = [float(np.minimum(counts, cap).sum()) / max(1, sum(max_tokens)) for cap in caps]
    return [(used, float(np.mean((counts <= cap) & enough))) for used, cap in zip(spent, caps, strict=True)]


def fixed_point(
    tokens: Sequence[int], errors: Sequence[float], max_tokens: Sequence[int], threshold: float
) -> dict[str, Any]:
    """One budget for all blocks: share of tokens used, share of blocks that meet."""
    return {
        "tokens_share": sum(tokens) / max(1, sum(max_tokens)),
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


def score_at(curve: Sequence[tuple[float, float]], mse: float) -> float | None:
    """A score at an error, linear in the logarithm of the error between points (MSE, score); None outside of them."""
    points = sorted((math.log(error), score) for error, score in curve if error > 0)
    if not points or mse <= 0 or not points[0][0] <= math.log(mse) <= points[-1][0]:
        return None
    return float(np.interp(math.log(mse), [p[0] for p in points], [p[1] for p in points]))


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
    for log_mse in np.linspace(low + 1e-9, high - 1e-9, 64):
        a, b = bytes_at(ours, math.exp(log_mse)), bytes_at(theirs, math.exp(log_mse))
        if a is not None and b is not None:
            ratios.append(math.log(a / b))
    return math.exp(float(np.mean(ratios))) if ratios else None


def geometric_mean(values: Sequence[float]) -> float | None:
    """None for no values."""
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None
