"""Tokens of a GOP to bytes and back: one range-coder stream over all its blocks and tiles, in file order.

Which grammar, says the header's syntax: "fsq/1" and "vae/1" are here (a bit-tree for every digit or channel, with
adaptive contexts and nothing else, docs/format.md), "nano/3" has its own. Integers only. This is the one module of the
room that loads numba, and it does so when the first coder is made.

    encoder = token_encoder(header, tables)        decoder = token_decoder(gop.payload, header, tables, where)
    encoder.write(tokens, tile) ...                tokens = decoder.read(frames, count, step, tile) ...
    payload, digest = encoder.finish(), encoder.digest          decoder.finish(gop.digest)
"""

from __future__ import annotations

import copy
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import DamagedFile, UnsupportedFile
from .format import Gop, Header
from .memory import check_size

if TYPE_CHECKING:
    from ..kernels.rangecoder import Coder

FSQ_LEVELS = (8, 8, 8, 5, 5, 5)  # the first digit is the lowest
FSQ_CODES = 64000
TREE_BITS = {"fsq/1": 3, "vae/1": 8}
SLACK = 64


class TokensLike(Protocol):
    """Tokens of one block or tile, as in models/base.py."""

    @property
    def frames(self) -> int: ...
    @property
    def step(self) -> int: ...
    @property
    def count(self) -> int: ...
    @property
    def values(self) -> npt.NDArray[Any]: ...
    def crc(self, before: int = 0) -> int: ...


@dataclass(frozen=True, eq=False)
class CodeTokens:
    """Decoded tokens of a plain syntax. values: uint16 (count,) for fsq, int8 (count, channels) for vae."""

    values: npt.NDArray[Any]
    frames: int
    step: int = 0

    @property
    def count(self) -> int:
        """Tokens kept."""
        return len(self.values)

    def crc(self, before: int = 0) -> int:
        """See `values_crc`."""
        return values_crc(self.values, self.frames, self.step, before)


def values_crc(values: npt.NDArray[Any], frames: int, step: int, before: int = 0) -> int:
    """CRC-32 over frames, count and step (u32 each), then the values, little-endian, continued from `before`."""
    before = zlib.crc32(struct.pack("<III", frames, len(values), step), before)
    return zlib.crc32(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes(), before)


class GrammarEncoder(Protocol):
    """What writes the tokens of one syntax. One per GOP; blocks in order, tiles in order within a block."""

    def write(self, tokens: Any, tile: int) -> None: ...
    def finish(self) -> bytes: ...


class GrammarDecoder(Protocol):
    """What reads them. `ended`: all bytes were used and none were missing."""

    def read(self, frames: int, count: int, step: int, tile: int) -> Any: ...
    def ended(self) -> bool: ...


_registered: dict[str, tuple[Any, Any]] = {}


def register(syntax: str, encoder: Any, decoder: Any) -> None:
    """Teach this room a syntax whose grammar lives above it. encoder(geometry, tables), decoder(payload, geometry,
    tables) make a `GrammarEncoder` and a `GrammarDecoder`."""
    _registered[syntax] = (encoder, decoder)


def _grammar(header: Header, where: str) -> tuple[Any, Any]:
    syntax = header.syntax
    if syntax in _registered:
        return _registered[syntax]
    if syntax in TREE_BITS:
        return (
            lambda geometry, tables: _PlainEncoder(syntax, header.channels),
            lambda payload, geometry, tables: _PlainDecoder(payload, syntax, header.channels, where),
        )
    if syntax == "nano/3":
        from ..kernels import grammar

        return (
            lambda geometry, tables: grammar.GopEncoder(tables),
            lambda payload, geometry, tables: grammar.GopDecoder(payload, tables, geometry.height, geometry.width),
        )
    raise UnsupportedFile(f"{where}: tokens of syntax {syntax!r} need another version of elastictok")


