"""Variable-length fields: what is written comes back, what cannot be is refused."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastictok_cli.container import fields
from elastictok_cli.container.fields import Cursor
from elastictok_cli.errors import DamagedFile


@given(st.integers(0, fields.UINT_MAX))
def test_any_unsigned_number_comes_back(value: int) -> None:
    cur = Cursor(fields.uint(value), "x")
    assert cur.uint("n") == value
    cur.end()


@given(st.integers(-fields.SINT_MAX, fields.SINT_MAX))
def test_any_signed_number_comes_back(value: int) -> None:
    assert Cursor(fields.sint(value), "x").sint("n") == value


def test_zigzag_keeps_small_numbers_small() -> None:
    assert [fields.zigzag(v) for v in (0, -1, 1, -2, 2)] == [0, 1, 2, 3, 4]
    assert len(fields.sint(-64)) == 1


@pytest.mark.parametrize("value", [-1, fields.UINT_MAX + 1])
def test_what_does_not_fit_is_not_written(value: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        fields.uint(value)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "does not end"),
        (b"\x80", "does not end"),
        (b"\xff" * 9 + b"\x01", "does not end"),
        (b"\x80\x00", "shortest form"),
        (b"\x05", "outside 0 to 4"),
    ],
)
def test_a_number_that_cannot_be_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(DamagedFile, match=f"^clip: .*{why}"):
        Cursor(data, "clip").uint("number", high=4)


def test_a_count_is_refused_before_anything_is_allocated() -> None:
    with pytest.raises(DamagedFile, match="4611686018427387904 packets cannot be in 3 bytes"):
        Cursor(fields.uint(1 << 62) + b"abc", "clip").count("packets", each=2)


def test_a_length_over_the_bytes_left_is_refused() -> None:
    with pytest.raises(DamagedFile, match="needs 200 bytes where 3 are left"):
        Cursor(fields.uint(200) + b"abc", "clip").text("name")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_refused(value: float) -> None:
    with pytest.raises(DamagedFile, match=f"threshold is {value}"):
        Cursor(fields.double(value), "clip").double("threshold")


def test_text_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(DamagedFile, match="not UTF-8"):
        Cursor(fields.blob(b"\xff"), "clip").text("name")


@given(st.none() | st.fractions(Fraction(1, 10**6), 10**6, max_denominator=10**9))
def test_ratios_come_back(value: Fraction | None) -> None:
    assert Cursor(fields.ratio(value), "x").ratio("r") == value
