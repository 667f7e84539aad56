"""What an original model keeps of the block that is being coded, and of the blocks before it."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from ..base import Tokens
from .layers import KvCache


@dataclass(frozen=True, eq=False)
class ElasticAnalysis:
    """The source of a block. patches: float32 (1, max_toks, patch_values). frames: number of its own frames."""

    patches: Tensor
    frames: int


@dataclass(frozen=True, eq=False)
class ElasticState:
    """The state before a block: keys and values of the blocks before it.

    block: its number in the GOP. encoder, decoder: the caches of the two networks; None at the start of a GOP, and no
    `encoder` when decoding. undecoded: blocks whose pixels nobody has asked for, so `decoder` does not have them yet.
    last_pass: under "encoder" and "decoder", the tokens of the last pass of this network and its new keys and values.
    So a block that is committed right after it was tried needs no further pass. Under "past", `decoder` with
    `undecoded`.
    """

    block: int = 0
    encoder: KvCache | None = None
    decoder: KvCache | None = None
    undecoded: tuple[Tokens, ...] = ()
    last_pass: dict[str, tuple[object, KvCache]] = field(default_factory=dict)

    def passed(self, network: str, tokens: object) -> KvCache | None:
        """The new keys and values of a network's last pass from this state, if it was of these tokens."""
        last, new = self.last_pass.get(network, (None, None))
        return new if last is tokens else None