class TokenEncoder:
    """Writes the tokens of one GOP. digest: CRC-32 over the tokens so far."""

    def __init__(self, header: Header, tables: Any) -> None:
        self._header = header
        self._plain = header.syntax in TREE_BITS
        self._coder: GrammarEncoder = _grammar(header, "output")[0](header.geometry, tables)
        self.digest = 0

    def write(self, tokens: TokensLike, tile: int = 0) -> None:
        """Append one tile of the block. Raises ValueError for tokens that the syntax cannot say."""
        self._coder.write(tokens, tile)
        self.digest = _crc(tokens, self._plain, self.digest)

    def cost(self, tokens: TokensLike, tile: int = 0) -> int:
        """Bits that `write` would add; nothing is written."""
        other = copy.deepcopy(self)
        other.write(tokens, tile)
        return other.bits - self.bits

    @property
    def bits(self) -> int:
        """Bits written so far, to within two: differences say what a block costs."""
        # Every grammar keeps its range coder under this name; one that does not has no such figure.
        coder: Coder | None = getattr(self._coder, "_coder", None)
        if coder is None:
            return 0
        from ..kernels.rangecoder import PENDING, POS, RANGE

        return 8 * int(coder.io[POS] + coder.io[PENDING]) + 32 - int(coder.io[RANGE]).bit_length()

    def finish(self) -> bytes:
        """The GOP's payload."""
        return self._coder.finish()


class TokenDecoder:
    """Reads the tokens of one GOP, in the order in which they were written."""

    def __init__(self, payload: bytes, header: Header, tables: Any, where: str) -> None:
        self._header, self._where = header, where
        self._plain = header.syntax in TREE_BITS
        if not self._plain:
            check_size(header, where)  # a grammar lays out the whole picture; plain tokens take what they take
        self._coder: GrammarDecoder = _grammar(header, where)[1](payload, header.geometry, tables)
        self.digest = 0

    def read(self, frames: int, count: int, step: int = 0, tile: int = 0) -> Any:
        """Tokens of one tile of one block, from its record. Raises DamagedFile if what follows are none."""
        if count > self._header.max_tokens:
            raise DamagedFile(f"{self._where}: {count} tokens in a block of at most {self._header.max_tokens}")
        tokens = self._coder.read(frames, count, step, tile)
        self.digest = _crc(tokens, self._plain, self.digest)
        return tokens

    def finish(self, digest: int) -> None:
        """Raises DamagedFile unless the stream ended with the last token and the tokens are those written."""
        if not self._coder.ended():
            raise DamagedFile(f"{self._where}: its tokens do not end where its bytes end")
        if self.digest != digest:
            raise DamagedFile(
                f"{self._where}: its tokens are not those written, though its bytes are; "
                f"were other weights of {self._header.model} used?"
            )


def _crc(tokens: TokensLike, plain: bool, before: int) -> int:
    # Models bring their own class for tokens of a plain syntax; what counts here are the numbers in it.
    return values_crc(tokens.values, tokens.frames, tokens.step, before) if plain else tokens.crc(before)


def token_encoder(header: Header, tables: Any = None) -> TokenEncoder:
    """For one GOP. tables: start values of the contexts, from the model's weights (None for plain syntaxes)."""
    return TokenEncoder(header, tables)


def token_decoder(payload: bytes, header: Header, tables: Any = None, where: str = "tokens") -> TokenDecoder:
    """The inverse. where: begins the messages, such as 'clip.etok: GOP 3 (00:06.0-00:08.0)'."""
    return TokenDecoder(payload, header, tables, where)


def decode_gop(
    gop: Gop, header: Header, tables: Any = None, where: str = "tokens", check_counts: bool = False
) -> Iterator[tuple[Any, ...]]:
    """Tokens of each block (one entry per tile), one block at a time so that memory stays flat.

    The token digest can only be compared behind the last block: DamagedFile then comes after it. check_counts: also
    compare the records' counts with what was read (nano's grammar does not need them, and listing its tokens
    takes time).
    """
    decoder = token_decoder(gop.payload, header, tables, where)
    for block in gop.blocks:
        tokens = tuple(decoder.read(block.frames, t.count, t.step, number) for number, t in enumerate(block.tiles))
        for found, record in zip(tokens, block.tiles, strict=True):
            if check_counts and found.count != record.count:
                raise DamagedFile(f"{where}: a block of {found.count} tokens is said to have {record.count}")
        yield tokens
    decoder.finish(gop.digest)


