"""The way in: block after block is read, chosen, measured and written. Yields events, prints nothing.

    with open_source("in.mp4") as source, Writer("in.etok", make_header(source.info, model.spec, target)) as
    writer:
        for event in encode(source, model, writer, target): ...

A GOP depends on nothing outside it, so a resumed run writes what an uninterrupted one would have written.
Memory is that of a few blocks and the bytes of one GOP. Reading runs one block ahead in a thread; candidates
that the search wants at once are made in as many threads as there are, which changes no byte.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import closing, nullcontext
from typing import Any

import numpy as np

from ..container import BlockRecord, Gop, TileRecord, Writer, token_encoder
from ..errors import InputError, ThresholdMissed
from ..models.base import Frames, State, TokenModel
from ..search import Found
from ..video import Source
from .ahead import ahead
from .choose import Candidates, Choice, Chooser
from .events import BlockDone, Event, Probe, Started, Tried, Warned
from .interleave import AudioFeed
from .picture import Picture
from .target import Target
from .totals import Totals

Block = tuple[list[int], Frames]  # PTS, (T, height, width, 3)


def encode(
    source: Source,
    model: TokenModel,
    writer: Writer,
    target: Target,
    *,
    max_tokens: int | None = None,
    threads: int = 2,
    strict: bool = False,
    done: Sequence[Gop] = (),
    tried: Callable[[Tried], None] | None = None,
) -> Generator[Event, None, None]:
    """Code a whole source into `writer` and finish it.

    writer: its header (`make_header`) says search, GOP length and sizes. max_tokens: no block (tile) may have
    more. threads: 1 for none beside reading ahead. strict: the first missed block is an error. done: what
    `Writer.resume` found; those frames are skipped. tried: told of every candidate at once. The writer is not
    aborted here: leave its `with` block for that. Raises InputError if there are no frames, UsageError for a
    target that the model cannot have,
    ThresholdMissed, OutputError; whatever is raised, and when the generator is closed, the reading thread has
    ended.
    """
    header = writer.header
    clock = time.monotonic()
    chooser = Chooser(model, target, header.search, max_tokens)
    totals = Totals(header, model.spec)
    for gop in done:
        totals.add_gop(gop)
    yield Started(
        "encode",
        source.info.frames_estimate,
        *header.coded_size,
        float(header.frame_rate) if header.frame_rate else None,
        header.model,
        header.block_frames,
        header.gop_blocks,
        header.max_tokens * header.geometry.tiles,
        header.target,
        header.threshold,
        header.search,
        totals.frames,
    )
    notes = _Notes(source)
    yield from notes.new()
    audio = AudioFeed(source, header, writer.audio_packets)
    blocks = ahead(_blocks(source, header.block_frames, totals.frames))
    pool = ThreadPoolExecutor(threads) if threads > 1 else None
    with pool or nullcontext(), closing(blocks):
        gop_coder: _GopCoder | None = None
        for pts, frames in blocks:
            yield from notes.new()
            if gop_coder is None:
                number = len(done) + totals.new_gops
                gop_coder = _GopCoder(model, chooser, writer, number, totals.frames, pool, tried)
            event = gop_coder.add(pts, frames, totals.blocks)
            totals.add(event)
            if strict and not event.met:
                raise ThresholdMissed(_missed(event, header.seconds(pts[0]), target))
            yield event
            if len(gop_coder.records) == header.gop_blocks:
                gop_coder.write(audio, totals)
                gop_coder = None
        if gop_coder is not None:
            gop_coder.write(audio, totals)
    if totals.frames == 0:
        raise InputError(f"{source.info.name}: no frame in it can be decoded")
    writer.write_audio(audio.rest())
    yield from notes.new()
    bytes_out = writer.finish()
    yield totals.finished(source.info.bytes, bytes_out, time.monotonic() - clock, source.truncated)


class _GopCoder:
    """One GOP in the making: the state of every tile, the records so far, the entropy coder."""

    def __init__(
        self,
        model: TokenModel,
        chooser: Chooser,
        writer: Writer,
        number: int,
        first_frame: int,
        pool: Executor | None,
        tried: Callable[[Tried], None] | None,
    ) -> None:
        self.model, self.chooser, self.writer, self.pool, self.tried = model, chooser, writer, pool, tried
        self.number, self.first_frame = number, first_frame
        self.picture = Picture(writer.header)
        self.states: list[State] = [model.start(*self.picture.tile) for _ in range(self.picture.tiles)]
        self.before: list[Found | None] = [None] * self.picture.tiles
        self.coder = token_encoder(writer.header, getattr(model, "tables", None))
        self.pts: list[int] = []
        self.records: list[BlockRecord] = []

    def add(self, pts: list[int], frames: Frames, index: int) -> BlockDone:
        """Choose, write into the entropy coder, and move the states on."""
        choices = [self._tile(index, i, tile) for i, tile in enumerate(self.picture.cut(frames))]
        first_frame = self.first_frame + len(self.pts)
        self.pts += pts
        self.records.append(
            BlockRecord(
                len(pts), tuple(TileRecord(c.tokens.count, c.met, c.mse, c.tokens.step) for c in choices)
            )
        )
        bits = self.coder.bits
        for number, choice in enumerate(choices):
            self.coder.write(choice.tokens, number)
        most = self.model.spec.max_tokens(len(pts), *self.picture.tile)
        # the tile that needs explaining: the first that misses, otherwise the one with the most tokens
        told = min(choices, key=lambda c: (c.met, -c.tokens.count))
        return BlockDone(
            index,
            self.number,
            first_frame,
            len(pts),
            tuple(choice.tokens.count for choice in choices),
            tuple(probe for choice in choices for probe in choice.probes),
            sum(choice.mse * self.picture.share(i) for i, choice in enumerate(choices)),
            all(choice.met for choice in choices),
            sum(choice.tokens.count for choice in choices),
            most * len(choices),
            self.coder.bits - bits,
            told.why,
        )

    def _tile(self, index: int, number: int, source: Frames) -> Choice:
        state, tried, tell = self.states[number], self.tried, None
        if tried is not None:

            def tell(count: int, probe: Probe) -> None:
                tried(Tried(index, number, self.picture.tiles, count, probe))

        candidates = Candidates(self.model, state, source, self.picture.visible(number), self.pool, tell)
        choice = self.chooser.choose(candidates, len(source), self.before[number])
        self.before[number] = choice.found
        self.states[number] = self.model.advance(state, choice.tokens, candidates.analysis)
        return choice

    def write(self, audio: AudioFeed, totals: Totals) -> None:
        """Hand the GOP to the writer, with the sound of its time."""
        payload = self.coder.finish()
        pts = np.array(self.pts, np.int64)
        self.writer.write_gop(Gop(self.first_frame, pts, tuple(self.records), payload, self.coder.digest))
        totals.new_gops += 1
        totals.add_pts(pts)
        self.writer.write_audio(audio.until(pts))


class _Notes:
    """The source's notes, each told once; more come while it is read."""

    def __init__(self, source: Source) -> None:
        self.source, self.told = source, 0

    def new(self) -> Iterator[Warned]:
        notes = list(self.source.notes)
        for text in notes[self.told :]:
            yield Warned(text)
        self.told = len(notes)


def _blocks(source: Source, block_frames: int, skip: int) -> Iterator[Block]:
    """Frames by blocks, the first `skip` frames left out (a resumed run has them)."""
    pts: list[int] = []
    frames: list[Any] = []
    for number, frame in enumerate(source.frames()):
        if number < skip:
            continue
        pts.append(frame.pts)
        frames.append(frame.rgb)
        if len(frames) == block_frames:
            yield pts, np.stack(frames)
            pts, frames = [], []
    if frames:
        yield pts, np.stack(frames)


def _missed(event: BlockDone, at_s: float, target: Target) -> str:
    return (
        f"block {event.index} (at {at_s:.2f} s) misses the threshold: "
        f"{event.mse:.5f} over {target.limit:.5f}; {event.why} (leave --strict out to keep it as missed)"
    )
