"""One GOP in the making: every block chosen, measured and written into the entropy coder. Knows no file.

A GOP depends on nothing outside it, so GOPs can be coded here one after the other, or in other processes (`GopJob`).
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
from .choose import Candidates, Choice, Chooser
from .events import BlockDone, Probe, Tried
from .picture import Picture
from .target import Target
from .worker import use_threads

Block = tuple[list[int], Frames]  # PTS, (T, height, width, 3)
Tell = Callable[[Tried], None]


class GopCoder:
    """Codes GOPs, one after the other: `begin`, `add` every block, `finish`.

    model: may be replaced between blocks by the same one with other threads. strict: a block that misses raises
    ThresholdMissed. tried: told every candidate.
    """

    def __init__(
        self, header: Header, model: TokenModel, chooser: Chooser, strict: bool = False, tried: Tell | None = None
    ) -> None:
        self.header, self.model, self.chooser, self.strict, self.tried = header, model, chooser, strict, tried
        self.picture = Picture(header)
        self.records: list[BlockRecord] = []  # of the GOP in the making

    def begin(self, number: int, first_frame: int) -> None:
        """A GOP without a past. number: of it in the file. first_frame: likewise."""
        self.number, self.first_frame = number, first_frame
        self.states: list[State] = [self.model.start(*self.picture.tile) for _ in range(self.picture.tiles)]
        self.before: list[Found | None] = [None] * self.picture.tiles
        self.coder = token_encoder(self.header, self.model.tables)
        self.pts: list[int] = []
        self.records = []

    @property
    def is_full(self) -> bool:
        """No block more fits."""
        return len(self.records) == self.header.gop_blocks

    def add(self, pts: list[int], frames: Frames, room: float | None = None) -> BlockDone:
        """Choose, write into the entropy coder, and move the states on. room: see `Wish`; its last tile uses it up."""
        first_frame = self.first_frame + len(self.pts)
        index = first_frame // self.header.block_frames  # all blocks before it are full
        bits, choices = self.coder.bits, []
        for i, tile in enumerate(self.picture.cut(frames)):
            is_last = i == self.picture.tiles - 1
            left = room - (self.coder.bits - bits) if room is not None and is_last else None
            choices.append(self._tile(index, i, tile, left))
            self.coder.write(choices[-1].tokens, i)
        self.pts += pts
        tiles = tuple(TileRecord(count=c.tokens.count, met=c.met, mse=c.mse, step=c.tokens.step) for c in choices)
        record = BlockRecord(frames=len(pts), tiles=tiles, tile_shares=self.header.tile_shares)
        self.records.append(record)
        most = self.model.spec.max_tokens(len(pts), *self.picture.tile)
        # the tile that needs explaining: the first that misses, otherwise the one with the most tokens
        told = min(choices, key=lambda c: (c.met, -c.tokens.count))
        event = BlockDone(
            index,
            self.number,
            first_frame,
            len(pts),
            tuple(choice.tokens.count for choice in choices),
            tuple(probe for choice in choices for probe in choice.probes),
            record.mse,
            record.met,
            record.count,
            most * len(choices),
            self.coder.bits - bits,
            told.why,
        )
        if self.strict and not event.met:
            raise ThresholdMissed(
                f"block {index} (at {self.header.seconds(pts[0]):.2f} s) misses the threshold: {event.mse:.5f} over "
                f"{self.header.threshold:.5f}; {event.why} (leave --strict out to keep it as missed)"
            )
        return event

    def _tile(self, index: int, number: int, source: Frames, room: float | None) -> Choice:
        state, tried, tell = self.states[number], self.tried, None
        if tried is not None:

            def tell(count: int, probe: Probe) -> None:
                tried(Tried(index, number, self.picture.tiles, count, probe))

        candidates = Candidates(self.model, state, source, self.picture.visible(number), tell)
        cost = partial(self.coder.cost, tile=number)
        choice = self.chooser.choose(candidates, len(source), self.before[number], cost, room)
        self.before[number] = choice.found
        self.states[number] = self.model.advance(state, choice.tokens, candidates.analysis)
        return choice

    def finish(self) -> Gop:
        """The GOP as it goes into the file."""
        payload, records, self.records = self.coder.finish(), tuple(self.records), []
        return Gop(
            first_frame=self.first_frame,
            pts=np.array(self.pts, np.int64),
            blocks=records,
            payload=payload,
            digest=self.coder.digest,
        )


@dataclass(frozen=True)
class GopStart:
    """The first part of a `GopJob`'s task; its blocks follow. limit: the error to meet, if it is not the target's."""

    number: int
    first_frame: int
    limit: float | None = None


@dataclass(frozen=True)
class GopJob:
    """Codes GOPs in another process: sends every `BlockDone` (with `tells` every `Tried`), at last the `Gop`."""

    header: Header
    model: TokenModel
    target: Target
    max_tokens: int | None
    strict: bool
    tells: bool

    def run(self, parts: Iterable[Any], threads: Callable[[], int], send: Callable[[Any], None]) -> None:
        """See `jobs.Job`. parts: a `GopStart`, then blocks."""
        start, *blocks = parts
        chooser = Chooser(self.model, self.target, self.header.search, self.max_tokens)
        if start.limit is not None:
            chooser.limit = start.limit
        coder = GopCoder(self.header, self.model, chooser, self.strict, send if self.tells else None)
        coder.begin(start.number, start.first_frame)
        count = 1
        for pts, frames in blocks:
            if (now := threads()) != count:
                count = now
                coder.model = self.model.with_threads(now)
                use_threads(now)
            send(coder.add(pts, frames))
        send(coder.finish())
