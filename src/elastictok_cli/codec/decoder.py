"""The way back: tokens are parsed one block ahead in a thread, reconstructed, cut to size, and shown.

    with Reader("in.etok") as reader, open_sink("out.mp4", options, reader.header) as sink:
        for event in decode(reader, model, sink): ...

What a block decodes to depends on its GOP alone, so a range starts at the GOP that holds it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from ..container import Gop, Reader, check_size
from ..errors import DamagedFile, UnsupportedFile, UsageError
from ..models.base import TokenModel
from ..types import AudioPacket
from .ahead import ahead
from .events import BlockDone, Event, Started, Warned
from .gop_decoder import DecodedBlock, DecodeJob, GopTask, ParsedBlock, Pictures, parse_gop
from .jobs import Early, Here, Part, check_counts, in_order
from .totals import Totals

if TYPE_CHECKING:
    from ..video import SinkOptions

MOST_LAST_S = 86_400  # no frame is shown for longer; a file that says so is wrong


class Shows(Protocol):
    """Where frames and sound go: a `video` sink, or anything with these two methods."""

    def write(self, pts: int, rgb: Any) -> None: ...
    def write_audio(self, packet: AudioPacket) -> None: ...


Item = ParsedBlock | tuple[AudioPacket, ...] | Warned


def check_model(reader: Reader, model: TokenModel) -> None:
    """Raises UnsupportedFile unless the model is the one that the file was written with."""
    header, spec = reader.header, model.spec
    if (header.model, header.model_digest, header.syntax) == (spec.name, spec.digest, spec.syntax):
        return
    raise UnsupportedFile(
        f"{reader.name}: needs {header.model} generation {header.generation} "
        f"({header.model_digest.hex()[:12]}), not {spec.name} generation {spec.generation} "
        f"({spec.digest.hex()[:12]}); see 'elastictok weights list'"
    )


def parse(reader: Reader, tables: Any, first_gop: int = 0, audio: bool = True) -> Iterator[Item]:
    """Tokens of every block from a GOP on, and the audio between. Raises DamagedFile where tokens are not as
    written.

    A reader that recovers gets a warning instead, and what could be parsed.
    """
    number = first_gop - 1
    for item in reader.items(first_gop):
        if not isinstance(item, Gop):
            if audio:
                yield item
            continue
        number += 1
        yield from parse_gop(GopTask.of(reader, number, item), reader.header, tables)


def decode_blocks(
    reader: Reader, model: TokenModel, first_gop: int = 0, audio: bool = True, jobs: int = 1
) -> Generator[DecodedBlock | tuple[AudioPacket, ...] | Warned, None, None]:
    """Reconstruct from GOP number `first_gop` on, in file order. Close it to stop early.

    jobs: processes that decode GOPs, 1 for none beside this one. Raises UnsupportedFile for another model or for
    pictures that no memory here can hold, DamagedFile after everything that was whole before the damage,
    ElasticTokError if a process dies.
    """
    check_counts(jobs=jobs)
    check_model(reader, model)
    check_size(reader.header, reader.name)
    index = _blocks_before(reader, first_gop)
    if jobs > 1:
        job = DecodeJob(reader.header, model)
        with closing(in_order(_parts(reader, first_gop, index, audio), job, jobs, jobs)) as results:
            for result in results:
                if not isinstance(result, Early):
                    yield result
        return
    pictures = Pictures(reader.header, model)
    with closing(ahead(parse(reader, model.tables, first_gop, audio))) as items:
        for item in items:
            if not isinstance(item, ParsedBlock):
                yield item
                continue
            yield pictures.show(item, index)
            index += 1


def _parts(reader: Reader, first_gop: int, index: int, audio: bool) -> Iterator[Part | Here]:
    """GOPs as tasks of a `DecodeJob`, the sound between them."""
    number = first_gop - 1
    for item in reader.items(first_gop):
        if isinstance(item, Gop):
            number += 1
            yield Part(number, GopTask.of(reader, number, item, index))
            index += len(item.blocks)
        elif audio:
            yield Here(item)


def decode(
    reader: Reader,
    model: TokenModel,
    sink: Shows | None = None,
    *,
    start: float | None = None,
    duration: float | None = None,
    audio: bool = True,
    jobs: int = 1,
) -> Generator[Event, None, None]:
    """Show a file, or the frames of a range of it.

    sink: takes the frames with their PTS, and the audio packets; None decodes and shows nobody (a speed
    test). It is not finished here: leave its `with` block for that. start, duration: seconds from the file's
    first frame. A reader that recovers makes `Finished.partial` true if anything was missing. jobs: as
    for `decode_blocks`. Raises as that; UsageError if the range holds no frame.
    """
    header, clock = reader.header, time.monotonic()
    low, high = _range(reader, start, duration)
    first_gop = 0 if low is None else reader.gop_at(low)
    totals = Totals(header, model.spec, until=high)
    yield Started(
        "decode",
        reader.frames if low is None and high is None else None,
        *header.coded_size,
        float(header.frame_rate) if header.frame_rate else None,
        header.model,
        header.block_frames,
        header.gop_blocks,
        header.max_tokens * header.geometry.tiles,
        header.target,
        header.threshold,
        header.search,
    )
    for finding in reader.findings:
        yield Warned(finding.text)
    partial = bool(reader.findings)
    unheard = None  # the GOP in which the range ended: its sound lies behind it
    with closing(decode_blocks(reader, model, first_gop, audio, jobs)) as items:
        for item in items:
            if isinstance(item, Warned):
                partial = True
                yield item
            elif isinstance(item, DecodedBlock):
                if high is not None and item.pts[0] >= high:
                    unheard = item.gop
                    break
                shown = [i for i, pts in enumerate(item.pts) if _inside(pts, low, high)]
                for i in shown:
                    if sink is not None:
                        sink.write(item.pts[i], item.frames[i])
                if shown:
                    event = _event(item, totals, len(shown))
                    totals.add(event)
                    totals.add_pts(np.array([item.pts[i] for i in shown]))
                    yield event
            elif sink is not None:
                _sound(sink, reader, item, low, high)
    if unheard is not None and high is not None and sink is not None and audio:
        # One GOP further than the range goes: some containers interleave a second track late.
        for group in reader.items(unheard, video=False, end=reader.gop_at(high - 1) + 2):
            if isinstance(group, tuple):
                _sound(sink, reader, group, low, high)
    if not totals.frames and not reader.index:
        raise DamagedFile(f"{reader.name}: holds no frame that is whole; there is nothing to show")
    if not totals.frames:
        raise UsageError(f"{reader.name}: no frame in this range; the file lasts {_duration(reader):.2f} s")
    yield totals.finished(None, reader.store.size, time.monotonic() - clock, partial)


def for_file(
    options: SinkOptions, reader: Reader, start: float | None = None, duration: float | None = None
) -> SinkOptions:
    """Options for a sink that shows this file, or a range of it: with the end of its last frame, if the file
    says it, and from time 0 on if frames before the first one are left out, here or when it was encoded. Raises
    UnsupportedFile for pictures that no memory here can hold, before an encoder is opened for them."""
    header = reader.header
    check_size(header, reader.name)
    end = header.end_pts
    if end is not None and reader.index and not reader.findings:
        _, high = _range(reader, start, duration)
        end = end if high is None else min(end, high)
        if (end - reader.index[-1].first_pts) * header.time_base > MOST_LAST_S:
            end = None
    else:
        end = None
    rebase = options.rebase or bool(start) or header.is_part
    return replace(options, rebase=rebase, end_pts=options.end_pts if end is None else end)


def decode_range(
    reader: Reader, model: TokenModel, start: float | None = None, duration: float | None = None
) -> Generator[tuple[int, npt.NDArray[np.uint8]], None, None]:
    """PTS and picture, uint8 (height, width, 3), of every frame of a range. Arguments and errors as for
    `decode`."""
    low, high = _range(reader, start, duration)
    first_gop = 0 if low is None else reader.gop_at(low)
    with closing(decode_blocks(reader, model, first_gop, audio=False)) as items:
        for item in items:
            if isinstance(item, DecodedBlock):
                if high is not None and item.pts[0] >= high:
                    return
                for pts, rgb in zip(item.pts, item.frames, strict=True):
                    if _inside(pts, low, high):
                        yield pts, rgb.copy()  # of its own: not a view that keeps all of the padded block


def _event(block: DecodedBlock, totals: Totals, frames: int) -> BlockDone:
    record, picture = block.record, totals.picture
    most = totals.spec.max_tokens(record.frames, *picture.tile) * picture.tiles
    counts = tuple(tile.count for tile in record.tiles)
    return BlockDone(
        block.index, block.gop, block.first_frame, frames, counts, (), record.mse, record.met, record.count, most, 0
    )


def _sound(sink: Shows, reader: Reader, packets: tuple[AudioPacket, ...], low: int | None, high: int | None) -> None:
    """Packets that start within the range."""
    base = reader.header.time_base
    for packet in packets:
        at = packet.pts * reader.header.audio[packet.stream].time_base
        if (low is None or at >= low * base) and (high is None or at < high * base):
            sink.write_audio(packet)


def _inside(pts: int, low: int | None, high: int | None) -> bool:
    return (low is None or pts >= low) and (high is None or pts < high)


def _range(reader: Reader, start: float | None, duration: float | None) -> tuple[int | None, int | None]:
    """PTS from (included) and to (not included); None for open ends."""
    for name, value in (("start", start), ("duration", duration)):
        if value is not None and not 0 <= value < float("inf"):
            raise UsageError(f"--{name} {value:g}: must be 0 seconds or more")
    if not reader.index:
        return None, None
    origin, base = reader.index[0].first_pts, reader.header.time_base
    # Rounded to the nearest tick: 0.04 s is the second frame of 25 a second, whatever its binary digits say.
    low = origin + round((start or 0.0) / base)
    high = None if duration is None else low + round(duration / base)
    return (low if start else None), high


def _blocks_before(reader: Reader, first_gop: int) -> int:
    # Full GOPs, but for the last of a file: no need to read them.
    size = reader.header.block_frames
    return sum(-(-entry.frames // size) for entry in reader.index[:first_gop])


def _duration(reader: Reader) -> float:
    if not reader.index:
        return 0.0
    last = reader.gop(len(reader.index) - 1).pts
    end = reader.header.video_end(int(last[-1]), int(last[-1] - last[-2]) if len(last) > 1 else 0)
    return reader.header.seconds(end - reader.index[0].first_pts)
