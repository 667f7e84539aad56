"""Rate control: thresholds within a pass, and from one pass to the next."""

from __future__ import annotations

import math

import numpy as np
import pytest

from elastictok_cli.codec import rate_control
from elastictok_cli.codec.events import BlockDone
from elastictok_cli.codec.rate_control import BlockTarget, PassStats, RateController


def test_the_move_to_the_next_pass_solves_the_parabola() -> None:
    for slope, rise in [(-1.2, 0.5), (-1.2, -0.5), (-0.5, 0.1), (-3.0, -2.0)]:
        u = rate_control._move(slope, rise)
        assert slope * u + rate_control.CURVATURE / 2 * u * u == pytest.approx(rise)
        assert math.copysign(1, u) == -math.copysign(1, rise)


def block(bits: int) -> BlockDone:
    return BlockDone(
        index=0, gop=0, first_frame=0, frames=8, counts=(), mse=0.0, met=True, tokens=0, max_tokens=0, bits=bits
    )


def stats(threshold: float, token_bytes: float, bits: tuple[float, ...]) -> PassStats:
    return PassStats(
        threshold=threshold, slope=-1.0, token_bytes=token_bytes, fixed_bytes=100.0, target_bytes=1000.0, bits=bits
    )


WHOLE = stats(0.01, 1000.0, (4000.0, *[500.0] * 8))  # 8,000 bits; 1.1 of the size


def controller(*bits: int, threshold: float = 0.012, must_fit: bool = False) -> RateController:
    """Rate control after blocks of these numbers of bits."""
    one = RateController(threshold, -1.0, WHOLE, 16, must_fit)
    for count in bits:
        one.block_target(len(one.bits), 1)
        one.add(block(count))
    return one


def test_a_block_gets_the_threshold_with_which_the_rest_just_fits() -> None:
    # With the slope, 8,000 bits at 0.01 are 6,897 at 0.0116; there is room for (0.985 * 1000 - 100) * 8 = 7,080.
    near = controller(threshold=0.0116)
    assert near.block_target(0, 1).max_mse == pytest.approx(0.0116 * 6897 / 7080, rel=1e-4)
    near.add(block(3600))
    # Of the blocks to come each takes what the slope says: nothing but a start was seen. 3,480 bits are left.
    assert near.block_target(1, 1).max_mse == pytest.approx(0.0116 * (8 * 500 / 1.16) / 3480, rel=1e-4)
    assert controller(3600, 400).block_target(2, 1).max_mse < controller(3600, 500).block_target(2, 1).max_mse
    assert RateController(0.01, -1.0, None, 16).block_target(0, 1) == BlockTarget(max_mse=0.01)  # nothing to go by


def test_thresholds_change_slowly_and_not_far() -> None:
    easy, hard = controller(*[2000] + [100] * 8), controller(*[4500] + [700] * 8)
    for steered in (easy, hard):
        ratios = np.array(steered.thresholds[1:]) / np.array(steered.thresholds[:-1])
        assert (np.abs(np.log(ratios[:-1])) <= math.log(rate_control.MAX_CHANGE) + 1e-9).all()
        assert (
            max(abs(math.log(threshold / 0.012)) for threshold in steered.thresholds)
            <= math.log(rate_control.MAX_FACTOR) + 1e-9
        )
        assert steered.thresholds[-1] == max(
            steered.thresholds
        )  # which the header states anyway; its bit budget does the rest
    assert easy.thresholds[-2] < 0.0105 and hard.thresholds[-2] > 0.0137


def test_the_last_block_gets_all_bits_that_are_left() -> None:
    last = controller(3600, *[440] * 7)
    target = last.block_target(8, 1)
    spent, most = (
        3600 + 7 * 440,
        (rate_control.LAST_BLOCK_RATIO * 1000 - 100) * 8,
    )  # a bit of WHOLE is an eighth of a byte
    assert target.bit_budget == pytest.approx(most - spent) and target.max_mse == max(last.thresholds)
    assert controller(3600, *[440] * 6).block_target(7, 1).bit_budget is None
    # Far below the size, a pass that others can follow does not spend it all in one place; one that is the last does.
    early, end = controller(3600, *[200] * 7), controller(3600, *[200] * 7, must_fit=True)
    room = early.block_target(8, 1).bit_budget
    assert room is not None and room < 1000 < 1500 < (end.block_target(8, 1).bit_budget or 0)


def test_a_last_pass_that_is_over_raises_the_threshold_at_once() -> None:
    steered = controller(must_fit=True)
    steered.block_target(0, 1)
    steered.add(block(6000))
    assert steered.block_target(1, 1).max_mse == pytest.approx(0.012 * rate_control.MAX_FACTOR**2)


def test_blocks_in_progress_are_counted() -> None:
    steered = controller(threshold=0.01)
    first = steered.block_target(0, 3).max_mse
    assert first == pytest.approx(0.01 * rate_control.MAX_CHANGE)
    # 5,000 of 8,000 bits at 0.01 are in progress
    assert steered.block_target(0, 6).max_mse == pytest.approx(first * rate_control.MAX_CHANGE)
    for count in (4000, 500, 500, *[440] * 6):
        steered.add(block(count))
    done = steered.stats(-1.0, 955.0, 100.0, 1000.0)
    # as if all had had one threshold, and each block what it would have taken with it
    assert first < done.threshold < first * rate_control.MAX_CHANGE**2
    assert sum(done.bits) == pytest.approx(7640, rel=0.01) and done.bits[-1] > 440


def test_the_next_pass_lies_between_those_around_the_size() -> None:
    below = stats(0.012, 850.0, (1.0,) * 9)
    found = rate_control.next_pass([WHOLE, below], True)
    assert found is not None and 0.0113 < found[0] < 0.012  # 0.985 of the size lies between 1.1 and 0.95
    assert found[1] == pytest.approx(math.log(0.85) / math.log(1.2), rel=0.01)
    near_enough = stats(0.0115, 880.0, (1.0,) * 9)
    assert rate_control.next_pass([WHOLE, near_enough], False) is None


def test_a_last_pass_with_nothing_good_before_it_is_careful() -> None:
    threshold, _ = rate_control.next_pass([WHOLE], False)  # type: ignore[misc]
    careful, _ = rate_control.next_pass([WHOLE], True)  # type: ignore[misc]
    assert careful > 1.05 * threshold
