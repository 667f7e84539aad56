"""The tokens of a GOP to bytes and back: the syntax "nano/3"."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ...entropy import rangecoder as rc
from .syntax.block import code_block
from .syntax.frame import FrameTokens, RefInfo
from .tokens import BlockTokens

# The most bytes that a pixel of a block can need: 33 bits per coefficient, and some for motion.
BYTES_PER_PIXEL = 14


class GopEncoder:
    """Writes the blocks of one GOP. contexts: their start values, uint16 (contexts.COUNT, 3)."""

    def __init__(self, contexts: npt.NDArray[np.uint16]) -> None:
        self._ctx = contexts.copy()
        self._reference: RefInfo | None = None
        self._coder: rc.Coder | None = None

    def write(self, block: BlockTokens, tile: int = 0) -> None:
        """Append one block."""
        size = block.parts[0].levels.size * block.frames * BYTES_PER_PIXEL // 3 + 4096
        self._coder = rc.encoder(size) if self._coder is None else rc.with_room(self._coder, size)
        self._reference = code_block(self._coder, self._ctx, self._reference, block.parts)

    @property
    def bits(self) -> int:
        """Bits written so far, to within two."""
        return 0 if self._coder is None else rc.bits_written(self._coder)

    def copy(self) -> GopEncoder:
        """An independent encoder that continues from here."""
        other = GopEncoder(self._ctx)
        other._reference, other._coder = self._reference, self._coder and rc.copied(self._coder)
        return other

    def finish(self) -> bytes:
        """The bytes of the GOP."""
        return rc.finish(*self._coder) if self._coder is not None else b""


class GopDecoder:
    """Reads the blocks of one GOP. contexts: as for GopEncoder. height, width: of the padded frame, in pixels."""

    def __init__(self, payload: bytes, contexts: npt.NDArray[np.uint16], height: int, width: int) -> None:
        self._ctx = contexts.copy()
        self._reference: RefInfo | None = None
        self._coder = rc.decoder(payload)
        self._size = height, width

    def read(self, frames: int, count: int, qindex: int, tile: int = 0) -> BlockTokens:
        """The next block. `count` is not needed: the codec compares it with what was read."""
        parts = [FrameTokens.empty(*self._size) for _ in range(frames)]
        block = BlockTokens(parts, qindex, self._reference)
        self._reference = code_block(self._coder, self._ctx, self._reference, parts)
        return block

    def ended(self) -> bool:
        """Whether the stream ends exactly here."""
        return rc.ended(*self._coder)
