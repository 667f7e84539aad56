"""The way in: block after block is read, chosen, measured and written. Yields events, prints nothing.

    with open_source("in.mp4") as source, Writer("in.etok", make_header(source.info, model.spec, target)) as
    writer:
        for event in encode(source, model, writer, target): ...

A GOP depends on nothing outside it, so a resumed run writes what an uninterrupted one would have written.
Memory is that of a few blocks and the bytes of one GOP, or with several jobs of their number + 2 GOPs. Reading runs
ahead in a thread. GOPs may be coded in several processes (`jobs`), and a model may use several threads; neither changes
a byte.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from ..container import Gop, Header, Writer
from ..errors import InputError, ThresholdMissed, UsageError
from ..models.base import TokenModel
from ..video import Source
from .ahead import ahead
from .choose import Chooser, Wish
from .events import Ahead, BlockDone, Event, Started, Tried, Warned
from .gop_encoder import Block, GopCoder, GopJob, GopStart, Tell
from .interleave import AudioFeed
from .jobs import AHEAD, Early, Part, check_counts, in_order
from .target import Target
from .totals import Totals

OTHER_FRAMES = (
    "what is resumed was made of other frames (another --start, or another input); "
    "use the same, or leave --resume out to start again"
)
Coding = Generator[BlockDone | Gop, None, None]
# (known, blocks) to what is wished of the next `blocks` blocks; all events of the first `known` have been told. Room is
# only for a single one.
Wishes = Callable[[int, int], Wish]


def encode(
    source: Source,
    model: TokenModel,
    writer: Writer,
    target: Target,
    *,
    max_tokens: int | None = None,
    threads: int = 2,
    jobs: int = 1,
    strict: bool = False,
    done: Sequence[Gop] = (),
    tried: Tell | None = None,
    wishes: Wishes | None = None,
) -> Generator[Event, None, None]:
    """Code a whole source into `writer` and finish it.

    writer: its header (`make_header`) says search, GOP length and sizes. max_tokens: no block (tile) may have
    more. threads: 1 for none beside reading ahead. jobs: processes that code GOPs, 1 for none beside this one; they
    share the threads. strict: the first missed block is an error. done: what `Writer.resume` found; those frames are
    skipped. tried: told of every candidate, block after block. wishes: asked before every block (GOP, with
    several jobs) what to meet there in place of the target's. The writer is not aborted here: leave its `with` block
    for that. Raises InputError if there are no frames, UsageError for a target that the model cannot have, or no jobs,
    ThresholdMissed, OutputError, ElasticTokError if a process dies; whatever is raised, and when the generator is
    closed, threads and processes have ended.
    """
    check_counts(jobs=jobs, threads=threads)
    header = writer.header
    clock = time.monotonic()
    model = model.with_threads(max(1, threads // jobs))
    chooser = Chooser(model, target, header.search, max_tokens)
    totals = Totals(header, model.spec)
    for gop in done:
        totals.add_gop(gop)
    if strict and totals.met < totals.blocks:
        raise ThresholdMissed("what is resumed has blocks that miss the threshold already, and --strict allows none")
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
    # Several processes each wait for a whole GOP: one more is then read in the meantime.
    depth = 1 if jobs == 1 else header.gop_blocks
    times = [time for gop in done for time in gop.pts]
    with closing(ahead(source_blocks(source, header.block_frames, len(times), times), depth)) as blocks:
        start = GopStart(len(done), totals.frames)
        coded: Generator[Any, None, None]
        if jobs == 1:
            coded = code_blocks(blocks, GopCoder(header, model, chooser, strict, tried), start, wishes)
        else:
            job = GopJob(header, model, target, max_tokens, strict, tried is not None)
            coded = in_order(_parts(blocks, header, start, jobs, wishes), job, jobs, threads)
        with closing(coded):
            for item in coded:
                yield from notes.new()
                match item:
                    case Gop():
                        writer.write_gop(item)
                        totals.add_pts(item.pts)
                        writer.write_audio(audio.until(item.pts))
                    case BlockDone():
                        totals.add(item)
                        yield item
                    case Tried() if tried is not None:
                        tried(item)
                    case Early(value=BlockDone() as block):
                        yield Ahead(block.index, block.frames)
    if totals.frames == 0:
        raise InputError(f"{source.info.name}: no frame in it can be decoded")
    writer.write_audio(audio.rest())
    yield from notes.new()
    bytes_out = writer.finish()
    yield totals.finished(source.info.bytes, bytes_out, time.monotonic() - clock, source.truncated)


def code_blocks(blocks: Iterator[Block], coder: GopCoder, start: GopStart, wishes: Wishes | None = None) -> Coding:
    """Every block, and every GOP when it is whole. blocks: of the source, from the first one of a GOP on."""
    number, frames = start.number, start.first_frame
    for count, (pts, pixels) in enumerate(blocks):
        if not coder.records:
            coder.begin(number, frames)
        wish = Wish(coder.chooser.limit) if wishes is None else wishes(count, 1)
        coder.chooser.limit = wish.limit
        yield coder.add(pts, pixels, wish.room)
        if coder.is_full:
            yield coder.finish()
            number += 1
        frames += len(pts)
    if coder.records:
        yield coder.finish()


def _parts(
    blocks: Iterator[Block], header: Header, start: GopStart, jobs: int, wishes: Wishes | None
) -> Iterator[Part]:
    """The same blocks as tasks of a `GopJob`."""
    frames, size = start.first_frame, header.gop_blocks
    for count, block in enumerate(blocks):
        gop = count // size
        number = start.number + gop
        if count % size == 0:
            # Those that `in_order` may have begun and not finished by now are not known: always so many, so that a
            # run is as the one before, whichever process is faster.
            known = max(0, gop - jobs - AHEAD) * size
            yield Part(number, GopStart(number, frames, None if wishes is None else wishes(known, size).limit))
        yield Part(number, block)
        frames += len(block[0])


class _Notes:
    """The source's notes, each told once; more come while it is read."""

    def __init__(self, source: Source) -> None:
        self.source, self.told = source, 0

    def new(self) -> Iterator[Warned]:
        notes = list(self.source.notes)
        for text in notes[self.told :]:
            yield Warned(text)
        self.told = len(notes)


def source_blocks(source: Source, block_frames: int, skip: int, times: Sequence[int] = ()) -> Iterator[Block]:
    """Frames by blocks, the first `skip` frames left out (a resumed run has them).

    times: PTS that those must have, or UsageError is raised: what is resumed was made of something else.
    """
    pts: list[int] = []
    frames: list[Any] = []
    number = -1
    for number, frame in enumerate(source.frames()):
        if number < skip:
            if times and frame.pts != times[number]:
                raise UsageError(OTHER_FRAMES)
            continue
        pts.append(frame.pts)
        frames.append(frame.rgb)
        if len(frames) == block_frames:
            yield pts, np.stack(frames)
            pts, frames = [], []
    if number + 1 < len(times):
        raise UsageError(OTHER_FRAMES)
    if frames:
        yield pts, np.stack(frames)
