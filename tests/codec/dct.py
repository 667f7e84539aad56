"""A small real codec behind the interface of models/base.py, so that the loop is tested for real.

Blocks of up to two frames, predicted from the last frame of the block before, 8x8 DCT, uniform quantiser. One
token is one coefficient of one patch in all frames and colours (int8, six numbers); all patches' first
coefficients come first, so any prefix decodes. With `steps` it has a quantiser ladder, without it one step
and only the count decides. `jitter` makes its error rise and fall from step to step, as that of no codec
should and of some does.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt

from elastictok_cli.entropy.bitstream import CodeTokens
from elastictok_cli.models.base import Frames, ModelSpec, TokenModel

PATCH, FRAMES = 8, 2
CHANNELS = 3 * FRAMES


def _basis() -> npt.NDArray[np.float64]:
    k, n = np.mgrid[0:PATCH, 0:PATCH]
    basis = np.sqrt(2 / PATCH) * np.cos(np.pi * (2 * n + 1) * k / (2 * PATCH))
    basis[0] /= np.sqrt(2)
    return basis


BASIS = _basis()
ORDER = np.argsort(np.add.outer(np.arange(PATCH), np.arange(PATCH)).ravel(), kind="stable")


class DctModel(TokenModel):
    """steps: of the ladder (0: none). tile: as in ModelSpec. jitter: size of the noise, in grey levels."""

    def __init__(
        self, num_qindex: int = 120, tile: tuple[int, int] | None = None, jitter: int = 0, gop_blocks: int = 3
    ) -> None:
        self.num_qindex, self.tile, self.jitter, self.gop_blocks = num_qindex, tile, jitter, gop_blocks

    @property
    def spec(self) -> ModelSpec:
        digest = hashlib.sha256(f"{self.num_qindex} {self.jitter}".encode()).digest()[:16]
        return ModelSpec(
            name="dct",
            digest=digest,
            generation=0,
            syntax="vae/1",
            block_frames=FRAMES,
            gop_blocks=self.gop_blocks,
            multiple=PATCH,
            tile_hw=self.tile,
            num_qindex=self.num_qindex,
            nested=True,
            vocabulary=1 << 48,
            channels=CHANNELS,
            max_gop_blocks=None if self.tile is None else self.gop_blocks,
            usual_bpp=0.5,  # ten times what the bundled model needs
            slow=self.tile is not None,
        )

    def start(self, height: int, width: int) -> npt.NDArray[np.uint8]:
        return np.full((height, width, 3), 128, np.uint8)

    def prepare(self, state: Any, frames: Frames) -> npt.NDArray[np.float64]:
        """Coefficients (patches, 64, frames, 3)."""
        rest = frames.astype(np.float64) - state
        t, h, w, _ = rest.shape
        cells = rest.reshape(t, h // PATCH, PATCH, w // PATCH, PATCH, 3)
        found: npt.NDArray[np.float64] = np.einsum("ka,lb,tyaxbc->yxkltc", BASIS, BASIS, cells)
        return found.reshape(-1, PATCH * PATCH, t, 3)

    def _quantiser(self, qindex: int) -> float:
        return float(2.0 ** (qindex / 12)) if self.num_qindex else 6.0

    def tokens(self, state: Any, analysis: Any, count: int | None = None, qindex: int = 0) -> CodeTokens:
        levels = np.clip(np.rint(analysis[:, ORDER] / self._quantiser(qindex)), -127, 127)
        patches, places, frames, _ = levels.shape
        values = np.zeros((places, patches, FRAMES, 3), np.int8)
        values[:, :, :frames] = levels.transpose(1, 0, 2, 3)
        flat = values.reshape(-1, CHANNELS)
        used = int(np.flatnonzero(flat.any(axis=1)).max(initial=-1)) + 1
        return CodeTokens(flat[: used if count is None else min(used, count)].copy(), frames, qindex)

    def reconstruct(self, state: Any, tokens: Any) -> Frames:
        height, width = state.shape[:2]
        rows, columns = height // PATCH, width // PATCH
        flat = np.zeros((rows * columns * PATCH * PATCH, CHANNELS))
        flat[: tokens.count] = tokens.values
        levels = np.zeros((rows * columns, PATCH * PATCH, FRAMES, 3))
        levels[:, ORDER] = flat.reshape(PATCH * PATCH, rows * columns, FRAMES, 3).transpose(1, 0, 2, 3)
        cells = levels.reshape(rows, columns, PATCH, PATCH, FRAMES, 3) * self._quantiser(tokens.qindex)
        rest = np.einsum("ka,lb,yxkltc->tyaxbc", BASIS, BASIS, cells).reshape(FRAMES, height, width, 3)
        shown = np.rint(rest + state)[: tokens.frames]
        if self.jitter:
            shown += self.jitter * ((tokens.qindex * 7919 + tokens.count) % 5)
        return np.clip(shown, 0, 255).astype(np.uint8)

    def advance(self, state: Any, tokens: Any, analysis: Any = None) -> npt.NDArray[np.uint8]:
        last: npt.NDArray[np.uint8] = self.reconstruct(state, tokens)[-1]
        return last
