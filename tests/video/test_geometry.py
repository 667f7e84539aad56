from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastictok_cli.errors import UsageError
from elastictok_cli.video.geometry import coded_size, crop, pad, scaled_sar, shown_size, tile, turn, untile

SIDES = st.integers(1, 4000)


@pytest.mark.parametrize(
    ("size", "stored", "expected"),
    [
        ("fit256", (1920, 1080), (456, 256)),
        ("fit256", (1080, 1920), (256, 456)),
        ("fit256", (161, 121), (161, 121)),
        ("fit1080", (1920, 1080), (1920, 1080)),
        ("fit1080", (3840, 2160), (1920, 1080)),
        ("fit1080", (640, 360), (640, 360)),
        ("fit256", (4000, 200), (4000, 200)),
        ("fit256", (300, 300), (256, 256)),
        ("source", (161, 121), (161, 121)),
        ("128", (1280, 720), (228, 128)),
        ("720", (640, 360), (1280, 720)),
        ("100x40", (1280, 720), (100, 40)),
        ("100X40", (1280, 720), (100, 40)),
    ],
)
def test_sizes_mean_what_the_help_says(size: str, stored: tuple[int, int], expected: tuple[int, int]) -> None:
    assert coded_size(size, *stored) == expected


@pytest.mark.parametrize("size", ["", "big", "0", "-5", "10x", "x10", "1x2x3", "0x10", "65536", "1e3", "٣"])
def test_sizes_that_mean_nothing_are_refused(size: str) -> None:
    with pytest.raises(UsageError, match="`size`"):
        coded_size(size, 640, 360)


def test_a_side_that_follows_cannot_grow_without_bound() -> None:
    with pytest.raises(UsageError, match="would be"):
        coded_size("60000", 4000, 20)


@given(SIDES, SIDES)
def test_fit256_keeps_the_aspect_within_a_pixel_and_never_enlarges(width: int, height: int) -> None:
    to_width, to_height = coded_size("fit256", width, height)
    assert to_width <= width + 1 and to_height <= height + 1
    if min(width, height) > 256:
        assert min(to_width, to_height) == 256
        assert to_width % 2 == 0 and to_height % 2 == 0
        assert abs(to_width / to_height - width / height) <= 1.01 * max(width / height, 1) / min(to_width, to_height)


def test_sar_stays_when_only_rounding_changed_the_shape() -> None:
    assert scaled_sar(Fraction(12, 11), (1280, 720), (456, 256)) == Fraction(12, 11)


def test_sar_makes_up_for_a_squeezed_size() -> None:
    sar = scaled_sar(Fraction(1), (1280, 720), (256, 256))
    assert shown_size((256, 256), sar, 0) == (455, 256)


def test_shown_size_turns_after_stretching() -> None:
    assert shown_size((352, 288), Fraction(12, 11), 90) == (288, 384)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 40), st.integers(0, 40))
def test_padding_repeats_the_edge_and_is_undone(width: int, height: int, right: int, down: int) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (2, height, width, 3)).astype(np.uint8)
    padded = pad(rgb, (height + down, width + right))
    assert padded.shape == (2, height + down, width + right, 3)
    assert np.array_equal(crop(padded, width, height), rgb)
    assert np.array_equal(padded[:, -1, :width], rgb[:, -1])
    assert np.array_equal(padded[:, :height, -1], rgb[:, :, -1])


def test_tiles_go_in_rows_and_come_back() -> None:
    rgb = np.arange(2 * 6 * 8 * 3).reshape(2, 6, 8, 3).astype(np.uint8)
    tiles = tile(rgb, (3, 4))
    assert np.array_equal(tiles[1], rgb[:, :3, 4:])
    assert np.array_equal(untile(tiles, 2), rgb)


def test_tiles_that_do_not_fill_the_picture_are_refused() -> None:
    with pytest.raises(ValueError, match="8x6"):
        tile(np.zeros((6, 8, 3), np.uint8), (4, 4))


def test_turning_is_clockwise() -> None:
    rgb = np.zeros((2, 3, 3), np.uint8)
    rgb[0, 0] = 255  # upper left goes to the upper right
    turned = turn(rgb, 90)
    assert turned.shape == (3, 2, 3) and turned[0, 1, 0] == 255
    assert np.array_equal(turn(turned, 270), rgb)
