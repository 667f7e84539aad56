"""Tokens of the original models to bytes and back (docs/format.md): fsq/1 and vae/1.

Integers only, without torch and the model's weights. Numba is loaded with the first coder.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

from ...entropy.bitstream import CodeTokens, StreamHeader, Syntax, register_syntax
from ...errors import DamagedFile
from ...types import Tokens
from .codes import FSQ_CODES, Symbols, check_fsq, check_vae, from_digits, from_offsets, to_digits, to_offsets

if TYPE_CHECKING:
    from ...entropy.rangecoder import Coder

FSQ_SYNTAX, VAE_SYNTAX = "fsq/1", "vae/1"
HEADROOM = 64  # bytes of the coder's buffer beyond the most that the next tokens can need
CHUNK = 4096  # tokens for which a decoder takes memory at once: a damaged count may be anything


class Contexts(Protocol):
    """The adaptive state of one GOP. symbols: of a token. bits: of all its symbols, before they are coded."""

    symbols: int
    bits: int

    def code(self, coder: Coder, symbols: Symbols, first: int, tile: int) -> None:
        """Code tokens `first` and later of a tile, in the mode of the coder; a decoder fills them in."""
        ...

    def end(self, symbols: Symbols, tile: int) -> None:
        """Take note that a tile has all its tokens."""
        ...

    def copy(self) -> Self:
        """An independent state that goes on from here."""
        ...


def new_contexts(header: StreamHeader) -> Contexts:
    """The state at the start of a GOP."""
    if header.syntax == FSQ_SYNTAX:
        from .fsq_contexts import FsqContexts

        return FsqContexts(header)
    from .vae_contexts import VaeContexts

    return VaeContexts(header)


class CodeEncoder:
    """Writes codes or latents. See `entropy.bitstream.SyntaxEncoder`."""

    def __init__(self, header: StreamHeader) -> None:
        from ...entropy import rangecoder

        self._header, self._contexts = header, new_contexts(header)
        self._coder: Coder = rangecoder.encoder(HEADROOM)

    @property
    def bits(self) -> int:
        """Bits written so far, to within two."""
        from ...entropy.rangecoder import bits_written

        return bits_written(self._coder)

    def write(self, tokens: Tokens, tile: int) -> None:
        """Append tokens. Raises ValueError for values that the syntax cannot code."""
        from ...entropy.rangecoder import with_room

        if self._header.syntax == FSQ_SYNTAX:
            symbols = to_digits(check_fsq(tokens.values, 1))
        else:
            symbols = to_offsets(check_vae(tokens.values, self._header.channels))
        # an adaptive bit costs at most two bytes
        self._coder = with_room(self._coder, len(symbols) * self._contexts.bits * 2 + HEADROOM)
        self._contexts.code(self._coder, symbols, 0, tile)
        self._contexts.end(symbols, tile)

    def copy(self) -> CodeEncoder:
        """An independent encoder that continues from here."""
        from ...entropy.rangecoder import copied

        other = CodeEncoder(self._header)
        other._contexts, other._coder = self._contexts.copy(), copied(self._coder)
        return other

    def finish(self) -> bytes:
        """The bytes of the GOP."""
        from ...entropy.rangecoder import finish

        return finish(*self._coder)


class CodeDecoder:
    """Reads codes or latents. See `entropy.bitstream.SyntaxDecoder`."""

    def __init__(self, payload: bytes, header: StreamHeader, where: str) -> None:
        from ...entropy import rangecoder

        self._rc, self._where = rangecoder, where
        self._from_symbols = from_digits if header.syntax == FSQ_SYNTAX else from_offsets
        self._contexts = new_contexts(header)
        self._coder: Coder = rangecoder.decoder(payload)

    def read(self, frames: int, count: int, qindex: int, tile: int) -> CodeTokens:
        """The next `count` tokens. Raises DamagedFile if the bytes end before them."""
        symbols = np.zeros((0, self._contexts.symbols), np.uint8)
        while len(symbols) < count:
            first = len(symbols)
            symbols = np.pad(symbols, ((0, min(CHUNK, count - first)), (0, 0)))
            self._contexts.code(self._coder, symbols, first, tile)
            if self._coder.io[self._rc.OVERRUN] > self._rc.MAX_OVERRUN:
                raise DamagedFile(f"{self._where}: its tokens go on after its last byte")
        self._contexts.end(symbols, tile)
        return CodeTokens(self._from_symbols(symbols), frames, qindex)

    def ended(self) -> bool:
        """Whether the stream ends exactly here."""
        return self._rc.ended(*self._coder)


for _name, _dtype, _check in ((FSQ_SYNTAX, "uint16", check_fsq), (VAE_SYNTAX, "int8", check_vae)):
    register_syntax(
        Syntax(
            name=_name,
            encoder=lambda header, tables: CodeEncoder(header),
            decoder=lambda payload, header, tables, where: CodeDecoder(payload, header, where),
            dtype=_dtype,
            vectors=_name == VAE_SYNTAX,
            codes=True,
            vocabulary=FSQ_CODES,
            check=_check,
        )
    )
