"""The one interface that every model speaks (docs/architecture.md).

A *block* is up to `block_frames` frames coded together; a GOP is `gop_blocks` blocks and starts without a past.
Frames are uint8 RGB (T, H, W, 3) at the padded size (or one tile of it). A state is never changed in place:
`advance` returns a new one, so that several candidates can be tried from the same past.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]  # (T, H, W, 3) RGB
State = Any  # opaque to everyone but the model
Analysis = Any  # likewise


@dataclass(frozen=True)
class ModelSpec:
    """What the codec and the container must know about a model.

    multiple: frame height and width must be multiples of it (the codec pads by repeating edges).
    tile: (height, width) if the model takes only this size; None if it takes any padded size.
    steps: number of entries in the quantiser ladder, 0 if the model has none. A larger step index is coarser:
        fewer tokens, larger error.
    nested: any prefix of the tokens of one `tokens(count=None)` call decodes (then `Tokens.prefix` is allowed).
    tokens_per_frame_pixel: with it `max_tokens = frames * height * width * tokens_per_frame_pixel` for a block or tile.
    digest: first 16 bytes of the SHA-256 of the weights file.
    syntax: names the entropy coder's grammar and its version, e.g. "nano/3", "fsq/1", "vae/1".
    """

    name: str
    digest: bytes
    generation: int
    syntax: str
    block_frames: int
    gop_blocks: int
    multiple: int
    tile: tuple[int, int] | None
    steps: int
    nested: bool
    vocabulary: int
    min_tokens: int
    tokens_per_frame_pixel: float

    def max_tokens(self, frames: int, height: int, width: int) -> int:
        """The most tokens that one block (or tile) of this size may have."""
        return int(frames * height * width * self.tokens_per_frame_pixel)


class Tokens(Protocol):
    """The tokens of one block (or one tile of it), in importance order.

    values: uint16 (count,) for integer vocabularies, int8 (count, channels) for quantised latents.
    step: quantiser ladder index, 0 if the model has none. frames: how many frames the block has.
    """

    @property
    def step(self) -> int: ...

    @property
    def frames(self) -> int: ...

    @property
    def count(self) -> int: ...

    @property
    def values(self) -> npt.NDArray[Any]: ...

    def crc(self, before: int = 0) -> int:
        """CRC-32 over all that the decoder needs of the tokens, continued from `before` (the GOP's token digest)."""
        ...


class TokenModel(Protocol):
    """A model: frames to tokens and back, block after block, each conditioned on the blocks before it."""

    @property
    def spec(self) -> ModelSpec: ...

    def start(self, height: int, width: int) -> State:
        """The state at the start of a GOP. height, width: padded frame (or tile) size in pixels."""
        ...

    def prepare(self, state: State, frames: Frames) -> Analysis:
        """Everything that depends on the frames and the past but not on step or count."""
        ...

    def tokens(self, state: State, analysis: Analysis, count: int | None = None, step: int = 0) -> Tokens:
        """Tokens of the block at this step, the first `count` of them (None: all that the model has).

        nano: every step is an encoder pass, every count a cut of its result. The original: every count is a pass.
        """
        ...

    def reconstruct(self, state: State, tokens: Tokens) -> Frames:
        """The decoder's own path: uint8 RGB, (T, H, W, 3), what `decode` will show."""
        ...

    def advance(self, state: State, tokens: Tokens, analysis: Analysis | None = None) -> State:
        """The state for the next block. The decoder passes no analysis; the encoder passes it where it has it."""
        ...
