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
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import av
import av.error
import numpy as np

from ..errors import InputError, UsageError
from ..types import AudioPacket, PathLike
from . import geometry
from .audio import copy_packets
from .clock import continuous
from .convert import Converter
from .decode import Range, VideoPass
from .demux import seek, video_stream
from .info import Frame, SourceInfo
from .notes import Notes, reading_notes
from .probe import Probed, probe

_SOUND_AHEAD_S = 3
_MAX_SIDE = 65_535  # an .etok keeps sizes in 16 bits


class Source:
    """An open source; made by `open_source`. A context manager, or `close` it.

    notes: those of `info`, and more as frames are read. truncated: a part of the input could not be read.
    """

    def __init__(
        self, probed: Probed, size: str, start: float | None, duration: float | None, spooled: str | None
    ) -> None:
        self._probed, self._spooled = probed, spooled
        base = probed.time_base
        self._has_range = start is not None or duration is not None
        low = probed.origin + round(start / base) if start else None
        first = probed.origin if low is None else low
        # At least a tick: in time-lapse video that can be a second.
        self._range = Range(low, None if duration is None else first + max(round(duration / base), duration > 0))
        self.info = self._describe(size, start, duration)
        self._notes = Notes(self.info.notes)

    @property
    def notes(self) -> list[str]:
        """One sentence each, growing."""
        return self._notes.texts

    @property
    def truncated(self) -> bool:
        """Whether a part of the input could not be read."""
        return self._notes.damaged

    def _describe(self, size: str, start: float | None, duration: float | None) -> SourceInfo:
        it = self._probed
        stored = (it.width, it.height)
        sar = it.sar
        if it.orientation >= 5:
            stored, sar = (it.height, it.width), 1 / sar
        coded = geometry.coded_size(size, *stored)
        if max(coded) > _MAX_SIDE:
            raise UsageError(
                f"{it.name}: {coded[0]}x{coded[1]}: a side of more than {_MAX_SIDE:,} pixels cannot be coded; "
                "`size` fit256 or `size` N makes it smaller"
            )
        left = it.duration_s
        if left is not None and self._has_range:
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
            end_pts=it.end if self._range.high is None or it.end is None else min(it.end, self._range.high),
            ends_as_usual=it.ends_as_usual,
            is_part=bool(start),
            colour=it.colour,
            is_still=it.is_still,
            pixel_format=it.pixel_format,
            audio=tuple(it.audio.values()),
            notes=tuple(reading_notes(it, size, stored, coded)),
        )

    def frames(self) -> Iterator[Frame]:
        """All frames of the range, in order of time; from the start at each call. Close it to stop early.

        Raises UsageError if the range holds none, InputError if there are none at all.
        """
        seen = given = False
        for frame in self._timed():
            seen = True
            if self._range.holds(frame.pts):
                given = True
                yield frame
            elif self._range.high is not None and frame.pts >= self._range.high:
                break
        if given:
            return
        if seen and self._has_range:
            length = f"; it lasts {self._probed.duration_s:.2f} s" if self._probed.duration_s else ""
            raise UsageError(f"{self.info.name}: no frame between `start` and the end of `duration`{length}")
        raise InputError(f"{self.info.name}: no frame in it can be decoded")

    def pictures(self) -> Iterator[av.VideoFrame]:
        """The frames of the range as FFmpeg decoded them, before scaling and conversion: for measuring other codecs.

        Their number and order are those of `frames`, unless times had to be made up.
        """
        for frame in VideoPass(self._probed, self._range, self._notes).frames():
            pts = frame.pts if frame.pts is not None else frame.dts
            if self._range.holds(pts):
                yield frame
            elif pts is not None and self._range.high is not None and pts >= self._range.high:
                return

    def _timed(self) -> Iterator[Frame]:
        """Frames with PTS that grow, from the start of the range or a little before it."""
        it = self._probed
        convert = Converter(it, self.info.coded_size, self._notes)
        last: int | None = None
        for frame in VideoPass(it, self._range, self._notes).frames():
            pts = frame.pts if frame.pts is not None else frame.dts
            if pts is None:
                pts = 0 if last is None else last + it.frame_ticks
            if last is not None and pts <= last:
                self._notes.add(
                    "some frames had the time of the frame before or an earlier one; they come one tick later"
                )
                pts = last + 1
            last = pts
            if self._range.low is not None and pts < self._range.low:
                yield Frame(pts, _NOTHING)  # it only says that the range begins later; no need to convert it
                continue
            yield Frame(pts, convert(frame))
            if it.is_still:
                return

    def audio_packets(self) -> Iterator[AudioPacket]:
        """The copied packets of the range, in file order; `AudioPacket.stream` counts in `info.audio`."""
        it = self._probed
        if not it.audio:
            return
        tracks = {index: number for number, index in enumerate(it.audio)}
        first, last = self._range.low, self._range.high
        low = None if first is None else first * it.time_base
        high = None if last is None else last * it.time_base
        with it.open() as container:
            # Sound lies in the file before the frames of its time, or behind them, by a second or so.
            early = it.origin if first is None else first - round(_SOUND_AHEAD_S / it.time_base)
            if early > it.origin and not it.restarts:
                seek(container, video_stream(container, it.index), early)
            try:
                yield from copy_packets(continuous(container.demux()), tracks, it.audio_ends, low, high)
            except (av.error.FFmpegError, OSError):
                return  # the pass over the frames says so

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
    size: str = "source",
    start: float | None = None,
    duration: float | None = None,
) -> Source:
    """Open a video or picture: a path, "-" for standard input, or a binary file.

    size: "source", "fitN" (shorter side at most N), "N" (shorter side) or "WxH". start, duration: seconds from the
    first frame on.
    What is no path is copied to a temporary file first: frames, sound and the frame rate are read in separate
    passes. Raises InputError if there is no video or picture in it, UsageError for a size or range that
    cannot be meant.
    """
    for name, value in (("start", start), ("duration", duration)):
        if value is not None and not 0 <= value < math.inf:
            raise UsageError(f"--{name} {value:g}: must be 0 seconds or more")
    path, name, is_copy = _on_disk(source)
    try:
        return Source(probe(path, name), size, start, duration, path if is_copy else None)
    except BaseException:
        if is_copy:
            Path(path).unlink(missing_ok=True)
        raise


def _on_disk(source: PathLike | BinaryIO) -> tuple[str, str, bool]:
    """(path, name for messages, whether it is a copy): pipes and open files are copied, since they are read twice."""
    if isinstance(source, (str, os.PathLike)) and os.fspath(source) != "-":
        path, name = os.fspath(source), Path(source).name
        if os.path.isfile(path) or os.path.isdir(path) or not os.path.exists(path):
            return path, name, False
        with open(path, "rb") as pipe:
            return _spool(pipe), name, True
    file = sys.stdin.buffer if isinstance(source, (str, os.PathLike)) else source
    name = "standard input" if file is sys.stdin.buffer else Path(str(getattr(file, "name", "input"))).name
    return _spool(file), name, True


def _spool(file: BinaryIO) -> str:
    with tempfile.NamedTemporaryFile(prefix="elastictok-", suffix=".in", delete=False) as spool:
        try:
            shutil.copyfileobj(file, spool, 1 << 20)
        except BaseException:
            os.unlink(spool.name)
            raise
        return spool.name


_NOTHING = np.zeros((0, 0, 3), np.uint8)
