"""Encode clips side by side: the loop over blocks and GOPs that codec/gop_encoder.py has for a file, for many clips."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codec.rdo import BlockSearch, Decision
from ..codec.tile_encoder import TileEncoder, encode_tiles
from ..codec.tiling import Tiling
from ..container import Header
from ..entropy.bitstream import TokenEncoder, find_syntax, token_encoder
from ..models.base import Frames, TokenModel

MAX_PAST_BYTES = 1 << 31  # of the states of all clips that are encoded or decoded at once
MAX_SOURCE_BYTES = 1 << 28  # of their blocks, padded


class Lane:
    """One clip on its way, with what became of each of its places. search: what its blocks must reach.

    values, counts, mse, met, qindex: see `Codes`, in the order block, tile. payloads, digests: of its GOPs, for a
    syntax whose values do not say everything.
    """

    def __init__(self, frames: Frames, search: BlockSearch) -> None:
        self.frames, self.search = frames, search
        self.values: list[npt.NDArray[Any]] = []
        self.counts: list[int] = []
        self.mse: list[float] = []
        self.met: list[bool] = []
        self.qindex: list[int] = []
        self.payloads: list[bytes] = []
        self.digests: list[int] = []
        self.encoders: list[TileEncoder] = []
        self.coder: TokenEncoder | None = None

    def begin_gop(self, model: TokenModel, tiling: Tiling, header: Header) -> None:
        """Start a GOP, after the end of the one before."""
        self.end_gop()
        self.encoders = [
            TileEncoder(model, self.search, tiling.tile, tiling.visible(number)) for number in range(tiling.tiles)
        ]
        if not find_syntax(header.syntax).codes:
            self.coder = token_encoder(header, model.tables)

    def end_gop(self) -> None:
        """Keep the bytes of the GOP, where there are any."""
        if self.coder is not None:
            self.payloads.append(self.coder.finish())
            self.digests.append(self.coder.digest)
        self.encoders, self.coder = [], None

    def add(self, decisions: Sequence[Decision]) -> None:
        """Take the decisions about a block's tiles."""
        for tile, decision in enumerate(decisions):
            if self.coder is not None:
                self.coder.write(decision.tokens, tile)
            self.values.append(np.asarray(decision.tokens.values))
            self.counts.append(decision.tokens.count)
            self.mse.append(decision.mse)
            self.met.append(decision.met)
            self.qindex.append(decision.tokens.qindex)


def groups(model: TokenModel, tiling: Tiling, count: int) -> Iterator[range]:
    """Cut the numbers of clips into groups whose states and sources fit into memory together."""
    past = MAX_PAST_BYTES if model.device_bytes is None else model.device_bytes // 2
    height, width = tiling.tile
    source = 3 * model.spec.block_frames * height * width * tiling.tiles
    size = min(past // max(1, model.past_bytes * tiling.tiles), MAX_SOURCE_BYTES // source)
    for first in range(0, count, max(1, size)):
        yield range(first, min(first + max(1, size), count))


def encode_lanes(model: TokenModel, header: Header, lanes: Sequence[Lane]) -> None:
    """Encode clips of one length and size, block after block, as many as fit together."""
    tiling, size = Tiling(header), header.block_frames
    for group in groups(model, tiling, len(lanes)):
        side_by_side = [lanes[number] for number in group]
        for block, first in enumerate(range(0, len(side_by_side[0].frames), size)):
            if block % header.gop_blocks == 0:
                for lane in side_by_side:
                    lane.begin_gop(model, tiling, header)
            sources = [tile for lane in side_by_side for tile in tiling.cut(lane.frames[first : first + size])]
            decisions = encode_tiles(model, tiling, [each for lane in side_by_side for each in lane.encoders], sources)
            for number, lane in enumerate(side_by_side):
                lane.add(decisions[number * tiling.tiles : (number + 1) * tiling.tiles])
        for lane in side_by_side:
            lane.end_gop()
