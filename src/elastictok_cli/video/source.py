"""A video or picture as a stream of RGB frames with their times, whatever it was before.

    with open_source("in.mp4", size="fit256") as source:
        for frame in source.frames():  # uint8 (height, width, 3), one at a time
            ...

Frames and audio packets come from passes of their own over the file, so that they may run in two threads and
neither waits for the other. Nothing is kept but the frame at hand.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import av
import av.container
import av.error
import numpy as np

from ..errors import InputError, UsageError
from ..types import AudioPacket, AudioTrack
from . import geometry, stills
from .audio import copy_packets
from .colour import ToRgb
from .deinterlace import Deinterlacer
from .geometry import Pixels
from .notes import reading_notes
from .probe import Probed, opened, probe

PathLike = str | os.PathLike[str]

_SOUND_AHEAD_S = 3
_SHORT_S = 1.0  # less than this may be missing at the end of a file that says how long it is


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source before it is read.

    name: without its folder. bytes: its size. width, height: of the frames that `Source.frames` gives.
    source_width, source_height: as stored in the input. rotation: degrees clockwise that a player turns the
    picture by (0, 90, 180, 270); frames are given as stored. sar: sample aspect ratio of the frames given.
    frame_rate: average, None if unknown. frames_estimate, duration_s: of the part that will be read, None if
    unknown. end_pts: where the last frame ends, None if the input does not say. ends_as_usual: that is where the
    frame rate and the frame before would have it end. is_part: frames before the first one given were left out.
    colour: primaries, transfer, matrix, range (FFmpeg's numbers), the last two as they were taken. notes: each
    automatic decision in one sentence.
    """

    name: str
    bytes: int
    width: int
    height: int
    source_width: int
    source_height: int
    rotation: int
    sar: Fraction
    frame_rate: Fraction | None
    time_base: Fraction
    frames_estimate: int | None
    duration_s: float | None
    end_pts: int | None
    ends_as_usual: bool
    is_part: bool
    colour: tuple[int, int, int, int]
    is_still: bool
    audio: tuple[AudioTrack, ...]
    notes: tuple[str, ...]

    @property
    def coded_size(self) -> tuple[int, int]:
        """(width, height) of the frames given."""
        return self.width, self.height

    @property
    def languages(self) -> tuple[str, ...]:
        """Of the audio tracks, see `AudioTrack`."""
        return tuple(track.language for track in self.audio)

    @property
    def source_size(self) -> tuple[int, int]:
        """(width, height) as stored in the input."""
        return self.source_width, self.source_height

    @property
    def display_size(self) -> tuple[int, int]:
        """(width, height) of a frame on the screen: pixels made square, and turned."""
        return geometry.shown_size(self.coded_size, self.sar, self.rotation)


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame. pts: in the source's time base, growing. rgb: uint8 (height, width, 3)."""

    pts: int
    rgb: Pixels


