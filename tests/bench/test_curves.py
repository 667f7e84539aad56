"""What is read off measurements, on numbers that can be worked out by hand."""

from __future__ import annotations

import math

import pytest

from elastictok_cli.bench import curves


def test_budgets_are_quantiles_of_what_blocks_need() -> None:
    assert curves.budgets(list(range(1, 101))) == [51, 76, 91, 98, 110]
    assert curves.budgets([123_456] * 4) == [124_000, 136_000]
    assert curves.budgets([]) == [] and curves.budgets([0, 0]) == []


def test_the_elastic_curve_caps_what_blocks_need() -> None:
    """Needs 1, 2, 3, 4 of 10 each: a cap of 2 spends 1 + 2 + 2 + 2 of 40 and half of the blocks meet."""
    curve = curves.elastic_curve([1, 2, 3, 4], [True] * 4, [10] * 4)
    assert curve == [(4 / 40, 0.25), (7 / 40, 0.5), (9 / 40, 0.75), (10 / 40, 1.0)]


def test_blocks_that_never_meet_spend_the_cap_and_count_as_missed() -> None:
    curve = curves.elastic_curve([1, 2, 3, 10], [True, True, True, False], [10] * 4)
    assert curve[-1] == (9 / 40, 0.75)


def test_a_fixed_budget_meets_where_the_error_is_small_enough() -> None:
    found = curves.fixed_point([5, 5, 4], [0.006, 0.007, 0.008], [10, 10, 10], 0.007)
    assert found == {"tokens_share": 14 / 30, "met_share": pytest.approx(2 / 3)}


def test_tokens_at_equal_share_met() -> None:
    curve = [(0.01, 0.5), (0.04, 1.0)]
    assert curves.tokens_at(curve, 1.0) == 0.04
    assert curves.tokens_at(curve, 0.75) == pytest.approx(0.02)  # half way in the logarithm
    assert curves.tokens_at(curve, 0.3) == 0.01
    assert curves.tokens_at([(0.01, 0.5)], 0.6) is None


CURVE = [(4000, 0.001), (2000, 0.004), (1000, 0.016)]


def test_bytes_at_an_error_follow_the_curve() -> None:
    assert curves.bytes_at(CURVE, 0.004) == pytest.approx(2000)
    assert curves.bytes_at(CURVE, 0.002) == pytest.approx(2000 * math.sqrt(2))
    assert curves.bytes_at(CURVE, 0.5) is None and curves.bytes_at(CURVE, 0.0005) is None


def test_points_that_a_better_one_undercuts_are_left_out() -> None:
    assert curves.bytes_at([*CURVE, (5000, 0.002)], 0.002) == pytest.approx(2000 * math.sqrt(2))


def test_the_rate_difference_of_half_the_bytes_is_a_half() -> None:
    half = [(bytes_ / 2, mse) for bytes_, mse in CURVE]
    assert curves.rate_difference(half, CURVE) == pytest.approx(0.5)
    assert curves.rate_difference(CURVE, half) == pytest.approx(2)
    assert curves.rate_difference(CURVE[:2], [(10, 0.1), (5, 0.2)]) is None


def test_points_without_loss_have_no_place_on_a_logarithmic_curve() -> None:
    half = [(bytes_ / 2, mse) for bytes_, mse in [*CURVE, (18_000, 0.0)]]
    assert curves.rate_difference(CURVE, half) == pytest.approx(2)
    assert curves.rate_difference(CURVE, [(5000, 0.0)]) is None and curves.rate_difference([(5000, 0.0)], CURVE) is None
