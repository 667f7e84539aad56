"""elastictok-nano through the interface of models/base.py.

The decoder's path is `reconstruct` and `advance`; `tokens` is the encoder. All that reaches a token or a pixel is
integer arithmetic, so encoder and decoder, and two machines, show the same.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...entropy import rangecoder as rc
from ...entropy.mixing import mixing_coder
from ...metrics import HALF_RANGE, contrast
from ..base import Frames, ModelSpec, TokenModel
from . import vocabulary
from .decoder import QINDEXES, STEP_TO_ERROR, ReferenceFrame, State, decode_pixels, shown
from .syntax import NAME, SYNTAX
from .syntax.block import BlockTokens, FrameTokens, Tables, code_block
from .weights import Weights

BLOCK_FRAMES = 8
GOP_BLOCKS = 16
COARSEST_STEP = 14.0  # quantiser step over root of the squared error, where an easy block must not be coarser
# In place of the threshold there, for a block of little contrast: this share of the contrast, at least this of the
# threshold.
CONTRAST_SHARE, CONTRAST_LEAST = 0.2, 1 / 8

USUAL_BPP = 0.010  # of training clips at 0.007, geometric mean

Made = tuple[dict[int, ReferenceFrame], Tables]


@dataclass(eq=False)
class NanoTokens(BlockTokens):
    """Tokens of the encoder. shown: the frames that it decoded on the way, uint8 (T, H, W, 3)."""

    shown: Frames | None = None


class NanoModel(TokenModel):
    """The codec, generation 5."""

    def __init__(self, weights: Weights, threads: int = 2) -> None:
        self.weights = weights
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._last: tuple[BlockTokens, State, Made] | None = None

    def with_threads(self, threads: int) -> NanoModel:
        """The same model, working in this many threads."""
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
            multiple=8,
            num_qindex=QINDEXES,
            nested=True,
            vocabulary=vocabulary.VOCABULARY,
            usual_bpp=USUAL_BPP,
            compiles=("elastictok_cli.models.nano.search.precompile",),
        )

    @property
    def tables(self) -> Tables:
        """What the entropy coder starts from."""
        return self.weights.tables

    def start(self, height: int, width: int) -> State:
        """Before the first block of a GOP. height, width: multiples of 8."""
        return State(height, width, None, self.weights.tables)

    def prepare(self, state: State, frames: Frames) -> Any:
        """The block's source; its motion is added as `tokens` needs it."""
        from .search.encoder import Analysis  # a decoder loads nothing of the search

        return Analysis(frames)

    def tokens(self, state: State, analysis: Any, count: int | None = None, qindex: int = 0) -> BlockTokens:
        """The block at this qindex, cut after `count` tokens. It may use decisions that an earlier call made."""
        from .search.encoder import chroma_is_half, encode_block

        half = state.half if state.half is not None else chroma_is_half(analysis, qindex)
        parts, refs = encode_block(state, analysis, qindex, half, self._pool)
        block = NanoTokens(parts, qindex, half, state.past, shown=shown(refs, len(parts), half))
        return block if count is None or block.count <= count else block.prefix(count)

    def first_qindex(self, threshold: float) -> int:
        """Where the search of a GOP's first block starts: a step whose error is usually near the threshold."""
        return self._index(STEP_TO_ERROR, threshold)

    def coarsest_qindex(self, threshold: float, source: Frames) -> int:
        """Where the search ends: a block that would meet with a still coarser one saves few bytes and looks bad.

        So does one of little contrast, fog or the end of a fade: the threshold may be as large as all there is to see.
        """
        visible = max(CONTRAST_SHARE * contrast(source), CONTRAST_LEAST * threshold)
        return self._index(COARSEST_STEP, min(threshold, visible))

    @staticmethod
    def _index(factor: float, threshold: float) -> int:
        step = 2 * factor * (threshold * HALF_RANGE**2) ** 0.5
        return min(max(round(48 * math.log2(max(step, 1.0))), 0), QINDEXES - 1)

    def _decode(self, state: State, tokens: BlockTokens) -> Made:
        """Decoded frames by time, and the tables afterwards. Kept once: `reconstruct` and `advance` both ask."""
        last = self._last
        if last is not None and last[0] is tokens and last[1] is state:
            return last[2]
        tables = state.tables[0].copy(), state.tables[1].copy()
        parts = [FrameTokens(part.cells, part.offsets, part.levels) for part in tokens.parts]
        coder = mixing_coder(rc.dry(rc.ADAPT), *tables)
        infos = code_block(coder, state.past, parts, tokens.qindex, tokens.half)
        made = decode_pixels(state.past, parts, infos, tokens.qindex, tokens.half), tables
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
        return shown(decoded, tokens.frames, tokens.half)

    def advance(self, state: State, tokens: Any, analysis: Any = None) -> State:
        """The state after the block: nothing but its last frame and the tables."""
        decoded, tables = self._decode(state, tokens)
        seen = tokens.shown if isinstance(tokens, NanoTokens) else None
        if seen is not None and not np.array_equal(shown(decoded, tokens.frames, tokens.half), seen):
            raise RuntimeError("encoder and decoder of elastictok-nano disagree; please report this clip")
        return State(state.height, state.width, decoded[tokens.frames - 1], tables, tokens.half)
