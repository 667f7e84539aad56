"""Tokens of a GOP to bytes and back: one range-coded stream of its blocks and tiles, in file order.

A *syntax* defines how tokens become bits. A model registers its own under the name that files carry, such as "toy/1".

    encoder = token_encoder(header, tables)        decoder = token_decoder(gop.payload, header, tables, where)
    encoder.write(tokens, tile) ...                tokens = decoder.read(frames, count, qindex, tile) ...
    payload, digest = encoder.finish(), encoder.digest          decoder.finish(gop.digest)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from ..errors import DamagedFile, UnsupportedFile
from ..types import Tokens


class PaddedPicture(Protocol):
    """The size of the padded picture in pixels; tile_hw: (height, width) of its tiles, its own if it is not cut."""

    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def tile_hw(self) -> tuple[int, int]: ...


class StreamHeader(Protocol):
    """The fields of a file's header that a syntax needs; the container's `Header` has them."""

    @property
    def model(self) -> str: ...
    @property
    def syntax(self) -> str: ...
    @property
    def channels(self) -> int: ...
    @property
    def max_tokens(self) -> int: ...
    @property
    def geometry(self) -> PaddedPicture: ...


class SyntaxEncoder(Protocol):
    """Writes the tokens of one GOP: block by block, within a block tile by tile."""

    @property
    def bits(self) -> int:
        """Bits written so far, to within two."""
        ...

    def write(self, tokens: Any, tile: int) -> None:
        """Append the tokens of one tile. Raises ValueError for tokens that the syntax cannot code."""
        ...

    def copy(self) -> Self:
        """An independent encoder that continues from here."""
        ...

    def finish(self) -> bytes:
        """End the stream and return its bytes."""
        ...


class SyntaxDecoder(Protocol):
    """Reads the tokens of one GOP."""

    def read(self, frames: int, count: int, qindex: int, tile: int) -> Any:
        """The tokens of the next tile. Raises DamagedFile if the bytes that follow are no tokens."""
        ...

    def ended(self) -> bool:
        """Whether all bytes were read and none were missing."""
        ...


@dataclass(frozen=True)
class Syntax:
    """How tokens become bits, under the name that files carry.

    encoder: makes a SyntaxEncoder from (header, tables). decoder: makes a SyntaxDecoder from (payload, header, tables,
        where). tables: start values of the contexts from the model's weights, None for a syntax without.
    dtype: of one number of a token. vectors: a token is `header.channels` numbers instead of one.
    codes: the values of tokens are all that a decoder needs, so an array of them can be coded without the model.
    vocabulary: number of values that a token can have, where it is one number.
    place_size: side in pixels of the square that a token belongs to, where tokens have `places`; otherwise 0.
    check: returns an array of values as `dtype`. Raises ValueError if they cannot be tokens.
    """

    name: str
    encoder: Callable[[StreamHeader, Any], SyntaxEncoder]
    decoder: Callable[[bytes, StreamHeader, Any, str], SyntaxDecoder]
    dtype: str = "uint16"
    vectors: bool = False
    codes: bool = False
    vocabulary: int = 1 << 16
    place_size: int = 0
    check: Callable[[npt.NDArray[Any], int], npt.NDArray[Any]] | None = None

    def empty(self, channels: int) -> npt.NDArray[Any]:
        """An array of no tokens."""
        return np.zeros((0, channels) if self.vectors else 0, self.dtype)


_syntaxes: dict[str, Syntax] = {}


def register_syntax(syntax: Syntax) -> Syntax:
    """Register a syntax. It replaces an earlier one of the same name."""
    _syntaxes[syntax.name] = syntax
    return syntax


def find_syntax(name: str, where: str = "tokens") -> Syntax:
    """The syntax of this name. Raises UnsupportedFile if no model has registered it."""
    if name not in _syntaxes:
        raise UnsupportedFile(
            f"{where}: tokens of syntax {name!r} need another version of elastictok, or the package of their model"
        )
    return _syntaxes[name]


@dataclass(frozen=True, eq=False)
class CodeTokens:
    """Tokens of a syntax with `codes`. values: uint16 (count,), or int8 (count, channels)."""

    values: npt.NDArray[Any]
    frames: int
    qindex: int = 0

    @property
    def count(self) -> int:
        """Number of tokens."""
        return len(self.values)

    def prefix(self, count: int) -> CodeTokens:
        """The first `count` tokens, for models whose tokens are nested."""
        return replace(self, values=self.values[:count])

    def crc(self, before: int = 0) -> int:
        """CRC-32 over frames, count and qindex (u32 each), then the values; little-endian, continued from `before`."""
        before = zlib.crc32(struct.pack("<III", self.frames, len(self.values), self.qindex), before)
        return zlib.crc32(np.ascontiguousarray(self.values, self.values.dtype.newbyteorder("<")).tobytes(), before)


class TokenEncoder:
    """Writes the tokens of one GOP.

    digest: CRC-32 over the tokens so far. It is stored beside the payload, so that a decoder notices other tokens.
    """

    def __init__(self, header: StreamHeader, tables: Any) -> None:
        self._coder = find_syntax(header.syntax, "output").encoder(header, tables)
        self.digest = 0

    def write(self, tokens: Tokens, tile: int = 0) -> None:
        """Append the tokens of one tile. Raises ValueError for tokens that the syntax cannot code."""
        self._coder.write(tokens, tile)
        self.digest = tokens.crc(self.digest)

    def cost(self, tokens: Tokens, tile: int = 0) -> int:
        """The bits that `write` would add. Nothing is written."""
        trial = self._coder.copy()
        trial.write(tokens, tile)
        return trial.bits - self.bits

    @property
    def bits(self) -> int:
        """Bits written so far, to within two."""
        return self._coder.bits

    def finish(self) -> bytes:
        """End the stream and return the payload of the GOP."""
        return self._coder.finish()


class TokenDecoder:
    """Reads the tokens of one GOP, in the order they were written. digest: as in TokenEncoder."""

    def __init__(self, payload: bytes, header: StreamHeader, tables: Any, where: str) -> None:
        self._header, self._where = header, where
        self._coder = find_syntax(header.syntax, where).decoder(payload, header, tables, where)
        self.digest = 0

    def read(self, frames: int, count: int, qindex: int = 0, tile: int = 0) -> Any:
        """The tokens of the next tile. Raises DamagedFile if the bytes that follow are no tokens."""
        if count > self._header.max_tokens:
            raise DamagedFile(f"{self._where}: {count} tokens in a block of at most {self._header.max_tokens}")
        tokens = self._coder.read(frames, count, qindex, tile)
        self.digest = tokens.crc(self.digest)
        return tokens

    def finish(self, digest: int) -> None:
        """Check the end of the stream. Raises DamagedFile for bytes left or missing, or tokens of another digest."""
        if not self._coder.ended():
            raise DamagedFile(f"{self._where}: its tokens do not end where its bytes end")
        if self.digest != digest:
            raise DamagedFile(
                f"{self._where}: its tokens are not those written, though its bytes are; "
                f"were other weights of {self._header.model} used?"
            )


def token_encoder(header: StreamHeader, tables: Any = None) -> TokenEncoder:
    """An encoder for one GOP. Raises UnsupportedFile for an unknown syntax."""
    return TokenEncoder(header, tables)


def token_decoder(payload: bytes, header: StreamHeader, tables: Any = None, where: str = "tokens") -> TokenDecoder:
    """A decoder for one GOP. where: start of error messages, such as 'clip.etok: GOP 3 (00:06.0-00:08.0)'."""
    return TokenDecoder(payload, header, tables, where)
