"""The one interface that every model speaks (docs/architecture.md).

A *block* is up to `block_frames` frames that are coded together. A GOP is up to `gop_blocks` blocks, and its first one
is coded without a past. Frames are uint8 RGB (T, H, W, 3) at the padded size, or at the size of one tile. A state is
never changed in place: `advance` returns a new one, so several candidates can be tried from the same past.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from ..types import Frames, Tokens

__all__ = ["EFFORTS", "Analysis", "Frames", "ModelSpec", "State", "TokenModel", "Tokens"]

EFFORTS = ("fast", "default", "best")
State = Any  # opaque to everyone but the model
Analysis = Any  # likewise


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What the codec and the container must know about a model.

    digest: first 16 bytes of the SHA-256 of the weights file.
    syntax: name of the bitstream syntax of its tokens, such as "nano/5" (entropy/bitstream.py).
    multiple: frame height and width must be multiples of it; the codec pads by repeating edges.
    tile_hw: (height, width) if the model takes only this size; None if it takes any padded size.
    num_qindex: entries of the quantiser ladder, 0 if the model has none. A larger qindex is coarser: fewer tokens and
        a larger error.
    nested: any prefix of a block's tokens decodes.
    channels: numbers in one token.
    tokens_per_frame_pixel: a block or tile has at most `frames * height * width` times as many tokens.
    max_gop_blocks: the longest GOP that the model can code, in blocks; None for any.
    size: what frames are scaled to unless told otherwise, as `--size`.
    usual_bpp: bits per pixel that usual clips need at an MSE of 0.007: where the search for a file size starts.
    slow: a candidate takes seconds. Then the time is forecast, every candidate is reported, and GOPs are coded in one
        process: the weights are large and the network uses every core.
    filters: the model has a `post_filter`. It has tiles then, and no quantiser ladder.
    compiles: modules that `python -m` runs to compile a share of the model's loops; empty if there are none.
    """

    name: str
    digest: bytes
    generation: int
    syntax: str
    block_frames: int
    gop_blocks: int
    multiple: int
    vocabulary: int
    tile_hw: tuple[int, int] | None = None
    num_qindex: int = 0
    nested: bool = False
    channels: int = 1
    min_tokens: int = 0
    tokens_per_frame_pixel: float = 1.0
    max_gop_blocks: int | None = None
    size: str = "fit256"
    usual_bpp: float = 0.05
    slow: bool = False
    filters: bool = False
    compiles: tuple[str, ...] = ()

    def max_tokens(self, frames: int, height: int, width: int) -> int:
        """The most tokens that one block or tile of this size may have. height, width: in pixels."""
        return int(frames * height * width * self.tokens_per_frame_pixel)


class TokenModel(ABC):
    """Frames to tokens and back, block after block, each conditioned on the blocks before it.

    A model must have `spec`, `start`, `prepare`, `tokens`, `reconstruct` and `advance`. The rest has defaults.
    """

    @property
    @abstractmethod
    def spec(self) -> ModelSpec:
        """See ModelSpec."""

    @abstractmethod
    def start(self, height: int, width: int) -> State:
        """The state at the start of a GOP. height, width: padded frame or tile size in pixels."""

    @abstractmethod
    def prepare(self, state: State, frames: Frames) -> Analysis:
        """Everything that depends on the frames and the past, but not on qindex or count."""

    @abstractmethod
    def tokens(self, state: State, analysis: Analysis, count: int | None = None, qindex: int = 0) -> Tokens:
        """Tokens of the block at this qindex, the first `count` of them; None for all that the model has.

        With a quantiser ladder every qindex is an encoder pass, and a count cuts its result. Without one, every count
        is an encoder pass.
        """

    @abstractmethod
    def reconstruct(self, state: State, tokens: Tokens) -> Frames:
        """The decoder's own path: uint8 RGB (T, H, W, 3), what `decode` will show before any `post_filter`."""

    @abstractmethod
    def advance(self, state: State, tokens: Tokens, analysis: Analysis | None = None) -> State:
        """The state for the next block. The encoder passes its analysis; the decoder has none."""

    # --- several tiles at once: models with networks do them in one pass. Equal to one by one, up to float order

    def prepare_many(self, states: Sequence[State], sources: Sequence[Frames]) -> list[Analysis]:
        """`prepare` for each state with its source."""
        return [self.prepare(*pair) for pair in zip(states, sources, strict=True)]

    def tokens_many(
        self,
        states: Sequence[State],
        analyses: Sequence[Analysis],
        counts: Sequence[int | None],
        qindexes: Sequence[int],
    ) -> list[Tokens]:
        """`tokens` for each state. A state may occur several times, with other counts."""
        return [self.tokens(*each) for each in zip(states, analyses, counts, qindexes, strict=True)]

    def reconstruct_many(self, states: Sequence[State], tokens: Sequence[Tokens]) -> list[Frames]:
        """`reconstruct` for each state with its tokens. A state may occur several times."""
        return [self.reconstruct(*pair) for pair in zip(states, tokens, strict=True)]

    def advance_many(
        self, states: Sequence[State], tokens: Sequence[Tokens], analyses: Sequence[Analysis | None]
    ) -> list[State]:
        """`advance` for each state. analyses: None for each in the decoder."""
        return [self.advance(*each) for each in zip(states, tokens, analyses, strict=True)]

    # --- hooks that most models leave as they are

    def refine_many(
        self, states: Sequence[State], analyses: Sequence[Analysis], tokens: Sequence[Tokens]
    ) -> list[Tokens]:
        """As many tokens as these for each state, with a smaller error if a long search finds any (`effort` best)."""
        return list(tokens)

    def post_filter(self, frames: Frames) -> Frames:
        """What `decode` shows of the tiles of a block, joined: uint8 (T, H, W, 3), padded. See ModelSpec.filters."""
        return frames

    def first_count(self, source: Frames, threshold: float, before: Frames | None) -> int | None:
        """The count at which the search for a tile starts, for a model without a ladder.

        None: at the count of the block before, or in the middle for the first block of a GOP. source: the tile, uint8
        (T, H, W, 3). before: the last frame of its source in the block before, uint8 (1, H, W, 3); None for the first
        block of a GOP.
        """
        return None

    @property
    def tables(self) -> Any:
        """Start values of the entropy coder's contexts, for syntaxes that have them."""
        return None

    @property
    def header_fields(self) -> Mapping[str, Any]:
        """JSON values that the file's header carries for this model, beside the spec."""
        return {}

    def with_threads(self, threads: int) -> Self:
        """The same model, working in this many threads. States and tokens do not depend on their number."""
        return self

    def with_effort(self, effort: str) -> Self:
        """The same model, searching as hard as a name of EFFORTS says. Most models know one way, and stay as they are.

        Tokens depend on the effort; how they are decoded does not.
        """
        return self

    def first_qindex(self, threshold: float) -> int | None:
        """The qindex that usually meets an MSE of `threshold`: where a GOP's first search starts. None: anywhere."""
        return None

    def coarsest_qindex(self, threshold: float, source: Frames) -> int:
        """The coarsest qindex that the search may take for this block."""
        return self.spec.num_qindex - 1

    def evaluation_s(self) -> float:
        """Seconds that one candidate of a slow model takes, about."""
        return 0.0

    @property
    def past_bytes(self) -> int:
        """Memory that one tile's past takes at the end of a GOP of usual length, when encoding."""
        return 0

    @property
    def device_bytes(self) -> int | None:
        """Memory of the GPU that the model is on; None if it is on none."""
        return None
