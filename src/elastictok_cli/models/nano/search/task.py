"""What the search of one frame works on, and its working memory."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ....entropy.mixing import MixingCoder
from ....jit import compiled
from ..recon.reconstruct import Buffers, new_buffers
from ..syntax.flags import FrameContext
from ..syntax.step_offsets import MOST

# rows of Trial.vectors
BEST, OTHER, PRICED, FOUND, PROBABLE = range(5)
ESTIMATE = 35  # in Trial.costs[0], behind the modes: of the best inter candidate
# squares of Trial.square
COEFFICIENTS, BETWEEN, DIFFERENCE, LEVELS = range(4)


class Task(NamedTuple):
    """One frame. Few arrays, because compiled code passes each of them by value with every call."""

    frame: FrameContext
    src: npt.NDArray[np.uint8]  # (3, h, w)
    phases0: npt.NDArray[np.uint8]  # (16, H, W): luma of the references by quarter-pixel phases
    phases1: npt.NDArray[np.uint8]
    refs0: npt.NDArray[np.uint8]  # (3, H, W), padded
    refs1: npt.NDArray[np.uint8]
    hints: npt.NDArray[np.int16]  # (2, rows, columns, 3): whole-pixel vectors of 16x16 blocks, error / 2
    cells: npt.NDArray[np.int16]
    levels: npt.NDArray[np.int16]  # (3, h, w)
    rec: npt.NDArray[np.uint8]  # (3, h, w)
    done: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int8]  # (rows, columns) of CTUs
    steps: npt.NDArray[np.int64]  # the planes' quantiser steps by offset, in 1/16
    qsteps: npt.NDArray[np.int64]  # (3,): of the CTU
    weights: tuple[float, float, float]  # of the planes' squared errors
    lam: float  # squared pixels per 1/256 bit, of the CTU
    lambda0: float  # of a quantiser step of 1
    prices: npt.NDArray[np.int32]
    coder: MixingCoder  # in PRICE mode


class Trial(NamedTuple):
    """Working memory."""

    buffers: Buffers
    pred: npt.NDArray[np.uint8]  # (4, 64, 64): planes of the best inter candidate; luma of the one looked at
    levels: npt.NDArray[np.int16]  # (2, 3, 64, 64): of the inter candidate, and of a trial
    square: npt.NDArray[np.int32]  # (4, 36, 36)
    costs: npt.NDArray[np.float64]  # (3, 36)
    candidates: npt.NDArray[np.int64]  # (2, 8, 6) merge candidates: of pricing, and of the search
    vectors: npt.NDArray[np.int64]  # (5, 6)
    hadamard: npt.NDArray[np.int32]  # (2, 64)
    values: npt.NDArray[np.float32]  # (64,)
    bits: npt.NDArray[np.int32]  # the same memory
    kept_rec: npt.NDArray[np.uint8]  # (4, 3, 64, 64), by size of block
    kept_levels: npt.NDArray[np.int16]  # (4, 3, 64, 64)
    kept_cells: npt.NDArray[np.int16]  # (4, 8, 8, CELL)


@compiled(inline=True)
def at_ctu(task, by, bx):
    """The task with the quantiser step and lambda of a CTU."""
    qsteps = task.steps[np.int64(task.offsets[by >> 3, bx >> 3]) + MOST]
    return Task(
        task.frame, task.src, task.phases0, task.phases1, task.refs0, task.refs1, task.hints, task.cells, task.levels,
        task.rec, task.done, task.offsets, task.steps, qsteps, task.weights,
        task.lambda0 * (qsteps[0] * qsteps[0]), task.lambda0, task.prices, task.coder,
    )  # fmt: skip


@compiled
def new_trial():
    """Fresh working memory."""
    values = np.zeros(64, np.float32)
    return Trial(
        new_buffers(), np.zeros((4, 64, 64), np.uint8), np.zeros((2, 3, 64, 64), np.int16),
        np.zeros((4, 36, 36), np.int32), np.zeros((3, 36), np.float64), np.zeros((2, 8, 6), np.int64),
        np.zeros((5, 6), np.int64), np.zeros((2, 64), np.int32), values, values.view(np.int32),
        np.zeros((4, 3, 64, 64), np.uint8), np.zeros((4, 3, 64, 64), np.int16), np.zeros((4, 8, 8, 10), np.int16),
    )  # fmt: skip
