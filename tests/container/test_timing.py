"""PTS: exact for any times that rise, a few bytes for regular ones."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastictok_cli.container.fields import Cursor, sint, uint, zigzag
from elastictok_cli.container.timing import pack_pts, parse_pts
from elastictok_cli.errors import DamagedFile

from .samples import header


@given(st.lists(st.integers(-(2**57), 2**57), min_size=1, max_size=50, unique=True).map(sorted))
def test_any_times_come_back(ticks: list[int]) -> None:
    head = header(frame_rate=None)
    cur = Cursor(pack_pts(np.array(ticks, np.int64), head), "x")
    assert parse_pts(cur, len(ticks), head).tolist() == ticks
    cur.end()


@given(st.integers(-100, 10**9), st.lists(st.integers(1, 3), min_size=1, max_size=60))
def test_irregular_times_come_back_where_there_is_a_rate(first: int, steps: list[int]) -> None:
    head = header(time_base=Fraction(1, 1000), frame_rate=Fraction(600))
    ticks = (first + np.cumsum(steps)).astype(np.int64)
    assert (parse_pts(Cursor(pack_pts(ticks, head), "x"), len(ticks), head) == ticks).all()


@given(
    st.integers(0, 12),
    st.integers(1, 12),
    st.integers(0, 11),
    st.lists(st.sampled_from([0, 0, 0, 1, -1]), max_size=20),
)
def test_times_near_a_line_come_back(over: int, denominator: int, phase: int, jitter: list[int]) -> None:
    numerator = 3 * denominator + over  # so steep that they rise in spite of the jitter
    head = header(time_base=Fraction(1), frame_rate=Fraction(denominator, numerator))
    line = [(phase + i * numerator) // denominator for i in range(len(jitter) + 1)]
    ticks = [a + b for a, b in zip(line, [0, *jitter], strict=True)]
    assert parse_pts(Cursor(pack_pts(np.array(ticks, np.int64), head), "x"), len(ticks), head).tolist() == ticks


@pytest.mark.parametrize("rate", [Fraction(24), Fraction(24000, 1001), Fraction(30000, 1001), Fraction(25)])
@pytest.mark.parametrize("base", [Fraction(1, 1000), Fraction(1, 90000), Fraction(1001, 120_000), Fraction(1, 12800)])
@pytest.mark.parametrize("half", [Fraction(0), Fraction(1, 2)])
def test_a_constant_rate_takes_few_bytes_in_any_time_base(rate: Fraction, base: Fraction, half: Fraction) -> None:
    head = header(time_base=base, frame_rate=rate)
    ticks = np.array([int((5000 + i) / (rate * base) + half) for i in range(96)], np.int64)
    packed = pack_pts(ticks, head)
    assert len(packed) <= 4 + 3
    assert (parse_pts(Cursor(packed, "x"), 96, head) == ticks).all()


def test_an_unknown_constant_rate_is_one_run() -> None:
    head = header(frame_rate=None)
    assert len(pack_pts(np.arange(96, dtype=np.int64) * 512, head)) == 1 + 1 + 2 + 1


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (sint(0) + uint(0) + uint(5 << 1 | 1) + uint(1 << 60), "past the GOP"),
        (sint(0) + uint(2), "a line that the header does not have"),
        (sint(1 << 57) + uint(0) + uint(4 << 1 | 1) + uint(94), "out of range"),
        (sint(0) + uint(0), "does not end"),
        (sint(9) + uint(0) + uint(zigzag(5) << 1) + uint(zigzag(-5) << 1 | 1) + uint(93), "do not rise"),
        (sint(9) + uint(0) + uint(zigzag(-5) << 1 | 1) + uint(94), "do not rise"),
    ],
)
def test_times_that_cannot_be_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(DamagedFile, match=why):
        parse_pts(Cursor(data, "x"), 96, header(frame_rate=None))


def test_a_line_so_flat_that_times_repeat_is_refused() -> None:
    head = header(time_base=Fraction(1, 1000), frame_rate=Fraction(1001))
    with pytest.raises(DamagedFile, match="do not rise"):
        parse_pts(Cursor(sint(0) + uint(1), "x"), 96, head)


@pytest.mark.parametrize("ticks", [[0, 0], [0, 2, 1], [5, 3]])
@pytest.mark.parametrize("rate", [None, Fraction(24)])
def test_times_that_do_not_rise_are_not_written(ticks: list[int], rate: Fraction | None) -> None:
    with pytest.raises(ValueError, match="do not rise"):
        pack_pts(np.array(ticks, np.int64), header(frame_rate=rate))


def test_times_out_of_range_are_not_written() -> None:
    with pytest.raises(ValueError, match="out of range"):
        pack_pts(np.array([0, 1 << 60], np.int64), header())
