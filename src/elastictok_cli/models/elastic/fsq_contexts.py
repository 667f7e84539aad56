"""Syntax fsq/1: the six digits of a code as bits, each predicted by several contexts at once (docs/format.md).

The contexts of a bit know the digits of the token to its left and above, of the token at the same place one time step
before, and of the same token in the block before; also how often these have been right. Integers only, never torch.
"""

from __future__ import annotations

from copy import copy
from functools import cache

import numpy as np
import numpy.typing as npt

from ...entropy.bitstream import StreamHeader
from ...entropy.mixing import MAX_INPUTS, code, mixing_coder
from ...entropy.rangecoder import MAX_OVERRUN, OVERRUN, Coder
from ...errors import UnsupportedFile
from ...jit import compiled, compiled_inner
from ..weights_files import packaged_weights
from .codes import FSQ_LEVELS, Symbols

DIGITS = len(FSQ_LEVELS)
PATCH = 8  # pixels of a token's side: where "above" is
START_FILE = "fsq-contexts"  # start values, among the bundled weights

NO = 8  # in place of a digit that is not there
BITS = DIGITS * 8  # a digit and a node of its tree, 1 .. 7
PAIR, MATCH = 81, 9 * 4 * 4
# The five contexts of a bit, one after the other: what two digits say, or a digit and how often it was right.
LEFT_ABOVE, LEFT_TIME, OWN, BEFORE, TIME, CONTEXTS = np.cumsum([0, *(BITS * n for n in (PAIR,) * 3 + (MATCH,) * 2)])
SETS = DIGITS * 4 * 4  # of mixer weights

Tables = tuple[npt.NDArray[np.uint16], npt.NDArray[np.int32]]  # contexts, mixer weights


@cache
def start_tables() -> Tables:
    """Start values of contexts and mixer weights. Raises UnsupportedFile if they are missing or damaged."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = packaged_weights(START_FILE)
    try:
        tensors = load_file(path)
        contexts, weights = tensors["contexts"], tensors["mixers"]
    except (SafetensorError, KeyError, OSError):
        raise UnsupportedFile(f"{path.name}: damaged; install elastictok again") from None
    if (contexts.shape, weights.shape) != ((CONTEXTS, 2), (SETS, MAX_INPUTS)):
        raise UnsupportedFile(f"{path.name}: of another version; install elastictok again")
    return contexts, weights


class FsqTile:
    """What the contexts know of a tile.

    before: digits of the block before, uint8 (count, 6). latest: by place, those coded there last, uint8 (places, 6).
    left: how often the token to the left was the same as in the block before, and as the latest at its place.
    """

    def __init__(self) -> None:
        self.before, self.latest = (np.zeros((0, DIGITS), np.uint8) for _ in range(2))
        self.left = np.zeros(2, np.int64)

    def copy(self) -> FsqTile:
        """An independent tile that goes on from here."""
        other = FsqTile()
        other.before, other.latest, other.left = self.before, self.latest.copy(), self.left.copy()
        return other


class FsqContexts:
    """The adaptive state of one GOP. See `bitstream.Contexts`. tables: start values, None for the bundled ones."""

    symbols, bits = DIGITS, 3 * DIGITS

    def __init__(self, header: StreamHeader, tables: Tables | None = None) -> None:
        height, width = header.geometry.tile_hw
        row = max(1, width // PATCH)
        self.layout = row, row * max(1, height // PATCH)  # tokens of a row, and of a time step
        contexts, weights = start_tables() if tables is None else tables
        self.tables = contexts.copy(), weights.copy()
        self.tiles: dict[int, FsqTile] = {}

    def copy(self) -> FsqContexts:
        """An independent state that goes on from here."""
        other = copy(self)
        other.tables = self.tables[0].copy(), self.tables[1].copy()
        other.tiles = {number: tile.copy() for number, tile in self.tiles.items()}
        return other

    def code(self, coder: Coder, digits: Symbols, first: int, number: int) -> None:
        """Code tokens `first` and later of tile `number`, in the mode of the coder; a decoder fills them in."""
        tile = self.tiles.setdefault(number, FsqTile())
        missing = min(self.layout[1], len(digits)) - len(tile.latest)
        if missing > 0:
            tile.latest = np.concatenate([tile.latest, np.full((missing, DIGITS), NO, np.uint8)])
        mixing = mixing_coder(coder, *self.tables)
        code_digits(mixing, digits, first, tile.before, tile.latest, tile.left, self.layout)

    def end(self, digits: Symbols, number: int) -> None:
        """The tile has all its tokens."""
        self.tiles.setdefault(number, FsqTile()).before = digits
        self.tiles[number].left[:] = 0


@compiled_inner
def _digit(digits, token, k):
    """A digit of a token, NO if there is no such token."""
    return np.int64(digits[token, k]) if 0 <= token < digits.shape[0] else np.int64(NO)


@compiled
def code_digits(coder, digits, first, before, latest, left, layout):
    """Code tokens `first` and later of digits, uint8 (count, 6). layout: tokens of a row, and of a time step.

    before, latest, left: see FsqTile; latest and left are changed. A decoder stops at the end of its bytes.
    """
    active, (row, step) = coder.active, layout
    for i in range(first, digits.shape[0]):
        if coder.io[OVERRUN] > MAX_OVERRUN:
            return
        place = i % step
        known, shown = np.int64(i < before.shape[0]), np.int64(latest[place, 0] != NO)
        wrong_before, wrong_time = np.int64(0), np.int64(0)  # digits of this token that differ
        for k in range(DIGITS):
            beside, above = _digit(digits, i - 1, k), _digit(digits, i - row, k)
            same, time = _digit(before, i, k), np.int64(latest[place, k])
            one = np.int64(digits[i, k - 1]) if k > 0 else np.int64(NO)
            two = np.int64(digits[i, k - 2]) if k > 1 else np.int64(NO)
            match_before = known * (1 + min(wrong_before, 2))
            match_time = shown * (1 + min(wrong_time, 2))
            group = (4 * k + match_before) * 4 + match_time
            value, node = np.int64(digits[i, k]), np.int64(1)
            for bit in range(2, -1, -1):
                if node == 3 and k >= 3:
                    break  # the highest of five levels: nothing is left to say
                at = (8 * k + node) * 9
                active[0] = LEFT_ABOVE + (at + beside) * 9 + above
                active[1] = LEFT_TIME + (at + beside) * 9 + time
                active[2] = OWN + (at + one) * 9 + two
                active[3] = BEFORE + ((at + same) * 4 + match_before) * 4 + left[0]
                active[4] = TIME + ((at + time) * 4 + match_time) * 4 + left[1]
                node = 2 * node + code(coder, group, 5, (value >> bit) & 1)
            digit = np.int64(4) if node == 3 else node - 8
            digits[i, k] = digit
            wrong_before += digit != same
            wrong_time += digit != time
        left[0] = known * (1 + min(wrong_before, 2))
        left[1] = shown * (1 + min(wrong_time, 2))
        latest[place] = digits[i]
