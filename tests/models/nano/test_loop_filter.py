"""The filter at the edges of transform blocks: stairs go, edges and texture stay."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from elastictok_cli.models.nano.recon.loop_filter import FLAT, STAIR, deblock

STEP = np.float32(100)
MIDDLE = 16  # of the edge between the two patches


def filtered(
    left: float, right: float, *, eight: bool = False, coded: bool = True, alone: bool = False, wave: float = 0
) -> npt.NDArray[np.float32]:
    """Luma across the edge between two even patches, after the filter."""
    rec = np.zeros((3, 16, 32), np.float32)
    rec[:, :, :MIDDLE], rec[:, :, MIDDLE:] = left, right
    rec[:, :, ::2] += wave
    q = np.zeros((3, 16, 32), np.int16)
    q[0, 0, 0] = coded
    intra = np.full((1, 2), -1, np.int8)
    deblock(rec, intra, np.array([[alone, False]], np.uint8), np.full((1, 2), eight, np.uint8), q, STEP)
    assert (rec[0] == rec[0, 0]).all(), "every row is the same"
    return rec[0, 0]


def test_a_small_stair_between_flat_patches_becomes_a_ramp() -> None:
    height = 0.8 * float(STAIR * STEP)
    line = filtered(50, 50 + height)
    assert line[0] == 50 and line[-1] == 50 + np.float32(height)
    rises = np.diff(line)
    assert (rises >= 0).all() and rises.max() <= height / 13


@pytest.mark.parametrize("eight", [False, True])
def test_a_higher_stair_is_smoothed_over_few_pixels(eight: bool) -> None:
    line = filtered(50, 50 + 2 * float(STAIR * STEP), eight=eight)
    assert (line[: MIDDLE - 2] == 50).all() and line[MIDDLE - 1] > 55


def test_an_edge_stays() -> None:
    assert filtered(50, 200).tolist() == [50] * MIDDLE + [200] * MIDDLE


def test_texture_is_no_flat_side() -> None:
    wave = 2 * float(FLAT * STEP)
    assert np.ptp(filtered(50, 55, wave=wave)[2 : MIDDLE - 4]) == wave


def test_what_is_only_copied_stays() -> None:
    assert filtered(50, 55, coded=False).tolist() == [50] * MIDDLE + [55] * MIDDLE


def test_a_patch_predicted_alone_has_edges() -> None:
    assert filtered(50, 55, coded=False, alone=True).tolist() == filtered(50, 55).tolist()
