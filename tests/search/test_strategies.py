"""What all strategies promise, and what each of them is for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastictok_cli.errors import UsageError
from elastictok_cli.search import STRATEGIES, Found, Span, strategy
from elastictok_cli.search.fast import CLOSE

from .curves import ladder, power, watch

COUNTS = Span(1, 600, log=True)
STEPS = Span(0, 383)


@pytest.mark.parametrize("name", STRATEGIES)
@given(data=st.data())
def test_what_is_returned_was_measured_on_any_curve(name: str, data: st.DataObject) -> None:
    low = data.draw(st.integers(1, 20))
    span = Span(low, low + data.draw(st.integers(0, 60)), log=data.draw(st.booleans()))
    errors = data.draw(st.lists(st.floats(0, 1), min_size=100, max_size=100))
    threshold = data.draw(st.floats(0, 1))
    result = st.builds(
        Found,
        effort=st.integers(-5, 200),
        mse=st.floats(0, 1),
        met=st.booleans(),
        probes=st.just(()),
        why=st.just("previous"),
        slope=st.none() | st.floats(1e-6, 10),
        inner=st.none() | st.integers(0, 100),
    )
    previous = data.draw(st.none() | result)
    watch(strategy(name)(span, threshold, previous), lambda effort: errors[effort], span, threshold)


@pytest.mark.parametrize("name", ["fast", "full", "binned", "binary"])
@pytest.mark.parametrize("span", [COUNTS, STEPS], ids=["counts", "steps"])
def test_a_miss_is_claimed_only_where_the_largest_effort_misses(name: str, span: Span) -> None:
    curve = ladder(3, 0.0, 601)
    found, _ = watch(strategy(name)(span, 1e-9), curve, span, 1e-9)
    assert not found.met
    assert found.effort == min(range(span.low, span.high + 1), key=lambda e: (curve(e), e))
    found, _ = watch(strategy(name)(span, 10.0), curve, span, 10.0)
    assert found.met
    assert found.effort == span.low


@pytest.mark.parametrize("seed", range(8))
def test_full_finds_the_true_minimum_of_a_bumpy_curve(seed: int) -> None:
    curve = power(seed, 0.3, 600)
    met = [effort for effort in range(1, 601) if curve(effort) <= 0.007]
    found, _ = watch(strategy("full")(COUNTS, 0.007), curve, COUNTS, 0.007)
    assert (found.effort if found.met else None) == min(met, default=None)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("span", [COUNTS, STEPS], ids=["counts", "steps"])
def test_binary_and_fast_agree_with_full_on_a_monotone_curve(seed: int, span: Span) -> None:
    curve = ladder(seed, 0.0, 601)
    least, _ = watch(strategy("full")(span, 0.007), curve, span, 0.007)
    halved, _ = watch(strategy("binary")(Span(span.low, span.high, span.log), 0.007), curve, span, 0.007)
    assert halved.effort == least.effort
    quick, _ = watch(strategy("fast")(span, 0.007), curve, span, 0.007)
    assert quick.effort == least.effort or (quick.met and quick.mse >= CLOSE * 0.007)


def test_binned_tries_a_hundred_at_most_and_always_the_largest() -> None:
    span = Span(5, 3000, log=True)
    found, rounds = watch(strategy("binned")(span, 1e-9), power(0, 0, 3000), span, 1e-9)
    assert rounds <= 101
    assert found.probes[-1][0] == 3000
    assert found.probes[0][0] == 5


def test_unknown_names_get_a_hint() -> None:
    with pytest.raises(UsageError, match="did you mean binary"):
        strategy("binery")


@pytest.mark.parametrize("low, high, log", [(5, 4, False), (0, 4, True)])
def test_a_span_that_holds_nothing_is_refused(low: int, high: int, log: bool) -> None:
    with pytest.raises(ValueError, match="no efforts"):
        Span(low, high, log)


def test_a_log_span_clips_without_overflow() -> None:
    span = Span(1, 4096, log=True)
    assert span.clip(span.effort(1e9)) == 4096
    assert span.clip(span.effort(-1e9)) == 1
    assert np.isclose(span.effort(span.position(777)), 777)
