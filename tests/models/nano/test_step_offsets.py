"""Offsets of the quantiser step: finer where later frames copy from, said only where there are levels."""

from __future__ import annotations

import numpy as np
import pytest

from elastictok_cli.models.nano import vocabulary
from elastictok_cli.models.nano.model import NanoModel
from elastictok_cli.models.nano.syntax.block import BlockTokens
from elastictok_cli.models.nano.syntax.step_offsets import MOST, predicted_offset, settle_offsets
from elastictok_cli.models.nano.weights import Weights

from .clips import coded


@pytest.fixture(scope="module")
def block() -> BlockTokens:
    """A still CTU on the left, one of new noise in every frame on the right."""
    frames = np.random.default_rng(0).integers(0, 256, (8, 64, 128, 3), dtype=np.uint8)
    frames[:, :, :64] = frames[0, :, :64]
    return next(iter(coded(NanoModel(Weights.untrained(), threads=1), frames, 300)))[1]


def test_what_stands_still_is_finer_than_what_is_new_in_every_frame(block: BlockTokens) -> None:
    left, right = block.parts[0].offsets[0]
    assert -MOST <= left < right <= MOST


def test_frames_that_no_other_refers_to_have_none(block: BlockTokens) -> None:
    assert not any(block.parts[time].offsets.any() for time in (2, 4, 6))


def test_an_offset_is_a_token_before_the_first_level_of_its_ctu(block: BlockTokens) -> None:
    values = block.values.astype(np.int64)
    said = np.flatnonzero(abs(values - vocabulary.OFFSET) <= MOST)
    assert values[said[0]] - vocabulary.OFFSET in block.parts[0].offsets
    assert values[said[0] + 1] < vocabulary.DIGIT
    cut = block.prefix(int(said[0]) + 1)  # between both
    assert cut.count == said[0]


def test_a_ctu_without_levels_has_the_predicted_one() -> None:
    levels, offsets = np.zeros((3, 128, 128), np.int16), np.array([[-2, 1], [3, 3]], np.int8)
    levels[0, 70, 3] = 1
    settle_offsets(levels, 1, 1, offsets)
    assert offsets.tolist() == [[0, 0], [3, 3]]
    assert predicted_offset.py_func(np.array([[1, 3], [2, 0]]), 1, 1) == 3  # the plane, 4, is beyond both
