"""Encode a source: for every block, read it, search for its tokens, measure them, and write them.

    with open_source("in.mp4") as source, Writer("in.etok", make_header(source.info, model, settings)) as writer:
        for event in encode(source, model, writer, settings):
            ...

A GOP depends on nothing outside it. So a resumed run writes the bytes of an uninterrupted one, and GOPs can be coded in
several processes. Neither the number of processes nor that of threads changes a byte. Memory is that of a few blocks
and the bytes of one GOP; with several processes, that of `jobs` + 2 GOPs.
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
from .audio_interleaver import AudioInterleaver
from .events import BlockDone, BlockEarly, Event, ProbeDone, Started, Warned
from .gop_encoder import Block, EncodeJob, GopEncoder, GopStart, ProbeCallback
from .rate_control import BlockTarget
from .read_ahead import read_ahead
from .settings import EncodeSettings
from .totals import Totals
from .workers import AHEAD, OutOfOrder, Part, in_order

OTHER_FRAMES = (
    "what is resumed was made of other frames (another `start`, or another input); "
    "use the same, or leave `resume` out to start again"
)
Coding = Generator[BlockDone | Gop, None, None]
# Called with (known, blocks), returns the target of the next `blocks` blocks. The events of the first `known` blocks
# have been yielded by then. A bit budget is only for a single block.
BlockTargets = Callable[[int, int], BlockTarget]


def encode(
    source: Source,
    model: TokenModel,
    writer: Writer,
    settings: EncodeSettings,
    *,
    done: Sequence[Gop] = (),
    on_probe: ProbeCallback | None = None,
    block_targets: BlockTargets | None = None,
) -> Generator[Event, None, None]:
    """Encode a whole source into `writer` and finish its file.

    writer: its header (`make_header`) states search, GOP length and sizes. Leave its `with` block to remove the file of
        a run that failed: that is not done here.
    settings: None for `jobs` or `threads` counts as 1 here. With one job, GOPs are encoded in this process.
    done: GOPs that `Writer.resume` found. Their frames are skipped.
    on_probe: called with every candidate, block after block.
    block_targets: asked before every block, or before every GOP if there are several jobs, for what to meet there
        instead of the settings' target.

    Raises InputError if there are no frames, UsageError for a target that the model cannot meet, ThresholdMissed,
    OutputError, and ElasticTokError if a process dies. When it raises, or is closed, all its threads and processes have
    ended.
    """
    clock = time.monotonic()
    header = writer.header
    jobs, threads = settings.jobs or 1, settings.threads or 1
    model = model.with_effort(settings.effort).with_threads(max(1, threads // jobs))
    encoder = GopEncoder(header, model, settings, on_probe)
    totals = Totals(header, model.spec)
    for gop in done:
        totals.add_gop(gop)
    if settings.strict and totals.met < totals.blocks:
        raise ThresholdMissed("what is resumed has blocks that miss the threshold already, and `strict` allows none")
    yield Started.of("encode", header, source.info.frames_estimate, frames_done=totals.frames)
    notes = _Notes(source)
    yield from notes.new()
    audio = AudioInterleaver(source, header, writer.audio_packets)
    # While every process works on a GOP, the next one is read.
    depth = 1 if jobs == 1 else header.gop_blocks
    times = [time for gop in done for time in gop.pts]
    start = GopStart(len(done), totals.frames)
    with closing(read_ahead(source_blocks(source, header.block_frames, len(times), times), depth)) as blocks:
        coded: Generator[Any, None, None]
        if jobs == 1:
            coded = encode_blocks(blocks, encoder, start, block_targets)
        else:
            job = EncodeJob(header, model, settings, on_probe is not None)
            coded = in_order(_gop_tasks(blocks, header, start, jobs, block_targets), job, jobs, threads)
        with closing(coded):
            for item in coded:
                yield from notes.new()
                match item:
                    case Gop():
                        writer.write_gop(item)
                        totals.add_pts(item.pts)
                        writer.write_audio(audio.during(item.pts))
                    case BlockDone():
                        totals.add(item)
                        yield item
                    case ProbeDone() if on_probe is not None:
                        on_probe(item)
                    case OutOfOrder(value=BlockDone() as block):
                        yield BlockEarly(index=block.index, frames=block.frames)
    if totals.frames == 0:
        raise InputError(f"{source.info.name}: no frame in it can be decoded")
    allowed = int(totals.blocks * (1 - settings.percentile / 100) + 1e-9)
    if totals.blocks - totals.met > allowed:
        raise ThresholdMissed(
            f"{totals.blocks - totals.met} of {totals.blocks} blocks miss the threshold, and `percentile` "
            f"{settings.percentile:g} allows {allowed}"
        )
    writer.write_audio(audio.rest())
    yield from notes.new()
    bytes_out = writer.finish()
    yield totals.finished(source.info.bytes, bytes_out, time.monotonic() - clock, source.truncated)


def encode_blocks(
    blocks: Iterator[Block], encoder: GopEncoder, start: GopStart, block_targets: BlockTargets | None = None
) -> Coding:
    """Encode blocks in this process. Yield each block when it is done, and each GOP when it is complete.

    blocks: of the source, from the first block of the GOP at `start` on.
    """
    gop, first_frame = start.number, start.first_frame
    for count, (pts, frames) in enumerate(blocks):
        if encoder.is_empty:
            encoder.begin(gop, first_frame)
        bit_budget = None
        if block_targets is not None:
            target = block_targets(count, 1)
            encoder.search.max_mse, bit_budget = target.max_mse, target.bit_budget
        yield encoder.add(pts, frames, bit_budget)
        first_frame += len(pts)
        if encoder.is_full:
            yield encoder.finish()
            gop += 1
    if not encoder.is_empty:
        yield encoder.finish()


def _gop_tasks(
    blocks: Iterator[Block], header: Header, start: GopStart, jobs: int, block_targets: BlockTargets | None
) -> Iterator[Part]:
    """Group the blocks into tasks of an `EncodeJob`, one GOP each."""
    first_frame, size = start.first_frame, header.gop_blocks
    for count, block in enumerate(blocks):
        gop = count // size
        number = start.number + gop
        if count % size == 0:
            # By now, `in_order` may have started that many GOPs and not finished them. Rate control never looks at any
            # of them, finished or not: so the file does not depend on which process is faster.
            known = max(0, gop - jobs - AHEAD) * size
            max_mse = None if block_targets is None else block_targets(known, size).max_mse
            yield Part(number, GopStart(number, first_frame, max_mse))
        yield Part(number, block)
        first_frame += len(block[0])


class _Notes:
    """The source's notes. Each is reported once; reading may add more."""

    def __init__(self, source: Source) -> None:
        self.source, self.reported = source, 0

    def new(self) -> Iterator[Warned]:
        notes = list(self.source.notes)
        for text in notes[self.reported :]:
            yield Warned(text=text)
        self.reported = len(notes)


def source_blocks(source: Source, block_frames: int, skip: int, times: Sequence[int] = ()) -> Iterator[Block]:
    """Group the frames of a source into blocks, without the first `skip` frames, which a resumed run has.

    times: PTS that the skipped frames must have. Raises UsageError if they have others: then the run that is resumed
    had another source.
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
