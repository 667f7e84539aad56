"""Inter prediction: overlapped with the neighbours' vectors, or a CTU by its own vectors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from elastictok_cli.models.nano.recon.colour import PAD
from elastictok_cli.models.nano.recon.motion_compensation import compensate, replace_no_obmc
from elastictok_cli.models.nano.syntax.motion import has_no_obmc_flag
from elastictok_cli.models.nano.syntax.motion_vectors import MV_X0, PRED_FLAGS, PRED_L0

SIZE = 48
LEFT, RIGHT = 1, 3  # whole pixels to the right that the vectors of the left and the right half point


def predicted(no_obmc: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """A frame of three CTUs per row, the last with another vector, and its padded reference."""
    ref = np.random.default_rng(0).normal(0, 50, (3, SIZE + 2 * PAD, SIZE + 2 * PAD)).astype(np.float32)
    mv = field()
    out = np.zeros((3, SIZE, SIZE), np.float32)
    compensate(ref, ref, mv, out)
    replace_no_obmc(ref, ref, mv, no_obmc, out)
    return out, ref


def field() -> npt.NDArray[np.int16]:
    mv = np.zeros((6, 6, 6), np.int16)
    mv[..., PRED_FLAGS] = PRED_L0
    mv[:, :4, MV_X0], mv[:, 4:, MV_X0] = 4 * LEFT, 4 * RIGHT
    return mv


def moved(ref: npt.NDArray[np.float32], by: int) -> npt.NDArray[np.float32]:
    return ref[:, PAD : PAD + SIZE, PAD + by : PAD + by + SIZE]


def test_windows_overlap_where_vectors_differ_and_nowhere_else() -> None:
    out, ref = predicted(np.zeros((3, 3), np.uint8))
    assert np.array_equal(out[:, :, :28], moved(ref, LEFT)[:, :, :28])
    assert np.array_equal(out[:, :, 36:], moved(ref, RIGHT)[:, :, 36:])
    between = out[:, :, 28:36]
    low = np.minimum(moved(ref, LEFT), moved(ref, RIGHT))[:, :, 28:36]
    high = np.maximum(moved(ref, LEFT), moved(ref, RIGHT))[:, :, 28:36]
    assert np.all((between >= low - 1e-3) & (between <= high + 1e-3))
    assert not np.array_equal(between[:, :, :4], moved(ref, LEFT)[:, :, 28:32])


def test_a_ctu_with_no_obmc_is_predicted_by_its_own_vectors_and_its_neighbour_stays_overlapped() -> None:
    no_obmc = np.zeros((3, 3), np.uint8)
    no_obmc[1, 1] = 1
    out, ref = predicted(no_obmc)
    plain, _ = predicted(np.zeros((3, 3), np.uint8))
    assert np.array_equal(out[:, 16:32, 16:32], moved(ref, LEFT)[:, 16:32, 16:32])
    out[:, 16:32, 16:32] = plain[:, 16:32, 16:32]
    assert np.array_equal(out, plain)


def test_only_ctus_that_another_vector_reaches_have_the_flag() -> None:
    inter, flagged = np.full((3, 3), -1, np.int8), np.zeros((3, 3), bool)
    for ctu_y in range(3):
        for ctu_x in range(3):
            flagged[ctu_y, ctu_x] = has_no_obmc_flag(1, inter, field(), ctu_y, ctu_x)
            assert not has_no_obmc_flag(0, inter, field(), ctu_y, ctu_x), "an intra frame has no vectors"
    assert flagged.tolist() == [[False, True, True]] * 3
    inter[1, 1] = 0
    assert not has_no_obmc_flag(1, inter, field(), 1, 1)
