from __future__ import annotations

from itertools import product

import av
import numpy as np
import numpy.typing as npt
import pytest

from elastictok_cli.video.colour import Colour, FromRgb, ToRgb, for_output, known

# ITU-T H.273: matrix number to the weights of red and blue.
WEIGHTS = {1: (0.2126, 0.0722), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def by_formula(planes: list[npt.NDArray[np.float64]], matrix: int, full: bool) -> npt.NDArray[np.float64]:
    red, blue = WEIGHTS[matrix]
    y, u, v = planes
    if full:
        y, u, v = y / 255, (u - 128) / 255, (v - 128) / 255
    else:
        y, u, v = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.clip(np.stack([r, g, b], -1) * 255, 0, 255)


def blocks() -> npt.NDArray[np.uint8]:
    colours = np.random.default_rng(1).integers(0, 256, (8, 8, 3))
    return colours.repeat(8, 0).repeat(8, 1).astype(np.uint8)


def planes(frame: av.VideoFrame) -> list[npt.NDArray[np.float64]]:
    return [np.frombuffer(bytes(p), np.uint8).reshape(-1, p.line_size)[:64, :64].astype(float) for p in frame.planes]


@pytest.mark.parametrize(("matrix", "levels"), list(product(WEIGHTS, (1, 2))))
def test_both_ways_follow_the_tagged_matrix_and_range(matrix: int, levels: int) -> None:
    colour, rgb = Colour(2, 2, matrix, levels), blocks()
    frame = FromRgb(64, 64, "yuv444p", colour)(rgb)
    expected = by_formula(planes(frame), matrix, levels == 2)
    assert np.abs(expected - rgb).max() <= 2.5  # to 8 bit YUV
    assert np.abs(expected - ToRgb(64, 64, colour)(frame)).max() <= 1.5  # and back


def test_the_wrong_matrix_would_show() -> None:
    frame = FromRgb(64, 64, "yuv444p", Colour(2, 2, 1, 1))(blocks())
    assert np.abs(by_formula(planes(frame), 6, False) - blocks()).max() > 10


def test_transparent_pixels_are_laid_on_white_before_scaling() -> None:
    rgba = np.zeros((32, 32, 4), np.uint8)  # black and invisible
    rgba[:, :16] = (200, 10, 10, 255)
    to_rgb = ToRgb(16, 16, Colour(2, 2, 0, 2))
    rgb = to_rgb(av.VideoFrame.from_ndarray(rgba, "rgba"))
    assert to_rgb.blended
    assert rgb[8, 12].tolist() == [255, 255, 255] and rgb[8, 3].tolist() == [200, 10, 10]


def test_opaque_alpha_is_not_worth_a_word() -> None:
    to_rgb = ToRgb(8, 8, Colour(2, 2, 0, 2))
    to_rgb(av.VideoFrame.from_ndarray(np.full((8, 8, 4), 255, np.uint8), "rgba"))
    assert not to_rgb.blended


@pytest.mark.parametrize(
    ("pixel_format", "size", "expected"),
    [
        ("yuv420p", (320, 240), (6, 1)),
        ("yuv420p", (1280, 720), (1, 1)),
        ("yuvj420p", (320, 240), (6, 2)),
        ("rgb24", (320, 240), (0, 2)),
    ],
)
def test_untagged_frames_are_taken_as_players_take_them(
    pixel_format: str, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert known(av.VideoFrame(*size, pixel_format), picture=False)[2:] == expected


def test_rgb_sources_are_written_with_the_default_tags() -> None:
    assert for_output((2, 2, 0, 2), 456, 256) == (2, 2, 6, 1)
    assert for_output((9, 16, 9, 2), 456, 256) == (9, 16, 9, 2)
