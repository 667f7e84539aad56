"""Cut blocks: decode a file as if each block had only the first of its tokens.

    model = cut_model(load_for(reader.header), Keep.parse("50%"))
    for block in decode_blocks(reader, model): ...

The tokens are parsed whole, since a block's tokens share the contexts of the entropy coder with the blocks before.
What is decoded from them is cut, and the next block is predicted from the cut one: this is what a receiver would show
that was sent no more than these tokens.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from ..errors import UsageError
from ..models.base import Frames, ModelSpec, TokenModel

OPTION = "`keep`"


@dataclass(frozen=True, kw_only=True)
class Keep:
    """How much of each block is kept (of each tile, where frames are tiled). Exactly one of the two is set.

    tokens: the first so many tokens. percent: this share of the block's own tokens, rounded down.
    """

    tokens: int | None = None
    percent: float | None = None

    def __post_init__(self) -> None:
        if (self.tokens is None) == (self.percent is None):
            raise ValueError("one of tokens and percent")
        if self.percent is not None and not 0 < self.percent <= 100:
            raise UsageError(f"{OPTION} {self}: a share is above 0 % and at most 100 %")

    @classmethod
    def parse(cls, text: str) -> Self:
        """From "500" (tokens) or "50%". Raises UsageError."""
        found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(%?)\s*", text)
        if found is None or ("." in found[1] and not found[2]):
            raise UsageError(f"{OPTION} {text}: must be a number of tokens such as 500, or a share such as 50%")
        return cls(percent=float(found[1])) if found[2] else cls(tokens=int(found[1]))

    def count(self, tokens: int) -> int:
        """How many of a block's (tile's) tokens are kept."""
        if self.tokens is not None:
            return min(tokens, self.tokens)
        assert self.percent is not None
        return int(tokens * self.percent / 100)

    def __str__(self) -> str:
        return f"{self.tokens:,}" if self.tokens is not None else f"{self.percent:g}%"


def cut_model(model: TokenModel, keep: Keep) -> TokenModel:
    """The same model, decoding the kept tokens of each block only.

    Raises UsageError for a model whose tokens are not nested: their prefix is no block.
    """
    if not model.spec.nested:
        raise UsageError(
            f"{OPTION} {keep}: the tokens of {model.spec.name} are not nested; encode with `tokens` N instead"
        )
    return _CutModel(model, keep)


class _CutModel(TokenModel):
    """Decodes only; what an encoder calls raises."""

    def __init__(self, model: TokenModel, keep: Keep) -> None:
        self.model, self.keep = model, keep
        self._last: tuple[Any, Any] | None = None

    def __reduce__(self) -> tuple[Any, tuple[TokenModel, Keep]]:
        """For `pickle`, into another process: without the block at hand."""
        return _CutModel, (self.model, self.keep)

    @property
    def spec(self) -> ModelSpec:
        return self.model.spec

    @property
    def tables(self) -> Any:
        return self.model.tables

    @property
    def header_fields(self) -> Mapping[str, Any]:
        return self.model.header_fields

    @property
    def device_bytes(self) -> int | None:
        return self.model.device_bytes

    def with_threads(self, threads: int) -> _CutModel:
        return _CutModel(self.model.with_threads(threads), self.keep)

    def evaluation_s(self) -> float:
        return self.model.evaluation_s()

    def start(self, height: int, width: int) -> Any:
        return self.model.start(height, width)

    def prepare(self, state: Any, frames: Frames) -> Any:
        raise NotImplementedError("a cut model decodes")

    def tokens(self, state: Any, analysis: Any, count: int | None = None, qindex: int = 0) -> Any:
        raise NotImplementedError("a cut model decodes")

    def reconstruct(self, state: Any, tokens: Any) -> Frames:
        return self.model.reconstruct(state, self._cut(tokens))

    def post_filter(self, frames: Frames) -> Frames:
        return self.model.post_filter(frames)

    def advance(self, state: Any, tokens: Any, analysis: Any = None) -> Any:
        return self.model.advance(state, self._cut(tokens))

    def _cut(self, tokens: Any) -> Any:
        """Kept once: models decode a block for `reconstruct` and know it again in `advance` by its tokens."""
        if self._last is None or self._last[0] is not tokens:
            self._last = tokens, tokens.prefix(self.keep.count(tokens.count))
        return self._last[1]
