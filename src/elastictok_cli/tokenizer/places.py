"""The places of a video's tokens: one for each tile of each block of each clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codec.tiling import Tiling
from ..container import Header
from ..entropy.bitstream import find_syntax
from ..errors import UsageError
from .video import as_numpy


@dataclass(frozen=True, kw_only=True)
class Places:
    """clips: number of clips. frames: of each block of a clip. tiles: of a block. gops: of a clip.

    shape: of arrays with an element per place: (clips, blocks, tile rows, tile columns), without the clips for a video
    that is no batch.
    """

    clips: int
    frames: tuple[int, ...]
    tiles: int
    gops: int
    shape: tuple[int, ...]

    @classmethod
    def of(cls, header: Header, shape: Sequence[int]) -> Places:
        """Find the places of a video. shape: (T, H, W, 3) or (B, T, H, W, 3), of the header's size.

        Raises UsageError for any other shape.
        """
        width, height = header.coded_size
        if len(shape) not in (4, 5) or min(shape) < 1 or tuple(shape[-3:]) != (height, width, 3):
            raise UsageError(f"`shape` {tuple(shape)}: (T, {height}, {width}, 3) is needed, or B clips of it")
        count, size, tiling = shape[-4], header.block_frames, Tiling(header)
        frames = tuple(min(size, count - at) for at in range(0, count, size))
        grid = (len(frames), tiling.rows, tiling.columns)
        return cls(
            clips=shape[0] if len(shape) == 5 else 1,
            frames=frames,
            tiles=tiling.tiles,
            gops=-(-len(frames) // header.gop_blocks),
            shape=(*shape[:-4], *grid),
        )

    @property
    def count(self) -> int:
        """Number of all places."""
        return self.clips * len(self.frames) * self.tiles


def split(values: Any, counts: Sequence[int], header: Header) -> list[npt.NDArray[Any]]:
    """Cut the tokens of all places into one array per place, of the dtype that the model's tokens have.

    values: integers (tokens,) or (tokens, channels), or a list of one array per place. counts: of each place. Raises
    UsageError for what cannot be tokens.
    """
    if isinstance(values, (list, tuple)) and values and np.ndim(as_numpy(values[0])) > 0:
        values = np.concatenate([as_numpy(each) for each in values])
    flat, syntax = as_numpy(values), find_syntax(header.syntax)
    empty = syntax.empty(header.channels)
    if flat.dtype.kind not in "iu" or flat.shape[1:] != empty.shape[1:]:
        wanted = "(tokens, channels)" if empty.ndim > 1 else "(tokens,)"
        raise UsageError(f"`values` of {flat.dtype} and shape {flat.shape}: integers {wanted} are needed")
    if len(flat) != sum(counts):
        raise UsageError(f"`values` has {len(flat):,} tokens, and `counts` adds up to {sum(counts):,}")
    limits = np.iinfo(empty.dtype)
    if flat.size and not limits.min <= int(flat.min()) <= int(flat.max()) <= limits.max:
        raise UsageError(f"`values` {int(flat.min())} to {int(flat.max())}: are no tokens of {header.model}")
    tokens = flat.astype(empty.dtype)
    try:
        tokens = tokens if syntax.check is None else syntax.check(tokens, header.channels)
    except ValueError as error:
        raise UsageError(f"`values` of {header.model}: {error}") from None
    ends = np.cumsum([0, *counts]).tolist()
    return [tokens[start:end] for start, end in zip(ends[:-1], ends[1:], strict=True)]
