"""Quality by propagation: where the quantiser step should be finer because later frames copy from there.

An error in a place is an error in all that is copied from it. With W errors elsewhere for each of its own, a place
should have a step in proportion to (1 + W) ** -0.5. W is found backwards in coding order, from the open-loop motion.
Only the difference to the frame's mean counts: how fine a kind of frame should be is in KIND_STEP.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ..decoder import KIND_STEP, STEP_TO_ERROR, base_qstep
from ..syntax.hierarchy import LEAF, Place
from ..syntax.step_offsets import MOST, PER_OCTAVE, Offsets, new_offsets

ROUNDS = 4  # how many blocks the future is looked at
FUTURE = 0.6  # of what is copied from one block into the next, what goes on after that
# What of its error a place hands on to a copy of it: by number of references, where nothing moves and where it moves. A
# moved copy is interpolated, and the mean of two has the errors of both, which are less alike.
STILL = (1.0, 0.5)
MOVING = (0.4, 0.2)
LEVEL = 0.3  # of how fine the whole frame should be by W, in place of KIND_STEP
NEW = 0.2  # of a squared prediction error, what is new to the copy and coded, in place of what is handed on

Hints = Mapping[tuple[int, int], npt.NDArray[np.int16]]
Map = npt.NDArray[np.float64]  # per 16x16 pixels


def _means(w: Map) -> Map:
    """Means over CTUs."""
    rows, columns = -(-w.shape[0] // 4), -(-w.shape[1] // 4)
    full = np.full((4 * rows, 4 * columns), np.nan)
    full[: w.shape[0], : w.shape[1]] = w
    means: Map = np.nanmean(full.reshape(rows, 4, columns, 4), axis=(1, 3))
    return means


def _copies(hints: Hints, order: tuple[Place, ...], distortion: float) -> dict[tuple[int, int], tuple[Map, Map]]:
    """For each frame and reference: what each place takes over of the reference's error, and from where (flat)."""
    made = {}
    for place in order:
        refs = [ref for ref in (place.first, place.second) if ref is not None]
        for ref in refs:
            hint = hints[place.time, ref].astype(np.float64)
            rows, columns = hint.shape[:2]
            share = np.where(hint[..., :2].any(axis=2), MOVING[len(refs) - 1], STILL[len(refs) - 1])
            error = NEW * 1.6 * (hint[..., 2] / 128) ** 2  # of a Laplacian with this mean absolute value
            share *= np.minimum(1.0, distortion / np.maximum(error, 1e-9))
            y = np.clip(np.arange(rows)[:, None] + np.rint(hint[..., 1] / 16), 0, rows - 1)
            x = np.clip(np.arange(columns) + np.rint(hint[..., 0] / 16), 0, columns - 1)
            made[place.time, ref] = share, y * columns + x
    return made


def step_offsets(hints: Hints, order: tuple[Place, ...], qindex: int, height: int, width: int) -> dict[int, Offsets]:
    """The offsets of all frames by time. hints: of search_hints for every frame and reference."""
    offsets = {place.time: new_offsets(height, width) for place in order}
    if not hints:
        return offsets
    copies = _copies(hints, order, (base_qstep(qindex) / STEP_TO_ERROR) ** 2)
    shape = next(iter(hints.values())).shape[:2]
    start, last = min(ref for _, ref in hints), max(place.time for place in order)
    future: Map = np.zeros(shape)
    for _ in range(ROUNDS):
        w: dict[int, Map] = {t: np.zeros(shape) for t in range(start, last + 1)}
        w[last] += future
        for place in reversed(order):
            for ref in (place.first, place.second):
                if ref is not None:
                    share, source = copies[place.time, ref]
                    amount = share * (1 + w[place.time])
                    w[ref] += np.bincount(source.ravel().astype(int), amount.ravel(), w[ref].size).reshape(shape)
        future = FUTURE * w[start]
    for place in order:
        if place.kind != LEAF:
            wanted = -0.5 * PER_OCTAVE * np.log2(1 + _means(w[place.time]))
            usual = PER_OCTAVE * np.log2(KIND_STEP[place.kind] / KIND_STEP[LEAF])
            frame = LEVEL * (wanted.mean() - usual)
            offsets[place.time][:] = np.clip(np.rint(wanted - wanted.mean() + frame), -MOST, MOST)
    return offsets
