"""elastictok-nano through the interface of models/base.py.

The decoder's path is `reconstruct` and `advance`; `tokens` is the encoder. All arithmetic that reaches a pixel is
float32 in a fixed order, so encoder and decoder, and two machines, show the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ...entropy import rangecoder as rc
from ...metrics import HALF_RANGE, contrast
from ..base import Frames, ModelSpec, TokenModel
from . import vocabulary
from .decoder import STEPS, Decoded, State, decode_pixels
from .syntax import NAME, SYNTAX
from .syntax.block import code_block_links
from .tokens import BlockTokens
from .weights import Weights

BLOCK_FRAMES = 8
GOP_BLOCKS = 16
FIRST_STEP = 11.6  # quantiser step over root of the squared error, as the first blocks of training clips had it
COARSEST_STEP = 24.0  # the same, where an easy block must not be coarser
# In place of the threshold there, for a block of little contrast: this share of the contrast, at least this of the
# threshold.
CONTRAST_SHARE, CONTRAST_LEAST = 0.2, 1 / 8
USUAL_BPP = 0.012  # of training clips at 0.007, geometric mean

Made = tuple[dict[int, Decoded], npt.NDArray[np.uint16]]


@dataclass(eq=False)
class NanoTokens(BlockTokens):
    """Tokens of the encoder. shown: the frames that it decoded on the way, uint8 (T, H, W, 3)."""

    shown: Frames | None = None


def _shown(decoded: Mapping[int, Decoded], frames: int) -> Frames:
    return np.stack([decoded[t].rgb for t in range(frames)])


class NanoModel(TokenModel):
    """The bundled model."""

    def __init__(self, weights: Weights, threads: int = 2) -> None:
        self.weights = weights
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._last: tuple[BlockTokens, State, Made] | None = None

    def with_threads(self, threads: int) -> NanoModel:
        """The same model, working in so many threads."""
        return NanoModel(self.weights, threads)

    def __reduce__(self) -> tuple[Any, tuple[Weights, int]]:
        """For `pickle`, into another process: a thread pool cannot go with it."""
        return NanoModel, (self.weights, 1)

    @property
    def spec(self) -> ModelSpec:
        """See ModelSpec. At most one token per pixel: far more than usual thresholds need."""
        return ModelSpec(
            name=NAME,
            digest=self.weights.digest,
            generation=self.weights.generation,
            syntax=SYNTAX,
            block_frames=BLOCK_FRAMES,
            gop_blocks=GOP_BLOCKS,
            multiple=16,
            steps=STEPS,
            nested=True,
            vocabulary=vocabulary.VOCABULARY,
            usual_bpp=USUAL_BPP,
            compiles=("elastictok_cli.models.nano.search.precompile",),
        )

    @property
    def tables(self) -> npt.NDArray[np.uint16]:
        """What the entropy coder starts from."""
        return self.weights.contexts

    def start(self, height: int, width: int) -> State:
        """Before the first block of a GOP. height, width: multiples of 16."""
        return State(height, width, None, self.weights.contexts)

    def prepare(self, state: State, frames: Frames) -> Any:
        """Source planes of the block (search/encoder.py, `Analysis`); its motion is added as `tokens` needs it."""
        from .search.encoder import analyse  # a decoder loads nothing of the search

        return analyse(frames)

    def tokens(self, state: State, analysis: Any, count: int | None = None, step: int = 0) -> BlockTokens:
        """The block at this step, cut after `count` tokens. A candidate may use motion that an earlier one searched."""
        from .search.encoder import encode_block

        parts, decoded = encode_block(state, analysis, step, self._pool)
        block = NanoTokens(parts, step, state.past, shown=_shown(decoded, len(parts)))
        return block if count is None or block.count <= count else block.prefix(count)

    def first_step(self, threshold: float) -> int:
        """Where the search of a GOP's first block starts: a step whose error is usually near the threshold."""
        return self._index(FIRST_STEP, threshold)

    def coarsest_step(self, threshold: float, source: Frames) -> int:
        """Where the search ends: a block that would meet with a still coarser one saves few bytes and looks bad.

        So does one of little contrast, fog or the end of a fade: the threshold may be as large as all there is to see.
        """
        visible = max(CONTRAST_SHARE * contrast(source), CONTRAST_LEAST * threshold)
        return self._index(COARSEST_STEP, min(threshold, visible))

    @staticmethod
    def _index(factor: float, threshold: float) -> int:
        step = factor * (threshold * HALF_RANGE**2) ** 0.5
        return min(max(round(48 * math.log2(max(step, 1.0))), 0), STEPS - 1)

    def _decode(self, state: State, tokens: BlockTokens) -> Made:
        """Decoded frames by time, and the contexts afterwards. Kept once: `reconstruct` and `advance` both ask."""
        last = self._last
        if last is not None and last[0] is tokens and last[1] is state:
            return last[2]
        ctx = state.ctx.copy()
        links = code_block_links(rc.dry(rc.ADAPT), ctx, state.past, tokens.parts)
        made = decode_pixels(state.past, tokens.parts, links, tokens.step), ctx
        self._last = tokens, state, made
        return made

    def reconstruct(self, state: State, tokens: Any) -> Frames:
        """What the decoder shows: uint8 (T, H, W, 3).

        Tokens fresh from the encoder bring it with them, for its closed loop decodes as it goes; `advance` decodes
        them once more and compares.
        """
        if isinstance(tokens, NanoTokens) and tokens.shown is not None:
            return tokens.shown
        decoded, _ = self._decode(state, tokens)
        return _shown(decoded, tokens.frames)

    def advance(self, state: State, tokens: Any, analysis: Any = None) -> State:
        """The state after the block: nothing but its last frame and the contexts."""
        decoded, ctx = self._decode(state, tokens)
        shown = tokens.shown if isinstance(tokens, NanoTokens) else None
        if shown is not None and not np.array_equal(_shown(decoded, tokens.frames), shown):
            raise RuntimeError("encoder and decoder of elastictok-nano disagree; please report this clip")
        return State(state.height, state.width, decoded[tokens.frames - 1], ctx)
