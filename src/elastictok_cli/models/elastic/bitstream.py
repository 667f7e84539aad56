"""Tokens of the original models to bytes and back: a bit tree per digit or channel (docs/format.md).

Integers only, without torch and weights. Numba is loaded with the first coder.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ...entropy.bitstream import CodeTokens, StreamHeader, Syntax, register_syntax
from ...errors import DamagedFile
from ...types import Tokens

if TYPE_CHECKING:
    from ...entropy.rangecoder import Coder

FSQ_SYNTAX, VAE_SYNTAX = "fsq/1", "vae/1"
FSQ_LEVELS = (8, 8, 8, 5, 5, 5)  # the first digit is the lowest
FSQ_CODES = 64000
HEADROOM = 64  # bytes of the coder's buffer beyond the most that the next tokens can need


@dataclass(frozen=True)
class _Trees:
    """The bit trees of one token. count: of the trees. bits: depth of a tree."""

    count: int
    bits: int


def _trees(header: StreamHeader) -> _Trees:
    return _Trees(len(FSQ_LEVELS), 3) if header.syntax == FSQ_SYNTAX else _Trees(header.channels, 8)


def check_fsq(values: npt.NDArray[Any], channels: int) -> npt.NDArray[np.uint16]:
    """Check codes of the FSQ and return them as uint16 (count,). Raises ValueError for anything else."""
    if values.dtype.kind not in "iu" or values.ndim != 1:
        raise ValueError(f"values of type {values.dtype} and shape {values.shape} are no codes")
    if ((values < 0) | (values >= FSQ_CODES)).any():
        raise ValueError(f"codes must be 0 .. {FSQ_CODES - 1}")
    return values.astype(np.uint16)


def check_vae(values: npt.NDArray[Any], channels: int) -> npt.NDArray[np.int8]:
    """Check latents of the VAE, int8 (count, channels). Raises ValueError for anything else."""
    if values.dtype != np.int8 or values.shape[1:] != (channels,):
        raise ValueError(f"{values.dtype} {values.shape} are no tokens of {channels} int8")
    return values


class CodeEncoder:
    """Writes codes. See `entropy.bitstream.SyntaxEncoder`."""

    def __init__(self, header: StreamHeader) -> None:
        from ...entropy import rangecoder

        self._header, self._trees = header, _trees(header)
        self._contexts = rangecoder.new_contexts(self._trees.count << self._trees.bits)
        self._coder: Coder = rangecoder.encoder(HEADROOM)

    @property
    def bits(self) -> int:
        """Bits written so far, to within two."""
        from ...entropy.rangecoder import bits_written

        return bits_written(self._coder)

    def write(self, tokens: Tokens, tile: int) -> None:
        """Append tokens. Raises ValueError for values that the syntax cannot code."""
        from ...entropy.rangecoder import code_tree, with_room

        symbols = self._symbols(tokens.values)
        # an adaptive bit costs less than two bytes
        self._coder = with_room(self._coder, symbols.size * self._trees.bits * 2 + HEADROOM)
        io, buf = self._coder
        contexts, bits = self._contexts, self._trees.bits
        for row in symbols.tolist():
            for tree, symbol in enumerate(row):
                code_tree(io, buf, contexts, tree << bits, symbol, bits)

    def _symbols(self, values: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """The numbers of the bit trees, (count, trees): digits from the lowest, or channels plus 128."""
        if self._header.syntax == VAE_SYNTAX:
            return check_vae(values, self._header.channels).astype(np.int64) + 128
        remainder = check_fsq(values, 1).astype(np.int64)
        digits = []
        for level in FSQ_LEVELS:
            digits.append(remainder % level)
            remainder = remainder // level
        return np.stack(digits, axis=1)

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
    """Reads codes. See `entropy.bitstream.SyntaxDecoder`."""

    def __init__(self, payload: bytes, header: StreamHeader, where: str) -> None:
        from ...entropy import rangecoder

        self._rc = rangecoder
        self._header, self._trees, self._where = header, _trees(header), where
        self._contexts = rangecoder.new_contexts(self._trees.count << self._trees.bits)
        self._coder: Coder = rangecoder.decoder(payload)

    def read(self, frames: int, count: int, qindex: int, tile: int) -> CodeTokens:
        """The next `count` tokens. Raises DamagedFile if the bytes end before them."""
        io, buf = self._coder
        code_tree, contexts, bits = self._rc.code_tree, self._contexts, self._trees.bits
        trees = range(self._trees.count)
        rows = []
        for _ in range(count):
            rows.append([code_tree(io, buf, contexts, tree << bits, 0, bits) for tree in trees])
            if io[self._rc.OVERRUN] > self._rc.MAX_OVERRUN:  # so that a damaged count stops early
                raise DamagedFile(f"{self._where}: its tokens go on after its last byte")
        symbols = np.array(rows, np.int64).reshape(count, len(trees))
        return CodeTokens(self._values(symbols), frames, qindex)

    def _values(self, symbols: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        if self._header.syntax == VAE_SYNTAX:
            return (symbols - 128).astype(np.int8)
        if (symbols >= np.array(FSQ_LEVELS)).any():
            raise DamagedFile(f"{self._where}: a digit of a token is over its level")
        return (symbols @ np.cumprod((1, *FSQ_LEVELS[:-1]))).astype(np.uint16)

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
