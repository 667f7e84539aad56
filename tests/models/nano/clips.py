"""Small clips for the tests of nano, and a walk over their blocks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from elastictok_cli.models.nano.decoder import State
from elastictok_cli.models.nano.model import NanoModel
from elastictok_cli.models.nano.syntax.block import BlockTokens, GopEncoder

Frames = npt.NDArray[np.uint8]


def moving(frames: int, height: int, width: int, seed: int = 0) -> Frames:
    """A soft background that moves two pixels per frame, and a bright square that moves against it."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(40, 200, (height // 8 + 4, (width + 2 * frames) // 8 + 4, 3))
    wide = np.repeat(np.repeat(coarse, 8, 0), 8, 1).astype(np.float64)
    for axis in (0, 1):
        wide = (np.roll(wide, 3, axis) + wide + np.roll(wide, -3, axis)) / 3
    out = np.empty((frames, height, width, 3), np.uint8)
    for t in range(frames):
        out[t] = wide[8 : 8 + height, 8 + 2 * t : 8 + 2 * t + width]
        x = max(width - 16 - 3 * t, 0)
        out[t, 8:20, x : x + 12] = (240, 230, 40)
    return out


def coded(
    model: NanoModel, frames: Frames, qindex: int, encoder: GopEncoder | None = None
) -> Iterator[tuple[State, BlockTokens, Frames]]:
    """Every block of a clip: the state before it, its tokens, the frames as shown. Written into `encoder` if given."""
    state = model.start(*frames.shape[1:3])
    for first in range(0, len(frames), model.spec.block_frames):
        source = frames[first : first + model.spec.block_frames]
        tokens = model.tokens(state, model.prepare(state, source), qindex=qindex)
        if encoder is not None:
            encoder.write(tokens)
        yield state, tokens, model.reconstruct(state, tokens)
        state = model.advance(state, tokens)
