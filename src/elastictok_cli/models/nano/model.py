"""elastictok-nano through the interface of models/base.py.

`reconstruct` and `advance` are the decoder, `tokens` is the encoder. All arithmetic that reaches a pixel is float32 in
a fixed order, so encoder and decoder, and two machines, show the same.
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
from .decoder import NUM_QINDEX, ReferenceFrame, State, decode_frames
from .syntax import NAME, SYNTAX
from .syntax.block import code_frames
from .tokens import BlockTokens
from .weights import Weights

BLOCK_FRAMES = 8
GOP_BLOCKS = 16
# Both: qstep divided by the root of the squared error, in 8-bit levels.
FIRST_QSTEP_RATIO = 11.6  # of first blocks of training clips
MAX_QSTEP_RATIO = 24.0  # coarser is not tried
# For a block of little contrast, this share of its contrast replaces the threshold there, but never less than
# MIN_THRESHOLD_SHARE of the threshold.
CONTRAST_SHARE, MIN_THRESHOLD_SHARE = 0.2, 1 / 8
USUAL_BPP = 0.012  # of training clips at 0.007, geometric mean

Decoded = tuple[dict[int, ReferenceFrame], npt.NDArray[np.uint16]]  # frames by time, contexts after the block


@dataclass(eq=False)
class NanoTokens(BlockTokens):
    """Tokens of the encoder. shown: the frames that it decoded on the way, uint8 (T, H, W, 3)."""

    shown: Frames | None = None


def _shown(decoded: Mapping[int, ReferenceFrame], frames: int) -> Frames:
    return np.stack([decoded[t].rgb for t in range(frames)])


class NanoModel(TokenModel):
    """The bundled model. threads: frames of one temporal layer are encoded in parallel."""

    def __init__(self, weights: Weights, threads: int = 2) -> None:
        self.weights = weights
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._last: tuple[BlockTokens, State, Decoded] | None = None

    def with_threads(self, threads: int) -> NanoModel:
        """The same model with this number of threads."""
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
            num_qindex=NUM_QINDEX,
            nested=True,
            vocabulary=vocabulary.VOCABULARY,
            usual_bpp=USUAL_BPP,
            compiles=("elastictok_cli.models.nano.search.precompile",),
        )

    @property
    def tables(self) -> npt.NDArray[np.uint16]:
        """Start values of the contexts, uint16 (contexts.COUNT, 3)."""
        return self.weights.contexts

    def start(self, height: int, width: int) -> State:
        """The state at the start of a GOP. height, width: multiples of 16."""
        return State(height, width, None, self.weights.contexts)

    def prepare(self, state: State, frames: Frames) -> Any:
        """The source planes of a block, an `Analysis` of search/encoder.py. `tokens` adds the motion that it finds."""
        from .search.encoder import analyse  # a decoder loads nothing of the search

        return analyse(frames)

    def tokens(self, state: State, analysis: Any, count: int | None = None, qindex: int = 0) -> BlockTokens:
        """The block at `qindex`, cut after `count` tokens. It may use motion that an earlier call searched."""
        from .search.encoder import encode_block

        parts, decoded = encode_block(state, analysis, qindex, self._pool)
        block = NanoTokens(parts, qindex, state.reference, shown=_shown(decoded, len(parts)))
        return block if count is None or block.count <= count else block.prefix(count)

    def first_qindex(self, threshold: float) -> int:
        """The qindex whose error is usually near the threshold: where the search of a GOP's first block starts."""
        return self._qindex(FIRST_QSTEP_RATIO, threshold)

    def coarsest_qindex(self, threshold: float, source: Frames) -> int:
        """The coarsest qindex that is tried: a block that meets the threshold with a coarser one saves few bytes.

        It would also look bad, above all a block of little contrast, such as fog or the end of a fade: there the
        threshold may allow an error as large as everything there is to see.
        """
        visible = max(CONTRAST_SHARE * contrast(source), MIN_THRESHOLD_SHARE * threshold)
        return self._qindex(MAX_QSTEP_RATIO, min(threshold, visible))

    @staticmethod
    def _qindex(ratio: float, mse: float) -> int:
        """The qindex whose qstep is `ratio` times the root of this error."""
        qstep = ratio * (mse * HALF_RANGE**2) ** 0.5
        return min(max(round(48 * math.log2(max(qstep, 1.0))), 0), NUM_QINDEX - 1)

    def _decode(self, state: State, tokens: BlockTokens) -> Decoded:
        """Decode a block. The last result is kept, because `reconstruct` and `advance` both need it."""
        last = self._last
        if last is not None and last[0] is tokens and last[1] is state:
            return last[2]
        ctx = state.ctx.copy()
        infos = code_frames(rc.dry(rc.ADAPT), ctx, state.reference, tokens.parts)
        decoded = decode_frames(state.reference, tokens.parts, infos, tokens.qindex), ctx
        self._last = tokens, state, decoded
        return decoded

    def reconstruct(self, state: State, tokens: Any) -> Frames:
        """The frames that the decoder shows: uint8 (T, H, W, 3).

        Tokens from the encoder carry them already, because the encoder decodes in its closed loop. `advance` decodes
        them again and compares.
        """
        if isinstance(tokens, NanoTokens) and tokens.shown is not None:
            return tokens.shown
        decoded, _ = self._decode(state, tokens)
        return _shown(decoded, tokens.frames)

    def advance(self, state: State, tokens: Any, analysis: Any = None) -> State:
        """The state after the block: its last frame and the contexts."""
        decoded, ctx = self._decode(state, tokens)
        shown = tokens.shown if isinstance(tokens, NanoTokens) else None
        if shown is not None and not np.array_equal(_shown(decoded, tokens.frames), shown):
            raise RuntimeError("encoder and decoder of elastictok-nano disagree; please report this clip")
        return State(state.height, state.width, decoded[tokens.frames - 1], ctx)
