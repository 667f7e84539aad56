"""What the search of one frame works on, and its working memory."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from ....entropy.mixing import Model
from ..recon.reconstruct import Buffers
from ..syntax.coding_tree import FrameContext, Maps, Scratch

Planes = tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]
Levels = tuple[npt.NDArray[np.int16], npt.NDArray[np.int16], npt.NDArray[np.int16]]


class Task(NamedTuple):
    """One frame. phases: uint8 (16, H, W) of its references' luma; refs: their padded planes."""

    frame: FrameContext
    src: Planes
    phases0: npt.NDArray[np.uint8]
    phases1: npt.NDArray[np.uint8]
    refs0: Planes
    refs1: Planes
    hints0: npt.NDArray[np.int16]
    hints1: npt.NDArray[np.int16]
    maps: Maps
    levels: Levels
    rec: Planes
    done: npt.NDArray[np.uint8]
    qstep: int  # in 1/16
    chroma_qstep: int
    lam: float  # squared pixels per 1/256 bit
    weight_u: float
    weight_v: float
    prices: npt.NDArray[np.int32]
    model: Model
    io: npt.NDArray[np.int64]  # a coder in PRICE mode
    buf: npt.NDArray[np.uint8]


class Trial(NamedTuple):
    """Working memory."""

    sc: Scratch
    buffers: Buffers
    pred: npt.NDArray[np.uint8]  # (3, 64, 64), of the best inter candidate
    luma: npt.NDArray[np.uint8]  # (64, 64), of the candidate that is being looked at
    levels: npt.NDArray[np.int16]  # (2, 3, 64, 64): of the inter candidate, and of a trial
    c: npt.NDArray[np.int32]
    tmp: npt.NDArray[np.int32]
    d: npt.NDArray[np.int32]
    b: npt.NDArray[np.int32]
    coded: npt.NDArray[np.float64]
    zeroed: npt.NDArray[np.float64]
    m8: npt.NDArray[np.int32]
    hs: npt.NDArray[np.int32]
    values: npt.NDArray[np.float32]
    bits: npt.NDArray[np.int32]
    list: npt.NDArray[np.int64]  # (8, 6) merge candidates of the search
    m: npt.NDArray[np.int64]  # (6,) best vector
    trial: npt.NDArray[np.int64]  # (6,)
    found: npt.NDArray[np.int64]  # (4,)
    probable: npt.NDArray[np.int64]  # (3,)
    mode_cost: npt.NDArray[np.float64]  # (36,)
    kept_rec: npt.NDArray[np.uint8]  # (4, 3, 64, 64), by level
    kept_levels: npt.NDArray[np.int16]  # (4, 3, 64, 64)
    kept_maps: npt.NDArray[np.int64]  # (4, 8, 8, 10)


@numba.njit(cache=True, nogil=True)
def new_trial(sc, buffers):
    """Fresh working memory."""
    values = np.zeros(64, np.float32)
    return Trial(
        sc, buffers,
        np.zeros((3, 64, 64), np.uint8), np.zeros((64, 64), np.uint8), np.zeros((2, 3, 64, 64), np.int16),
        np.zeros((32, 32), np.int32), np.zeros((32, 32), np.int32), np.zeros((32, 32), np.int32),
        np.zeros((36, 36), np.int32), np.zeros(32, np.float64), np.zeros(32, np.float64),
        np.zeros((8, 8), np.int32), np.zeros(64, np.int32), values, values.view(np.int32),
        np.zeros((8, 6), np.int64), np.zeros(6, np.int64), np.zeros(6, np.int64), np.zeros(4, np.int64),
        np.zeros(3, np.int64), np.zeros(36, np.float64),
        np.zeros((4, 3, 64, 64), np.uint8), np.zeros((4, 3, 64, 64), np.int16), np.zeros((4, 8, 8, 10), np.int64),
    )  # fmt: skip


@numba.njit(cache=True, nogil=True)
def plane_of(task, plane):
    """Weight of a plane's distortion, and its step."""
    if plane == 0:
        return 1.0, task.qstep
    return (task.weight_u if plane == 1 else task.weight_v), task.chroma_qstep
