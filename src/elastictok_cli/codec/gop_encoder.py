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
from ..models.base import Frames, State, TokenModel
from ..search import Found
from ..stages import ENTROPY_CODING, MODEL, OTHER, stage
from .events import BlockDone, Probe, ProbeDone
from .rdo import BitBudget, BlockSearch, Candidates, Decision
from .settings import EncodeSettings
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
        self.states: list[State] = [self.model.start(*self.tiling.tile) for _ in range(self.tiling.tiles)]
        self.found: list[Found | None] = [None] * self.tiling.tiles  # by the search in the block before, per tile
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
            bits_before, decisions = self.coder.bits, []
            for number, tile in enumerate(self.tiling.cut(frames)):
                budget = None
                if bit_budget is not None and number == self.tiling.tiles - 1:
                    bits_left = bit_budget - (self.coder.bits - bits_before)
                    budget = BitBudget(bits_left, partial(self._cost, number))
                decision = self._encode_tile(index, number, tile, budget)
                with stage(ENTROPY_CODING):
                    self.coder.write(decision.tokens, number)
                decisions.append(decision)
            self.pts += pts
            tiles = tuple(
                TileRecord(count=d.tokens.count, met=d.met, mse=d.mse, qindex=d.tokens.qindex) for d in decisions
            )
            record = BlockRecord(frames=len(pts), tiles=tiles, tile_shares=self.header.tile_shares)
            self.records.append(record)
            event = self._event(index, first_frame, record, decisions, self.coder.bits - bits_before)
        if self.is_strict and not event.met:
            raise ThresholdMissed(
                f"block {index} (at {self.header.seconds(pts[0]):.2f} s) misses the threshold: {event.mse:.5f} over "
                f"{self.header.threshold:.5f}; {event.why} (leave `strict` out to keep it as missed)"
            )
        return event

    def _encode_tile(self, index: int, number: int, source: Frames, budget: BitBudget | None) -> Decision:
        state, on_probe, callback = self.states[number], self.on_probe, None
        if on_probe is not None:

            def callback(count: int, probe: Probe) -> None:
                on_probe(ProbeDone(index=index, tile=number, tiles=self.tiling.tiles, number=count, probe=probe))

        candidates = Candidates(self.model, state, source, self.tiling.visible(number), callback)
        decision = self.search.decide(candidates, self.found[number], budget)
        self.found[number] = decision.found
        with stage(MODEL):
            self.states[number] = self.model.advance(state, decision.tokens, candidates.analysis)
        return decision

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