class Source:
    """An open source; made by `open_source`. A context manager, or `close` it.

    notes: those of `info`, and more as frames are read. truncated: a part of the input could not be read.
    """

    def __init__(
        self, probed: Probed, size: str, start: float | None, duration: float | None, spooled: str | None
    ) -> None:
        self._probed, self._spooled = probed, spooled
        base = probed.time_base
        self._ranged = start is not None or duration is not None
        self._low = probed.origin + round(start / base) if start else None
        first = probed.origin if self._low is None else self._low
        self._high = None if duration is None else first + round(duration / base)
        self.truncated = False
        self.info = self._describe(size, start, duration)
        self.notes: list[str] = list(self.info.notes)

    def _describe(self, size: str, start: float | None, duration: float | None) -> SourceInfo:
        it = self._probed
        stored = (it.width, it.height)
        sar = it.sar
        if it.orientation >= 5:
            stored, sar = (it.height, it.width), 1 / sar
        coded = geometry.coded_size(size, *stored)
        left = it.duration_s
        if left is not None and self._ranged:
            left = max(0.0, left - (start or 0.0))
            left = left if duration is None else min(left, duration)
        frames = it.frames
        if frames is not None and left is not None and it.duration_s:
            frames = math.ceil(frames * left / it.duration_s)
        return SourceInfo(
            name=it.name,
            bytes=it.size,
            width=coded[0],
            height=coded[1],
            source_width=stored[0],
            source_height=stored[1],
            rotation=it.rotation,
            sar=geometry.scaled_sar(sar, stored, coded),
            frame_rate=it.frame_rate,
            time_base=it.time_base,
            frames_estimate=frames,
            duration_s=left,
            end_pts=it.end if self._high is None or it.end is None else min(it.end, self._high),
            ends_as_usual=it.ends_as_usual,
            is_part=bool(start),
            colour=it.colour,
            is_still=it.is_still,
            audio=tuple(it.audio.values()),
            notes=tuple(reading_notes(it, size, stored, coded)),
        )

    def frames(self) -> Iterator[Frame]:
        """All frames of the range, in order of time; from the start at each call. Close it to stop early.

        Raises UsageError if the range holds none, InputError if there are none at all.
        """
        seen = given = False
        for frame in self._timed(self._low):
            seen = True
            if self._high is not None and frame.pts >= self._high:
                break
            if self._low is None or frame.pts >= self._low:
                given = True
                yield frame
        if given:
            return
        if seen and self._ranged:
            length = f"; it lasts {self._probed.duration_s:.2f} s" if self._probed.duration_s else ""
            raise UsageError(f"{self.info.name}: no frame between --start and the end of --duration{length}")
        raise InputError(f"{self.info.name}: no frame in it can be decoded")

    def pictures(self) -> Iterator[av.VideoFrame]:
        """The frames of a video's range as they were decoded (and made whole), before any scaling or conversion: for
        who codes them otherwise. Their number and order are those of `frames`, unless times had to be made up."""
        for frame in self._decoded(self._low):
            pts = frame.pts if frame.pts is not None else frame.dts
            if pts is not None and self._low is not None and pts < self._low:
                continue
            if pts is not None and self._high is not None and pts >= self._high:
                return
            yield frame

    def _timed(self, low: int | None) -> Iterator[Frame]:
        """Frames with PTS that grow, from `low` or a little before it."""
        it = self._probed
        turned = it.orientation >= 5
        width, height = (self.info.height, self.info.width) if turned else self.info.coded_size
        to_rgb = ToRgb(width, height, it.colour)
        step = self._step()
        last: int | None = None
        for frame in self._decoded(low):
            pts = frame.pts if frame.pts is not None else frame.dts
            if pts is None:
                pts = 0 if last is None else last + step
            if last is not None and pts <= last:
                self._note("some frames had the time of the frame before or an earlier one; they come one tick later")
                pts = last + 1
            last = pts
            if low is not None and pts < low:
                yield Frame(pts, _NOTHING)  # it only says that the range begins later; no need to convert it
                continue
            if (frame.width, frame.height) != (it.width, it.height):
                self._note(
                    f"the picture changes its size to {frame.width}x{frame.height}; "
                    f"all frames are coded at {self.info.width}x{self.info.height}"
                )
            rgb = to_rgb(frame)
            if to_rgb.blended:
                self._note("transparent pixels are laid on white")
            yield Frame(pts, rgb if it.orientation == 1 else stills.upright(rgb, it.orientation))
            if it.is_still:
                return

    def _step(self) -> int:
        """Ticks from frame to frame."""
        it = self._probed
        return max(1, round(1 / (it.frame_rate * it.time_base))) if it.frame_rate else 1

    def _decoded(self, low: int | None) -> Iterator[av.VideoFrame]:
        """Decoded frames, whole ones; after a seek to just before `low` if that works."""
        it = self._probed
        if low is not None and low > it.origin:
            with opened(it.path, it.name) as container:
                stream = _video(container, it.index)
                if _seek(container, stream, low):
                    frames = self._decode(container, stream)
                    first = next(frames, None)
                    if first is not None and first.pts is not None and first.pts <= low:
                        yield first
                        yield from frames
                        return
            # The seek went too far, as it may in formats without an index: from the start then.
        with opened(it.path, it.name) as container:
            yield from self._decode(container, _video(container, it.index))

    def _decode(self, container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = min(4, os.cpu_count() or 1)
        filter_: Deinterlacer | None = None
        lag, last = self._probed.dts_lag, None
        bad = damaged = 0
        end = Fraction(0)
        try:
            for packet in self._packets(container):
                if packet.pts is not None:
                    end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
                if packet.stream.index != stream.index:  # not stream_index: PyAV leaves it 0 in those that flush
                    continue
                try:
                    frames = packet.decode()
                except av.error.EOFError:
                    continue
                except av.error.FFmpegError:
                    bad += 1
                    continue
                for frame in frames:
                    if lag is not None:
                        # The last ones come out behind all packets, so they have no DTS.
                        last = frame.dts - lag if frame.dts is not None else (last or 0) + self._step()
                        frame.pts = last
                    damaged += frame.is_corrupt and self._holds(frame.pts)
                    if filter_ is None and frame.interlaced_frame:
                        self._note("interlaced frames are made whole (deinterlaced), one for each")
                        filter_ = Deinterlacer(stream)
                    if filter_ is None:
                        yield frame
                    else:
                        yield from filter_(frame)
            if filter_ is not None:
                yield from filter_(None)
        finally:  # also where a range ends before the file does
            if bad:
                noun = "packet" if bad == 1 else "packets"
                self._cut(f"{bad} damaged {noun} of the video could not be decoded; the rest is coded")
            if damaged:
                what = "1 frame is damaged; it is" if damaged == 1 else f"{damaged} frames are damaged; they are"
                self._cut(f"{what} coded as the decoder mended what it could")
        whole = self._probed.whole_s
        if whole is not None and self._high is None and whole - end > max(Fraction(_SHORT_S), whole / 50):
            self._cut(f"the input is cut off: {float(end):.1f} s of {float(whole):.1f} s are there, and are coded")

    def _packets(self, container: av.container.InputContainer) -> Iterator[av.Packet[Any]]:
        """Of all streams, as far as the input can be read."""
        try:
            yield from container.demux()
        except av.error.FFmpegError as error:
            self._cut(
                f"the input cannot be read to its end ({(error.strerror or 'unreadable').lower()}); "
                "what comes before is coded"
            )

    def _holds(self, pts: int | None) -> bool:
        """Whether a frame of this time is in the range."""
        return pts is None or ((self._low is None or pts >= self._low) and (self._high is None or pts < self._high))

    def audio_packets(self) -> Iterator[AudioPacket]:
        """The copied packets of the range, in file order; `AudioPacket.stream` counts in `info.audio`."""
        it = self._probed
        if not it.audio:
            return
        tracks = {index: number for number, index in enumerate(it.audio)}
        low = None if self._low is None else self._low * it.time_base
        high = None if self._high is None else self._high * it.time_base
        with opened(it.path, it.name) as container:
            # Sound lies in the file before the frames of its time, or behind them, by a second or so.
            early = it.origin if self._low is None else self._low - round(_SOUND_AHEAD_S / it.time_base)
            if early > it.origin:
                _seek(container, _video(container, it.index), early)
            try:
                yield from copy_packets(container.demux(), tracks, it.audio_ends, low, high)
            except av.error.FFmpegError:
                return  # the pass over the frames says so

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def _cut(self, text: str) -> None:
        self.truncated = True
        self._note(text)

    def close(self) -> None:
        """Forget the input; a spooled one is deleted."""
        if self._spooled is not None:
            Path(self._spooled).unlink(missing_ok=True)
            self._spooled = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_source(
    source: PathLike | BinaryIO,
    size: str = "fit256",
    start: float | None = None,
    duration: float | None = None,
) -> Source:
    """Open a video or picture: a path, "-" for standard input, or a binary file.

    size: "fit256", "source", "N" (shorter side) or "WxH". start, duration: seconds from the first frame on.
    What is no path is copied to a temporary file first: frames, sound and the frame rate are read in separate
    passes. Raises InputError if there is no video or picture in it, UsageError for a size or range that
    cannot be meant.
    """
    for name, value in (("start", start), ("duration", duration)):
        if value is not None and not 0 <= value < math.inf:
            raise UsageError(f"--{name} {value:g}: must be 0 seconds or more")
    spooled: str | None = None
    if isinstance(source, (str, os.PathLike)) and os.fspath(source) != "-":
        path, name = os.fspath(source), Path(source).name
    else:
        file = sys.stdin.buffer if isinstance(source, (str, os.PathLike)) else source
        name = "standard input" if file is sys.stdin.buffer else Path(str(getattr(file, "name", "input"))).name
        path = spooled = _spool(file)
    try:
        return Source(probe(path, name), size, start, duration, spooled)
    except BaseException:
        if spooled is not None:
            Path(spooled).unlink(missing_ok=True)
        raise


def _spool(file: BinaryIO) -> str:
    with tempfile.NamedTemporaryFile(prefix="elastictok-", suffix=".in", delete=False) as spool:
        try:
            shutil.copyfileobj(file, spool, 1 << 20)
        except BaseException:
            os.unlink(spool.name)
            raise
        return spool.name


def _video(container: av.container.InputContainer, index: int) -> av.VideoStream:
    stream = container.streams[index]
    assert isinstance(stream, av.VideoStream)
    return stream


def _seek(container: av.container.InputContainer, stream: av.VideoStream, pts: int) -> bool:
    try:
        container.seek(pts, stream=stream)
    except av.error.FFmpegError:
        return False
    return True


_NOTHING = np.zeros((0, 0, 3), np.uint8)
