"""What a file says of its times: how long it is, how fast its frames follow, where the last one ends.

Most inputs end where their frame rate says, so that nothing of it has to be kept; variable rates do not.
"""

from __future__ import annotations

import os
from fractions import Fraction
from typing import cast

import av
import av.container
import av.error

from ..units import last_frame_ticks
from .demux import opened

_TRUST_DURATION = ("mov", "matroska")  # others guess it from the end of the file
_KNOWS_END = ("mov", "gif", "apng")
_NO_TIMESTAMPS = 0x80  # FFmpeg's AVFMT_NOTIMESTAMPS
_MAX_RATE = 240  # frames a second; more is a time base that was taken for a frame rate
_MAX_PACKETS = 400  # looked at where the frame rate has to be measured

_USUAL_RATES = tuple(
    Fraction(*r) for r in ((24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (50, 1), (60000, 1001), (60, 1))
)


def duration_s(container: av.container.InputContainer, stream: av.VideoStream) -> Fraction | None:
    """How long the video lasts, None if nothing says it."""
    if stream.duration is not None and stream.duration > 0:
        return Fraction(stream.duration) * cast(Fraction, stream.time_base)
    if not container.duration:
        return None
    start = container.start_time or 0
    late = _counts_from_zero(container) and 0 < start < container.duration
    return Fraction(container.duration - (start if late else 0), 1_000_000)


def whole_s(container: av.container.InputContainer) -> Fraction | None:
    """How long the file says it is, where that can be trusted."""
    if not container.format.name.startswith(_TRUST_DURATION) or not container.duration:
        return None
    start = 0 if _counts_from_zero(container) else container.start_time or 0
    return Fraction(container.duration + start, 1_000_000)


def _counts_from_zero(container: av.container.InputContainer) -> bool:
    """Whether the container's duration counts from time zero, not from the first frame.

    FFmpeg writes Matroska in this way, mkvmerge does not. An end that is too early shortens the last frame; one that is
    too late looks like a file that was cut off.
    """
    return container.format.name.startswith("matroska")


def end_pts(container: av.container.InputContainer, stream: av.VideoStream, path: str) -> int | None:
    """Where the last frame ends, by formats that note the length of each, or of a video without sound."""
    entries = stream.index_entries
    if len(entries) and entries[-1].pos + entries[-1].size > os.path.getsize(path):
        return None  # cut off: it ends wherever it can be read no further
    if container.format.name.startswith(_KNOWS_END) and stream.duration:
        return (stream.start_time or 0) + stream.duration
    whole = whole_s(container)
    if whole is None or container.streams.audio or container.streams.subtitles:
        return None
    return round(whole / cast(Fraction, stream.time_base))


def frame_count(stream: av.VideoStream, duration: Fraction | None, rate: Fraction | None) -> int | None:
    """How many frames there are, or an estimate."""
    if stream.frames > 0:
        return stream.frames
    return max(1, round(duration * rate)) if duration and rate else None


def has_no_times(container: av.container.InputContainer) -> bool:
    """Whether the format has no times at all: raw streams, and pictures behind one another."""
    return bool(container.format.flags & _NO_TIMESTAMPS) or container.format.name.endswith("_pipe")


def frame_rate(container: av.container.InputContainer, stream: av.VideoStream, path: str) -> Fraction | None:
    """The average one, if it can be one; otherwise the middle distance of the first few hundred frames.

    In streams without times it is what the coded video itself says (FFmpeg counts 25 a second whatever that is).
    """
    if has_no_times(container):
        guessed = stream.guessed_rate
        return guessed if guessed and guessed <= _MAX_RATE else stream.average_rate
    rate = stream.average_rate
    if rate is not None and 0 < rate <= _MAX_RATE:
        return rate
    times: list[int] = []
    with opened(path, path) as again:
        try:
            for packet in again.demux(again.streams[stream.index]):
                if packet.pts is not None:
                    times.append(packet.pts)
                if len(times) >= _MAX_PACKETS:
                    break
        except av.error.FFmpegError:
            pass  # what was seen so far will do
    times.sort()
    steps = sorted(b - a for a, b in zip(times, times[1:], strict=False) if b > a)
    if not steps:
        return None
    mean = Fraction(len(steps), times[-1] - times[0]) / cast(Fraction, stream.time_base)
    measured = mean.limit_denominator(1001) or None  # none where a damaged time makes it less than one in 1,000 s
    if steps[-1] > 2 * steps[0] + 1:  # uneven: the average, whatever it is
        return measured
    return next((usual for usual in _USUAL_RATES if abs(usual / mean - 1) < Fraction(1, 200)), measured)


def ends_as_usual(
    container: av.container.InputContainer, index: int, end: int, rate: Fraction | None, base: Fraction
) -> bool:
    """Whether stream `index` ends where `last_frame_ticks` would have it end, to a tick. Nothing is decoded.

    container: open; it is read from its last key frame on, or from its start if it cannot seek.
    """
    times = _last_times(container, index, end)
    if not times:
        return False
    step = times[-1] - times[-2] if len(times) > 1 else None
    # A tick: lengths are rounded, and in another time base.
    return abs(times[-1] + last_frame_ticks(step, rate, base) - end) <= 1


def _last_times(container: av.container.InputContainer, index: int, end: int) -> list[int]:
    """PTS in order, the last two at least if there are so many."""
    stream = container.streams[index]
    for target in (end, stream.start_time or 0):
        times = set()
        try:
            container.seek(target, stream=stream)
        except av.error.FFmpegError:
            continue
        try:
            for packet in container.demux(stream):
                if packet.pts is not None and packet.size:
                    times.add(packet.pts)
        except av.error.FFmpegError:
            return []
        if len(times) > 1:
            break
    return sorted(times)