# --- the plain syntaxes


def _trees(syntax: str, channels: int) -> int:
    return len(FSQ_LEVELS) if syntax == "fsq/1" else channels


def _symbols(values: npt.NDArray[Any], syntax: str, channels: int) -> npt.NDArray[np.int64]:
    """What the bit-trees say, (count, trees): digits from the lowest, or channels plus 128. ValueError for others."""
    if syntax == "vae/1":
        if values.dtype != np.int8 or values.ndim != 2 or values.shape[1] != channels:
            raise ValueError(f"{values.dtype} {values.shape} are no tokens of {channels} int8")
        return values.astype(np.int64) + 128
    rest = values.astype(np.int64)
    if values.ndim != 1 or (rest < 0).any() or (rest >= FSQ_CODES).any():
        raise ValueError(f"tokens must be 0 .. {FSQ_CODES - 1}")
    digits = []
    for level in FSQ_LEVELS:
        digits.append(rest % level)
        rest = rest // level
    return np.stack(digits, axis=1)


class _PlainEncoder:
    # Holds no module, as its twin below does: `TokenEncoder.cost` copies it.

    def __init__(self, syntax: str, channels: int) -> None:
        from ..kernels import rangecoder

        self._syntax, self._channels = syntax, channels
        self._bits = TREE_BITS[syntax]
        self._contexts = rangecoder.new_contexts(_trees(syntax, channels) << self._bits)
        self._coder: Coder = rangecoder.encoder(SLACK)

    def write(self, tokens: TokensLike, tile: int) -> None:
        from ..kernels.rangecoder import code_tree, with_room

        symbols = _symbols(tokens.values, self._syntax, self._channels)
        # an adaptive bit costs less than two bytes
        self._coder = with_room(self._coder, symbols.size * self._bits * 2 + SLACK)
        io, buf = self._coder
        contexts, bits = self._contexts, self._bits
        for row in symbols.tolist():
            for tree, symbol in enumerate(row):
                code_tree(io, buf, contexts, tree << bits, symbol, bits)

    def finish(self) -> bytes:
        from ..kernels.rangecoder import finish

        return finish(*self._coder)


class _PlainDecoder:
    def __init__(self, payload: bytes, syntax: str, channels: int, where: str) -> None:
        from ..kernels import rangecoder

        self._rc = rangecoder
        self._syntax, self._channels, self._where = syntax, channels, where
        self._bits = TREE_BITS[syntax]
        self._contexts = rangecoder.new_contexts(_trees(syntax, channels) << self._bits)
        self._coder: Coder = rangecoder.decoder(payload)

    def read(self, frames: int, count: int, step: int, tile: int) -> CodeTokens:
        io, buf = self._coder
        code_tree, contexts, bits = self._rc.code_tree, self._contexts, self._bits
        trees = range(_trees(self._syntax, self._channels))
        rows = []
        for _ in range(count):
            rows.append([code_tree(io, buf, contexts, tree << bits, 0, bits) for tree in trees])
            if io[self._rc.OVERRUN] > self._rc.MAX_OVERRUN:  # a few bytes cannot claim a million tokens
                raise DamagedFile(f"{self._where}: its tokens go on after its last byte")
        symbols = np.array(rows, np.int64).reshape(count, len(trees))
        return CodeTokens(self._values(symbols), frames, step)

    def _values(self, symbols: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        if self._syntax == "vae/1":
            return (symbols - 128).astype(np.int8)
        if (symbols >= np.array(FSQ_LEVELS)).any():
            raise DamagedFile(f"{self._where}: a digit of a token is over its level")
        return (symbols @ np.cumprod((1, *FSQ_LEVELS[:-1]))).astype(np.uint16)

    def ended(self) -> bool:
        return self._rc.ended(*self._coder)
