"""Syntax vae/1: a bit tree for each channel of a latent (docs/format.md). Integers only."""

from __future__ import annotations

import numpy as np

from ...entropy.bitstream import StreamHeader
from ...entropy.rangecoder import MAX_OVERRUN, OVERRUN, Coder, code_tree, new_contexts
from ...jit import compiled
from .codes import Symbols

DEPTH = 8  # bits of a channel


class VaeContexts:
    """The adaptive state of one GOP. See `bitstream.Contexts`."""

    def __init__(self, header: StreamHeader) -> None:
        self.symbols = header.channels
        self.bits = DEPTH * header.channels
        self.trees = new_contexts(header.channels << DEPTH)

    def copy(self) -> VaeContexts:
        """An independent state that goes on from here."""
        other: VaeContexts = VaeContexts.__new__(VaeContexts)
        other.symbols, other.bits, other.trees = self.symbols, self.bits, self.trees.copy()
        return other

    def code(self, coder: Coder, symbols: Symbols, first: int, tile: int) -> None:
        """Code tokens `first` and later. All tiles share the contexts."""
        code_channels(*coder, self.trees, symbols, first)

    def end(self, symbols: Symbols, tile: int) -> None:
        """Nothing is kept of a tile."""


@compiled
def code_channels(io, buf, ctx, symbols, first):
    """Code tokens `first` and later of uint8 (count, channels). A decoder stops at the end of its bytes."""
    for i in range(first, symbols.shape[0]):
        if io[OVERRUN] > MAX_OVERRUN:
            return
        for channel in range(symbols.shape[1]):
            symbols[i, channel] = code_tree(io, buf, ctx, channel << DEPTH, np.int64(symbols[i, channel]), DEPTH)
