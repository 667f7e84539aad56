from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from elastictok_cli.metrics import block_mse, contrast, mse_of_psnr, psnr_db, squared_error, worst_and_low


@given(arrays(np.uint8, (2, 3, 4, 3)), arrays(np.uint8, (2, 3, 4, 3)))
def test_it_is_the_mean_squared_difference_on_minus_one_to_one(a: np.ndarray, b: np.ndarray) -> None:
    expected = np.mean((a / 127.5 - b / 127.5) ** 2)
    assert block_mse(a, b) == pytest.approx(expected, rel=1e-12, abs=1e-15)
    assert squared_error(a, b) == int(((a.astype(int) - b.astype(int)) ** 2).sum())


def test_opposite_corners_are_4() -> None:
    black, white = np.zeros((1, 2, 2, 3), np.uint8), np.full((1, 2, 2, 3), 255, np.uint8)
    assert block_mse(black, white) == 4.0
    assert block_mse(white, black) == 4.0


@pytest.mark.parametrize(("mse", "db"), [(0.001, 36.02), (0.003, 31.25), (0.007, 27.57), (0.015, 24.26)])
def test_the_thresholds_that_people_use_in_db(mse: float, db: float) -> None:
    assert psnr_db(mse) == pytest.approx(db, abs=0.005)


@given(st.floats(1e-9, 4))
def test_psnr_and_mse_are_inverses(mse: float) -> None:
    assert mse_of_psnr(psnr_db(mse)) == pytest.approx(mse, rel=1e-12)


def test_no_error_has_infinite_psnr() -> None:
    assert psnr_db(0.0) == math.inf


def test_shapes_and_types_must_agree() -> None:
    a = np.zeros((1, 2, 2, 3), np.uint8)
    with pytest.raises(ValueError, match="shape"):
        block_mse(a, a[:, :1])
    with pytest.raises(ValueError, match="uint8"):
        block_mse(a, a.astype(np.float32))
    with pytest.raises(ValueError, match="no pixels"):
        block_mse(a[:0], a[:0])


def test_contrast_is_the_error_of_showing_only_the_mean() -> None:
    rng = np.random.default_rng(0)
    flat = np.full((2, 5, 7, 3), 3, np.uint8) + np.arange(3, dtype=np.uint8)
    assert contrast(flat) == 0  # brightness and colour are no contrast
    frames = rng.integers(0, 256, (2, 5, 7, 3), dtype=np.uint8)
    assert contrast(frames) == pytest.approx((frames / 127.5).var((1, 2)).mean(), rel=1e-12)
    black_and_white = np.zeros((1, 4, 4, 3), np.uint8)
    black_and_white[:, :2] = 255
    assert contrast(black_and_white) == 1


def test_the_one_percent_low_is_what_99_percent_of_the_frames_stay_within() -> None:
    assert worst_and_low([(0.5, 1), (0.2, 1), (0.1, 198)]) == (0.5, 0.1)
    assert worst_and_low([(0.1, 198), (0.2, 1), (0.5, 2)]) == (0.5, 0.2)
    assert worst_and_low([(0.1, 8), (0.3, 8)]) == (0.3, 0.3)
    assert worst_and_low([]) == (0.0, 0.0)
    assert all(math.isnan(mse) for mse in worst_and_low([(0.1, 8), (math.nan, 8)]))
