"""Decode a file: for every block, parse its tokens, reconstruct its frames, and show them.

    with Reader("in.etok") as reader, open_sink("out.mp4", options, reader.header) as sink:
        for event in decode(reader, model, sink):
            ...

A block depends on its GOP alone, so decoding a range starts at the GOP that holds the range's first frame.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from ..container import Gop, Reader, check_size
from ..errors import DamagedFile, UnsupportedFile, UsageError
from ..models.base import TokenModel
from ..types import AudioPacket
from .events import BlockDone, Event, Started, Warned
from .gop_decoder import DecodedBlock, DecodeJob, GopDecoder, GopTask, ParsedBlock, parse_gop
from .read_ahead import read_ahead
from .totals import Totals
from .workers import OutOfOrder, Part, Passthrough, in_order

if TYPE_CHECKING:
    from ..video import SinkOptions

MAX_LAST_FRAME_S = 86_400  # a file whose last frame is shown for longer is wrong


class FrameSink(Protocol):
    """Where frames and sound go: a `video` sink, or anything else with these two methods."""

    def write(self, pts: int, rgb: Any) -> None: ...
    def write_audio(self, packet: AudioPacket) -> None: ...


ParsedItem = ParsedBlock | tuple[AudioPacket, ...] | Warned
DecodedItem = DecodedBlock | tuple[AudioPacket, ...] | Warned


def check_model(reader: Reader, model: TokenModel) -> None:
    """Raise UnsupportedFile unless the file was written with this model."""
    header, spec = reader.header, model.spec
    if (header.model, header.model_digest, header.syntax) == (spec.name, spec.digest, spec.syntax):
        return
    raise UnsupportedFile(
        f"{reader.name}: needs {header.model} generation {header.generation} "
        f"({header.model_digest.hex()[:12]}), not {spec.name} generation {spec.generation} "
        f"({spec.digest.hex()[:12]}); see 'elastictok weights list'"
    )


def parse(reader: Reader, tables: Any, first_gop: int = 0, audio: bool = True) -> Iterator[ParsedItem]:
    """Parse the tokens of every block from a GOP on, with the audio between the GOPs. Nothing is reconstructed.

    tables: of the model (`TokenModel.tables`). Raises DamagedFile where tokens are not those that were written. A
    reader that recovers gives a warning instead, and the blocks before the damage.
    """
    number = first_gop - 1
    for item in reader.items(first_gop):
        if isinstance(item, Gop):
            number += 1
            yield from parse_gop(GopTask.of(reader, number, item), reader.header, tables)
        elif audio:
            yield item


def decode_blocks(
    reader: Reader, model: TokenModel, first_gop: int = 0, audio: bool = True, jobs: int = 1
) -> Generator[DecodedItem, None, None]:
    """Decode every block from a GOP on, in file order. Close the generator to stop early.

    jobs: processes that decode GOPs; 1 for none beside this one. Raises UnsupportedFile for another model, and for
    pictures that do not fit into the memory of this machine; DamagedFile after all blocks before the damage;
    ElasticTokError if a process dies.
    """
    check_model(reader, model)
    check_size(reader.header, reader.name)
    index = _blocks_before(reader, first_gop)
    if jobs > 1:
        job = DecodeJob(reader.header, model)
        with closing(in_order(_gop_tasks(reader, first_gop, index, audio), job, jobs, jobs)) as results:
            for result in results:
                if not isinstance(result, OutOfOrder):
                    yield result
        return
    decoder = GopDecoder(reader.header, model)
    with closing(read_ahead(parse(reader, model.tables, first_gop, audio))) as items:
        for item in items:
            if isinstance(item, ParsedBlock):
                yield decoder.decode(item, index)
                index += 1
            else:
                yield item


def _gop_tasks(reader: Reader, first_gop: int, index: int, audio: bool) -> Iterator[Part | Passthrough]:
    """Make a task of a `DecodeJob` for each GOP, with the audio between the GOPs."""
    number = first_gop - 1
    for item in reader.items(first_gop):
        if isinstance(item, Gop):
            number += 1
            yield Part(number, GopTask.of(reader, number, item, index))
            index += len(item.blocks)
        elif audio:
            yield Passthrough(item)


@dataclass(frozen=True)
class _Range:
    """A range of time. start: PTS of its first frame; end: PTS behind its last; None where it is open."""

    start: int | None
    end: int | None

    @classmethod
    def of(cls, reader: Reader, start_s: float | None, duration_s: float | None) -> _Range:
        """Convert seconds from the first frame to PTS. Raises UsageError for numbers that are no times."""
        for name, value in (("start", start_s), ("duration", duration_s)):
            if value is not None and not 0 <= value < math.inf:
                raise UsageError(f"--{name} {value:g}: must be 0 seconds or more")
        if not reader.index:
            return cls(None, None)
        origin, base = reader.index[0].first_pts, reader.header.time_base
        # Rounded to the nearest tick: 0.04 s is the second of 25 frames a second, although binary 0.04 is not 1/25.
        start = origin + round((start_s or 0.0) / base)
        end = None if duration_s is None else start + round(duration_s / base)
        return cls(start if start_s else None, end)

    @property
    def is_whole(self) -> bool:
        """Whether the range is the whole file."""
        return self.start is None and self.end is None

    def first_gop(self, reader: Reader) -> int:
        """Return the number of the GOP that holds the first frame."""
        return 0 if self.start is None else reader.gop_at(self.start)

    def ends_before(self, block: DecodedBlock) -> bool:
        """Whether this block and all after it lie behind the range."""
        return self.end is not None and block.pts[0] >= self.end

    def contains(self, pts: Any) -> bool:
        """Whether a time lies in the range. pts: a PTS of the video, whole or a fraction."""
        return (self.start is None or pts >= self.start) and (self.end is None or pts < self.end)


def decode(
    reader: Reader,
    model: TokenModel,
    sink: FrameSink | None = None,
    *,
    start: float | None = None,
    duration: float | None = None,
    audio: bool = True,
    jobs: int = 1,
) -> Generator[Event, None, None]:
    """Decode a file, or a range of it, and show its frames.

    sink: gets the frames with their PTS, and the audio packets; None to decode only. Leave its `with` block to finish
        its file: that is not done here.
    start, duration: the range, in seconds from the first frame of the file.
    jobs: as for `decode_blocks`.

    `Finished.partial` is true if the reader recovers and something is missing. Raises what `decode_blocks` raises;
    DamagedFile if no frame can be decoded; UsageError if the range holds no frame.
    """
    clock = time.monotonic()
    wanted = _Range.of(reader, start, duration)
    first_gop = wanted.first_gop(reader)
    totals = Totals(reader.header, model.spec, until=wanted.end)
    yield Started.of("decode", reader.header, reader.frames if wanted.is_whole else None)
    for finding in reader.findings:
        yield Warned(text=finding.text)
    is_partial = bool(reader.findings)
    end_gop = None  # the GOP in which the range ended
    with closing(decode_blocks(reader, model, first_gop, audio, jobs)) as items:
        for item in items:
            match item:
                case Warned():
                    is_partial = True
                    yield item
                case DecodedBlock():
                    if wanted.ends_before(item):
                        end_gop = item.gop
                        break
                    shown = [i for i, pts in enumerate(item.pts) if wanted.contains(pts)]
                    if sink is not None:
                        for i in shown:
                            sink.write(item.pts[i], item.frames[i])
                    if shown:
                        event = _event(item, totals, len(shown))
                        totals.add(event)
                        totals.add_pts(np.array([item.pts[i] for i in shown]))
                        yield event
                case _ if sink is not None:
                    _write_audio(sink, reader, item, wanted)
    if end_gop is not None and wanted.end is not None and sink is not None and audio:
        # The sound of a GOP follows it. One GOP more is read: some sources interleave a second track late.
        for packets in reader.items(end_gop, video=False, end=reader.gop_at(wanted.end - 1) + 2):
            if isinstance(packets, tuple):
                _write_audio(sink, reader, packets, wanted)
    if not totals.frames and not reader.index:
        raise DamagedFile(f"{reader.name}: holds no frame that is whole; there is nothing to show")
    if not totals.frames:
        raise UsageError(f"{reader.name}: no frame in this range; the file lasts {_duration_s(reader):.2f} s")
    yield totals.finished(None, reader.store.size, time.monotonic() - clock, is_partial)


def decode_range(
    reader: Reader, model: TokenModel, start: float | None = None, duration: float | None = None
) -> Generator[tuple[int, npt.NDArray[np.uint8]], None, None]:
    """Yield PTS and picture, uint8 (height, width, 3), of every frame of a range. Arguments and errors: as `decode`."""
    wanted = _Range.of(reader, start, duration)
    with closing(decode_blocks(reader, model, wanted.first_gop(reader), audio=False)) as items:
        for item in items:
            if isinstance(item, DecodedBlock):
                if wanted.ends_before(item):
                    return
                for pts, rgb in zip(item.pts, item.frames, strict=True):
                    if wanted.contains(pts):
                        yield pts, rgb.copy()  # a view would keep the memory of the whole padded block


def for_file(
    options: SinkOptions, reader: Reader, start: float | None = None, duration: float | None = None
) -> SinkOptions:
    """Complete the options of a sink that is to show a file, or a range of it.

    The end of the last frame is set if the file states it. Times start at 0 if frames before the first one are left
    out, now or when the file was encoded. Raises UnsupportedFile for pictures that do not fit into the memory of this
    machine, before a video encoder is opened for them.
    """
    header = reader.header
    check_size(header, reader.name)
    end = header.end_pts
    if end is not None and reader.index and not reader.findings:
        wanted = _Range.of(reader, start, duration)
        end = end if wanted.end is None else min(end, wanted.end)
        if (end - reader.index[-1].first_pts) * header.time_base > MAX_LAST_FRAME_S:
            end = None
    else:
        end = None
    rebase = options.rebase or bool(start) or header.is_part
    return replace(options, rebase=rebase, end_pts=options.end_pts if end is None else end)


def _event(block: DecodedBlock, totals: Totals, frames: int) -> BlockDone:
    record = block.record
    return BlockDone(
        index=block.index,
        gop=block.gop,
        first_frame=block.first_frame,
        frames=frames,
        counts=tuple(tile.count for tile in record.tiles),
        mse=record.mse,
        met=record.met,
        tokens=record.count,
        max_tokens=totals.limit_of(record),
    )


def _write_audio(sink: FrameSink, reader: Reader, packets: tuple[AudioPacket, ...], wanted: _Range) -> None:
    """Write the packets that start within the range."""
    for packet in packets:
        seconds = packet.pts * reader.header.audio[packet.stream].time_base
        if wanted.contains(seconds / reader.header.time_base):  # a fraction, exact
            sink.write_audio(packet)


def _blocks_before(reader: Reader, first_gop: int) -> int:
    """Return the number of blocks before a GOP. All but the last GOP of a file have only full blocks."""
    size = reader.header.block_frames
    return sum(-(-entry.frames // size) for entry in reader.index[:first_gop])


def _duration_s(reader: Reader) -> float:
    if not reader.index:
        return 0.0
    last = reader.gop(len(reader.index) - 1).pts
    end = reader.header.video_end(int(last[-1]), int(last[-1] - last[-2]) if len(last) > 1 else 0)
    return reader.header.seconds(end - reader.index[0].first_pts)
