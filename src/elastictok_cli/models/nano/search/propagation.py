"""How much of the block, and of what comes after it, is copied from each place: the offsets of the quantiser step.

An error in a place is an error in all that is copied from it. A block that is coded again with distortion D where its
prediction has the squared error e, hands on D / e of the errors in what it is predicted from; one that is copied, all.
With W squared errors elsewhere for each of its own, a place should have a step in proportion to (1 + W) ** -0.5.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..decoder import KIND_STEP, STEP_TO_ERROR, base_qstep
from ..syntax.hierarchy import LEAF, Place
from ..syntax.step_offsets import MOST, PER_OCTAVE, Offsets, new_offsets

ROUNDS = 4
FUTURE = 0.7
STRENGTH = 0.5
ERROR = 1.0
BOTH = 0.5
GAIN = 1.0
KAPPA = 0.0
BOTH_MOVING = 0.5
ONE_MOVING = 1.0
ON = True
MODE = 0  # 1 spatial only, 2 per frame only
SCALE = 1.0
FRAME_SCALE = 0.0
KINDS = (0, 1, 2, 3)

Map = npt.NDArray[np.float64]


def _ctu_means(w: Map) -> Map:
    rows, columns = -(-w.shape[0] // 4), -(-w.shape[1] // 4)
    full = np.full((4 * rows, 4 * columns), np.nan)
    full[: w.shape[0], : w.shape[1]] = w
    return np.nanmean(full.reshape(rows, 4, columns, 4), axis=(1, 3))


def gradient(p):
    a = p.astype(np.float32)
    g = np.zeros_like(a)
    g[:, 1:] += (a[:, 1:] - a[:, :-1]) ** 2
    g[1:] += (a[1:] - a[:-1]) ** 2
    rows, columns = -(-p.shape[0] // 16), -(-p.shape[1] // 16)
    full = np.zeros((16 * rows, 16 * columns), np.float32)
    full[: p.shape[0], : p.shape[1]] = g
    return full.reshape(rows, 16, columns, 16).mean(axis=(1, 3)) / 12


def step_offsets(
    luma, hints: dict[tuple[int, int], npt.NDArray[np.int16]], order: tuple[Place, ...], qindex: int, height: int, width: int
) -> dict[int, Offsets]:
    """The offsets of all frames by time."""
    out = {place.time: new_offsets(height, width) for place in order}
    if not ON or not hints:
        return out
    distortion = (base_qstep(qindex) / STEP_TO_ERROR) ** 2
    moves = {}
    moving = {}
    gradients = [gradient(p) for p in luma]
    rows, columns = next(iter(hints.values())).shape[:2]
    y, x = np.mgrid[:rows, :columns]
    for pair, hint in hints.items():
        error = ERROR * 1.6 * (hint[..., 2] / 128.0) ** 2 - KAPPA * gradients[pair[0]]
        moving[pair] = (hint[..., 0] != 0) | (hint[..., 1] != 0)
        ratio = np.minimum(1.0, distortion / np.maximum(error, 1e-9))
        ty = np.clip(y + np.rint(hint[..., 1] / 16).astype(int), 0, rows - 1)
        tx = np.clip(x + np.rint(hint[..., 0] / 16).astype(int), 0, columns - 1)
        moves[pair] = ratio, ty * columns + tx
    last = max(place.time for place in order)
    start = -1 if any(place.first == -1 for place in order) else 0
    future = np.zeros((rows, columns))
    for _ in range(ROUNDS):
        w = {t: np.zeros((rows, columns)) for t in range(start, last + 1)}
        w[last] += future
        for place in reversed(order):
            for ref in (place.first, place.second):
                if ref is not None:
                    ratio, to = moves[place.time, ref]
                    still, move = (BOTH, BOTH_MOVING) if place.second is not None else (1.0, ONE_MOVING)
                    share = np.where(moving[place.time, ref], move, still)
                    amount = share * ratio * (1 + w[place.time])
                    w[ref] += np.bincount(to.ravel(), amount.ravel(), rows * columns).reshape(rows, columns)
        future = FUTURE * w[start]
    for place in order:
        if place.kind != LEAF:
            factor = KIND_STEP[LEAF] * GAIN * (1 + _ctu_means(w[place.time])) ** -STRENGTH / KIND_STEP[place.kind]
            o = PER_OCTAVE * np.log2(factor)
            if MODE == 1:
                o += (FRAME_SCALE - 1) * o.mean()
            elif MODE == 2:
                o[:] = o.mean()
            if place.kind in KINDS:
                out[place.time][:] = np.clip(np.rint(SCALE * o), -MOST, MOST)
    return out
