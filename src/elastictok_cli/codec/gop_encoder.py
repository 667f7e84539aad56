"""Encode one GOP: choose and measure the tokens of every block, and write them into the entropy coder.

A GOP depends on nothing outside it. So GOPs can be coded here one after the other, or in other processes
(`EncodeJob`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..container import BlockRecord, Gop, Header, TileRecord
from ..entropy.bitstream import token_encoder
from ..errors import ThresholdMissed
from ..models.base import Frames, TokenModel
from ..stages import ENTROPY_CODING, OTHER, stage
from .events import BlockDone, Probe, ProbeDone
from .rdo import BitBudget, BlockSearch, Decision
from .settings import EncodeSettings
from .tile_encoder import TileEncoder, advance, confirmed, decide, encode_tiles
from .tiling import Tiling
from .worker_process import use_threads

Block = tuple[list[int], Frames]  # PTS, (T, height, width, 3)
ProbeCallback = Callable[[ProbeDone], None]


class GopEncoder:
    """Encodes GOPs, one after the other: `begin`, `add` for every block, `finish`.

    model: may be replaced between blocks by the same model with other threads. on_probe: called with every candidate.
    """

    def __init__(
        self,
        header: Header,
        model: TokenModel,
        settings: EncodeSettings,
        on_probe: ProbeCallback | None = None,
    ) -> None:
        self.header, self.model, self.is_strict, self.on_probe = header, model, settings.strict, on_probe
        self.search = BlockSearch(model, settings)
        self.tiling = Tiling(header)
        self.records: list[BlockRecord] = []  # of the blocks since `begin`

    def begin(self, number: int, first_frame: int) -> None:
        """Start a GOP. number, first_frame: counted from the start of the file."""
        self.number, self.first_frame = number, first_frame
        tiling = self.tiling
        self.tiles = [
            TileEncoder(self.model, self.search, tiling.tile, tiling.visible(number)) for number in range(tiling.tiles)
        ]
        self.coder = token_encoder(self.header, self.model.tables)
        self.pts: list[int] = []
        self.records = []

    @property
    def is_empty(self) -> bool:
        """Whether no block was added since `finish`."""
        return not self.records

    @property
    def is_full(self) -> bool:
        """Whether the GOP has all its blocks."""
        return len(self.records) == self.header.gop_blocks

    def add(self, pts: list[int], frames: Frames, bit_budget: float | None = None) -> BlockDone:
        """Encode the next block.

        frames: uint8 (T, height, width, 3) at the coded size. bit_budget: bits that the block may use up beyond what it
        needs to meet its threshold (`BlockTarget`); its last tile does. Raises ThresholdMissed if a tile misses its
        threshold and the settings are strict.
        """
        with stage(OTHER):
            first_frame = self.first_frame + len(self.pts)
            index = first_frame // self.header.block_frames  # all blocks before this one are full
            bits_before, sources, last = self.coder.bits, self.tiling.cut(frames), self.tiling.tiles - 1
            if bit_budget is None:
                decisions = encode_tiles(self.model, self.tiling, self.tiles, sources, self._callback(index))
                self._write(decisions)
            else:  # what the last tile may use up is known when the others are written
                decisions = decide(self.model, self.tiles[:last], sources[:last], None, self._callback(index))
                self._write(decisions)
                bits_left = bit_budget - (self.coder.bits - bits_before)
                budget = BitBudget(bits_left, partial(self._cost, last))
                decisions += decide(self.model, self.tiles[last:], sources[last:], budget, self._callback(index, last))
                self._write(decisions[last:], last)
                decisions = confirmed(self.model, self.tiling, self.tiles, decisions, may_change=False)
                advance(self.model, self.tiles, decisions)
            self.pts += pts
            tiles = tuple(
                TileRecord(count=d.tokens.count, met=d.met, mse=d.mse, qindex=d.tokens.qindex) for d in decisions
            )
            record = BlockRecord(frames=len(pts), tiles=tiles, tile_shares=self.header.tile_shares)
            self.records.append(record)
            event = self._event(index, first_frame, record, decisions, self.coder.bits - bits_before)
        if self.is_strict and not event.met:
            raise ThresholdMissed(
                f"block {index} (at {self.header.seconds(pts[0]):.2f} s) misses the threshold: {event.mse:.3g} over "
                f"{self.header.threshold:.3g}; {event.why} (leave `strict` out to keep it as missed)"
            )
        return event

    def _callback(self, index: int, first: int = 0) -> Callable[[int, int, Probe], None] | None:
        """What a search calls with each candidate. first: the tile that it counts from."""
        on_probe = self.on_probe
        if on_probe is None:
            return None
        tiles = self.tiling.tiles
        return lambda tile, count, probe: on_probe(
            ProbeDone(index=index, tile=first + tile, tiles=tiles, number=count, probe=probe)
        )

    def _write(self, decisions: list[Decision], first: int = 0) -> None:
        """Write the tokens of tiles from number `first` on."""
        with stage(ENTROPY_CODING):
            for number, decision in enumerate(decisions, first):
                self.coder.write(decision.tokens, number)

    def _cost(self, number: int, tokens: Any) -> float:
        with stage(ENTROPY_CODING):
            return float(self.coder.cost(tokens, tile=number))

    def _event(
        self, index: int, first_frame: int, record: BlockRecord, decisions: list[Decision], bits: int
    ) -> BlockDone:
        # The tile that needs an explanation: the first that misses, or else the one with the most tokens.
        explained = min(decisions, key=lambda d: (d.met, -d.tokens.count))
        return BlockDone(
            index=index,
            gop=self.number,
            first_frame=first_frame,
            frames=record.frames,
            counts=tuple(d.tokens.count for d in decisions),
            probes=tuple(probe for d in decisions for probe in d.probes),
            mse=record.mse,
            met=record.met,
            tokens=record.count,
            max_tokens=self.model.spec.max_tokens(record.frames, *self.tiling.tile) * len(decisions),
            bits=bits,
            why=explained.why,
        )

    def finish(self) -> Gop:
        """Return the GOP as the file stores it."""
        with stage(ENTROPY_CODING):
            payload = self.coder.finish()
        records, self.records = tuple(self.records), []
        return Gop(
            first_frame=self.first_frame,
            pts=np.array(self.pts, np.int64),
            blocks=records,
            payload=payload,
            digest=self.coder.digest,
        )


@dataclass(frozen=True)
class GopStart:
    """Where a GOP starts in the file; the first part of an `EncodeJob`'s task, whose blocks follow.

    max_mse: the MSE that its tiles must meet; None for the target's.
    """

    number: int
    first_frame: int
    max_mse: float | None = None


@dataclass(frozen=True)
class EncodeJob:
    """Encodes GOPs in another process (`workers.Job`). Sends each `BlockDone`, and at the end the `Gop`.

    sends_probes: sends each `ProbeDone` as well.
    """

    header: Header
    model: TokenModel
    settings: EncodeSettings
    sends_probes: bool

    def run(self, parts: Iterable[Any], threads: Callable[[], int], send: Callable[[Any], None]) -> None:
        """Encode one GOP. parts: a `GopStart`, then its blocks."""
        start, *blocks = parts
        encoder = GopEncoder(self.header, self.model, self.settings, send if self.sends_probes else None)
        if start.max_mse is not None:
            encoder.search.max_mse = start.max_mse
        encoder.begin(start.number, start.first_frame)
        count = 1
        for pts, frames in blocks:
            if (now := threads()) != count:
                count = now
                encoder.model = self.model.with_threads(now)
                use_threads(now)
            send(encoder.add(pts, frames))
        send(encoder.finish())
