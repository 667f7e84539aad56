"""The loop filter: it removes steps at the edges of blocks, and keeps the edges and texture of the picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from elastictok_cli.models.nano.recon.loop_filter import MAX_RAMP_STEP, MAX_UNEVENNESS, loop_filter
from elastictok_cli.models.nano.syntax.frame import FrameTokens

QSTEP = np.float32(100)
MIDDLE = 16  # the edge between the two CTUs


def filtered(
    left: float, right: float, *, tx_8x8: bool = False, coded: bool = True, no_obmc: bool = False, wave: float = 0
) -> npt.NDArray[np.float32]:
    """Luma across the edge between two flat CTUs, after the filter."""
    rec = np.zeros((3, 16, 32), np.float32)
    rec[:, :, :MIDDLE], rec[:, :, MIDDLE:] = left, right
    rec[:, :, ::2] += wave
    tokens = FrameTokens.empty(16, 32)
    tokens.levels[0, 0, 0] = coded
    tokens.no_obmc[0, 0] = no_obmc
    tokens.tx_8x8[:] = tx_8x8
    loop_filter(rec, tokens, QSTEP)
    assert (rec[0] == rec[0, 0]).all(), "every row is the same"
    return rec[0, 0]


def test_a_small_step_between_flat_blocks_becomes_a_ramp() -> None:
    height = 0.8 * float(MAX_RAMP_STEP * QSTEP)
    line = filtered(50, 50 + height)
    assert line[0] == 50 and line[-1] == 50 + np.float32(height)
    rises = np.diff(line)
    assert (rises >= 0).all() and rises.max() <= height / 13


@pytest.mark.parametrize("tx_8x8", [False, True])
def test_a_higher_step_is_smoothed_over_few_pixels(tx_8x8: bool) -> None:
    line = filtered(50, 50 + 2 * float(MAX_RAMP_STEP * QSTEP), tx_8x8=tx_8x8)
    assert (line[: MIDDLE - 2] == 50).all() and line[MIDDLE - 1] > 55


def test_an_edge_of_the_picture_stays() -> None:
    assert filtered(50, 200).tolist() == [50] * MIDDLE + [200] * MIDDLE


def test_texture_stays() -> None:
    wave = 2 * float(MAX_UNEVENNESS * QSTEP)
    assert np.ptp(filtered(50, 55, wave=wave)[2 : MIDDLE - 4]) == wave


def test_a_block_that_is_only_copied_stays() -> None:
    assert filtered(50, 55, coded=False).tolist() == [50] * MIDDLE + [55] * MIDDLE


def test_a_block_predicted_without_overlap_is_filtered() -> None:
    assert filtered(50, 55, coded=False, no_obmc=True).tolist() == filtered(50, 55).tolist()
