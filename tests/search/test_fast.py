"""The default search is worth its name: few tries, on curves like those of real blocks."""

from __future__ import annotations

import numpy as np
import pytest

from elastictok_cli.search import Found, Span, strategy

from .curves import Curve, ladder, power, watch

STEPS = Span(0, 383)
THRESHOLD = 0.007


def drifting(curve: Curve, octaves: float) -> Curve:
    return lambda effort: curve(effort) * 2.0**octaves


def tries(spread: float, noise: float) -> float:
    """Mean tries a block, over clips whose blocks differ by `spread` octaves of error."""
    counts = []
    for seed in range(20):
        curve, previous = ladder(seed, noise), None
        for octaves in np.random.default_rng(seed).normal(0, spread, 15):
            found, _ = watch(strategy("fast")(STEPS, THRESHOLD, previous), drifting(curve, octaves), STEPS, THRESHOLD)
            assert found.met
            counts.append(len(found.probes))
            previous = found
    return float(np.mean(counts))


@pytest.mark.parametrize(("spread", "most"), [(0.01, 3.0), (0.05, 4.0), (0.25, 4.8)])
def test_few_tries_a_block(spread: float, most: float) -> None:
    assert tries(spread, 0.005) <= most


@pytest.mark.parametrize("seed", range(20))
def test_a_first_block_needs_few_rounds(seed: int) -> None:
    found, rounds = watch(strategy("fast")(STEPS, THRESHOLD), ladder(seed, 0.004), STEPS, THRESHOLD)
    assert found.met
    assert rounds <= 6


def test_a_static_block_ends_at_the_cheapest_and_stays_there() -> None:
    def static(effort: int) -> float:
        return 0.006

    previous = Found(effort=200, mse=0.0069, met=True, probes=(), why="", slope=0.04, inner=200)
    found, _ = watch(strategy("fast")(STEPS, THRESHOLD, previous), static, STEPS, THRESHOLD)
    assert found.effort == 0
    again, rounds = watch(strategy("fast")(STEPS, THRESHOLD, found), static, STEPS, THRESHOLD)
    assert (again.effort, rounds) == (0, 1)
    assert again.inner == 200, "the way back to motion is remembered"


def test_a_flat_curve_with_a_cliff_is_bracketed() -> None:
    found, rounds = watch(strategy("fast")(STEPS, THRESHOLD), lambda e: 0.5 if e < 301 else 1e-4, STEPS, THRESHOLD)
    assert found.effort == 301
    assert rounds <= 12


def test_a_plateau_a_hair_above_the_threshold_is_left_in_strides_and_not_to_the_far_end() -> None:
    """As of still text: nothing changes for many steps, and the next that does is enough."""
    previous = Found(effort=157, mse=0.00699, met=True, probes=(), why="", slope=0.04, inner=157)
    found, rounds = watch(
        strategy("fast")(STEPS, THRESHOLD, previous), lambda e: 0.007003 if e < 190 else 0.0068, STEPS, THRESHOLD
    )
    assert 190 <= found.effort <= 200
    assert rounds <= 14


def test_a_flat_block_before_does_not_send_the_search_to_the_far_end() -> None:
    previous = Found(effort=104, mse=0.0069, met=True, probes=(), why="", slope=0.0004, inner=104)
    found, _ = watch(strategy("fast")(STEPS, THRESHOLD, previous), ladder(3, 0.004), STEPS, THRESHOLD)
    assert max(effort for effort, _ in found.probes) < STEPS.high
    assert len(found.probes) <= 7


@pytest.mark.parametrize("seed", range(20))
def test_counts_are_searched_one_at_a_time(seed: int) -> None:
    span = Span(1, 4096, log=True)
    curve = power(seed, 0.0)
    found, rounds = watch(strategy("fast")(span, THRESHOLD), curve, span, THRESHOLD)
    least, _ = watch(strategy("binary")(span, THRESHOLD), curve, span, THRESHOLD)
    assert found.met == least.met
    assert rounds <= 9
    if found.met:
        assert found.effort <= least.effort * 1.05 + 1


def test_an_error_of_zero_and_a_threshold_of_zero_have_no_logarithm() -> None:
    found, _ = watch(strategy("fast")(STEPS, 0.0), lambda e: 0.0 if e >= 380 else 0.1, STEPS, 0.0)
    assert found.met
    assert found.effort == 380
