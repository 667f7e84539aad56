"""Prediction from vectors: overlapped with the neighbours', or a patch from its own alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from elastictok_cli.models.nano.recon.colour import PAD
from elastictok_cli.models.nano.recon.motion_compensation import compensate, compensate_alone
from elastictok_cli.models.nano.syntax.motion import may_be_alone

SIZE = 48
LEFT, RIGHT = 1, 3  # whole pixels to the right that the vectors of the left and the right half point


def predicted(alone: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """A frame of three patches a row, of which the last moves otherwise; and its padded reference."""
    ref = np.random.default_rng(0).normal(0, 50, (3, SIZE + 2 * PAD, SIZE + 2 * PAD)).astype(np.float32)
    mv = field()
    out = np.zeros((3, SIZE, SIZE), np.float32)
    compensate(ref, ref, mv, 0, SIZE // 8 + 1, out)
    compensate_alone(ref, ref, mv, alone, out)
    return out, ref


def field() -> npt.NDArray[np.int16]:
    mv = np.zeros((6, 6, 6), np.int16)
    mv[..., 4] = 1
    mv[:, :4, 0], mv[:, 4:, 0] = 4 * LEFT, 4 * RIGHT
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


def test_a_patch_alone_is_its_own_vectors_to_the_edge_and_its_neighbour_stays_overlapped() -> None:
    alone = np.zeros((3, 3), np.uint8)
    alone[1, 1] = 1
    out, ref = predicted(alone)
    plain, _ = predicted(np.zeros((3, 3), np.uint8))
    assert np.array_equal(out[:, 16:32, 16:32], moved(ref, LEFT)[:, 16:32, 16:32])
    out[:, 16:32, 16:32] = plain[:, 16:32, 16:32]
    assert np.array_equal(out, plain)


def test_only_patches_that_another_vector_reaches_are_asked() -> None:
    inter, asked = np.full((3, 3), -1, np.int8), np.zeros((3, 3), bool)
    for py in range(3):
        for px in range(3):
            asked[py, px] = may_be_alone(1, inter, field(), py, px)
            assert not may_be_alone(0, inter, field(), py, px), "an intra frame has no vectors"
    assert asked.tolist() == [[False, True, True]] * 3
    inter[1, 1] = 0
    assert not may_be_alone(1, inter, field(), 1, 1)
