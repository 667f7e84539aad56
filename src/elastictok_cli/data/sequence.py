"""Tokens of a clip as one sequence of ids for a language model, and back.

    begin_clip  begin_block code code ... end_block  begin_block code ... end_block  ...

Each tile of each block stands between its own begin_block and end_block, block after block, within a block tile after
tile. The special ids lie above the codes. Tokens that are small vectors (VAE) have no room for special ids: their
sequence is the tokens alone, and only the arrays of `structure` say where a block begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UsageError

Array = npt.NDArray[Any]
STRUCTURE = ("block_ids", "tile_ids", "frame_ids", "positions")


@dataclass(frozen=True)
class Vocabulary:
    """The ids of a sequence. codes: number of codes, which are 0 .. codes - 1; 0 for tokens that are vectors."""

    codes: int

    @property
    def begin_clip(self) -> int:
        """The first id of every clip."""
        return self.codes

    @property
    def begin_block(self) -> int:
        """The id before the codes of a tile of a block."""
        return self.codes + 1

    @property
    def end_block(self) -> int:
        """The id after the codes of a tile of a block."""
        return self.codes + 2

    @property
    def padding(self) -> int:
        """The id where a batch has no token; 0 for vectors."""
        return self.codes + 3 if self.codes else 0

    @property
    def size(self) -> int:
        """Number of all ids: the rows of an embedding."""
        return self.codes + 4 if self.codes else 0

    @property
    def dtype(self) -> str:
        """The smallest dtype that holds every id."""
        return str(np.min_scalar_type(self.size - 1)) if self.codes else "int8"

    def described(self) -> dict[str, int]:
        """As index.json has it; empty for vectors."""
        if not self.codes:
            return {}
        names = ("codes", "begin_clip", "begin_block", "end_block", "padding")
        return {**{name: getattr(self, name) for name in names}, "vocabulary": self.size}

    def lengths(self, counts: Array) -> npt.NDArray[np.int64]:
        """Ids of each block of a clip, int64 (blocks,). counts: (blocks, tiles), tokens without special ids."""
        lengths: npt.NDArray[np.int64] = counts.sum(1, dtype=np.int64)
        if self.codes:
            lengths += 2 * counts.shape[1]
            lengths[:1] += 1  # begin_clip
        return lengths

    def join(self, values: Array, counts: Array) -> Array:
        """The sequence of a clip. values: the tokens of all tiles of all blocks. counts: (blocks, tiles)."""
        if not self.codes:
            return values
        ids = np.empty(1 + len(values) + 2 * counts.size, self.dtype)
        ends = 1 + np.cumsum(counts.reshape(-1).astype(np.int64) + 2)  # behind each end_block
        begins = np.concatenate([[1], ends[:-1]])[: counts.size]
        is_code = np.ones(len(ids), np.bool_)
        for at, special in ((0, self.begin_clip), (begins, self.begin_block), (ends - 1, self.end_block)):
            ids[at], is_code[at] = special, False
        ids[is_code] = values
        return ids

    def split(self, ids: Any) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Codes and their counts out of a sequence, such as a language model wrote; for `et.Codes.from_values`.

        ids: integers (tokens,), a numpy array, torch tensor on the CPU or list; begin_clip at its start and padding at
        its end may be missing. Returns values, int64 (codes,), and counts, int64 (places,): of each tile of each block.
        Raises UsageError for ids that are not begin_block, codes, end_block in turn.
        """
        sequence = np.asarray(ids).astype(np.int64).reshape(-1)
        if sequence.size and sequence[0] == self.begin_clip:
            sequence = sequence[1:]
        kept = np.flatnonzero(sequence != self.padding)
        sequence = sequence[: kept[-1] + 1 if kept.size else 0]
        begins, ends = np.flatnonzero(sequence == self.begin_block), np.flatnonzero(sequence == self.end_block)
        others = (sequence < 0) | (sequence == self.begin_clip) | (sequence >= self.padding)
        borders = np.concatenate([[0], ends + 1])  # where each block begins, and where the last one ends
        if not np.array_equal(borders, np.append(begins, len(sequence))) or others.any():
            raise UsageError(
                f"ids are not blocks of begin_block ({self.begin_block}), codes, end_block ({self.end_block}); "
                "cut off what the model did not finish"
            )
        return sequence[sequence < self.codes], ends - begins - 1

    def structure(self, counts: Array, first_block: int, block_frames: int, out: Mapping[str, Array]) -> None:
        """Write where each id of some blocks belongs; see `TokenBatches`.

        counts: (blocks, tiles) of these blocks. first_block: the number of the first one in its clip. out: STRUCTURE,
        int32 (ids,) of zeros each.
        """
        each = counts.reshape(-1).astype(np.int64) + (2 if self.codes else 0)
        blocks, tiles = np.divmod(np.arange(len(each), dtype=np.int32), np.int32(counts.shape[1]))
        blocks += np.int32(first_block)
        lead = 1 if self.codes and first_block == 0 else 0  # begin_clip
        begins = (np.cumsum(each) - each).astype(np.int32)
        out["block_ids"][lead:] = np.repeat(blocks, each)
        out["frame_ids"][lead:] = np.repeat(blocks * np.int32(block_frames), each)
        if counts.shape[1] > 1:
            out["tile_ids"][lead:] = np.repeat(tiles, each)
        positions = out["positions"][lead:]
        np.subtract(np.arange(len(positions), dtype=np.int32), np.repeat(begins, each), out=positions)
