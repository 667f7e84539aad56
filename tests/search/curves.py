"""Error curves to search on, and a way to watch a search work."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from elastictok_cli.search import Found, Search, Span, run

Curve = Callable[[int], float]


def ladder(seed: int, noise: float, steps: int = 384, floor: float = 1e-5) -> Curve:
    """As of a quantiser ladder: about 1/8 dB an effort, flattening at both ends, with noise that is not
    monotone."""
    rng = np.random.default_rng(seed)
    slope = rng.uniform(0.014, 0.045)
    centre = rng.uniform(0.25, 0.75) * steps
    wobble = rng.normal(0, noise, steps)
    roof = 0.007 * rng.uniform(1.5, 40)

    def error(effort: int) -> float:
        rising = 0.007 * 2.0 ** (slope * (centre - effort) + wobble[effort])
        return float(1 / (1 / (rising + floor) + 1 / roof))

    return error


def power(seed: int, noise: float, most: int = 4096) -> Curve:
    """As of token counts: a power of the count, bumpy."""
    rng = np.random.default_rng(seed)
    exponent, scale = rng.uniform(0.4, 2.0), rng.uniform(1e-2, 30)
    wobble = rng.normal(0, noise, most + 1)
    return lambda effort: float(scale * 0.01 * (effort / 40) ** -exponent * 2.0 ** wobble[effort])


def watch(search: Search, curve: Curve, span: Span, threshold: float) -> tuple[Found, int]:
    """Run a search to its end, holding it to every promise of `Found`; also the number of tries."""
    rounds = 0

    def measure(effort: int) -> float:
        nonlocal rounds
        rounds += 1
        assert span.low <= effort <= span.high
        return curve(effort)

    found = run(search, measure)
    assert (found.effort, found.mse) in found.probes
    assert found.mse == curve(found.effort)
    assert found.met == (found.mse <= threshold)
    assert found.why
    return found, rounds
