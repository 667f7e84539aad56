"""One pass over a video: packets to whole frames, as far as the input can be read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import av.container
import av.error

from .deinterlace import Deinterlacer
from .demux import opened, seek, video_stream
from .notes import Notes
from .probe import Probed

_MAX_MISSING_S = 1.0  # at the end of a file that says how long it is


@dataclass(frozen=True)
class Range:
    """Times from `low` on and before `high`, in ticks; None for no limit."""

    low: int | None = None
    high: int | None = None

    def holds(self, pts: int | None) -> bool:
        """Whether a frame of this time is in the range; one without a time is."""
        return pts is None or ((self.low is None or pts >= self.low) and (self.high is None or pts < self.high))


class VideoPass:
    """Decoded frames in order of time. notes: gets what happens on the way."""

    def __init__(self, probed: Probed, wanted: Range, notes: Notes) -> None:
        self._probed, self._range, self._notes = probed, wanted, notes

    def frames(self) -> Iterator[av.VideoFrame]:
        """From the start of the range, or a little before it, after a seek if that works."""
        it, low = self._probed, self._range.low
        if it.still is not None:
            if it.still.truncated:
                self._notes.damage("the picture is damaged or ends before it should; what is there is coded")
            yield it.still.frame
            return
        if low is not None and low > it.origin:
            with opened(it.path, it.name) as container:
                stream = video_stream(container, it.index)
                if seek(container, stream, low):
                    frames = self._decode(container, stream)
                    first = next(frames, None)
                    if first is not None and first.pts is not None and first.pts <= low:
                        yield first
                        yield from frames
                        return
            # The seek went too far, as it may in formats without an index: from the start then.
        with opened(it.path, it.name) as container:
            yield from self._decode(container, video_stream(container, it.index))

    def _decode(self, container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[av.VideoFrame]:
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = min(4, os.cpu_count() or 1)
        deinterlacer: Deinterlacer | None = None
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
                        last = frame.dts - lag if frame.dts is not None else (last or 0) + self._probed.frame_ticks
                        frame.pts = last
                    damaged += frame.is_corrupt and self._range.holds(frame.pts)
                    if deinterlacer is None and frame.interlaced_frame:
                        self._notes.add("interlaced frames are made whole (deinterlaced), one for each")
                        deinterlacer = Deinterlacer(stream)
                    if deinterlacer is None:
                        yield frame
                    else:
                        yield from deinterlacer(frame)
            if deinterlacer is not None:
                yield from deinterlacer(None)
        finally:  # also where a range ends before the file does
            self._report(bad, damaged)
        whole = self._probed.whole_s
        if whole is not None and self._range.high is None and whole - end > max(Fraction(_MAX_MISSING_S), whole / 50):
            self._notes.damage(
                f"the input is cut off: {float(end):.1f} s of {float(whole):.1f} s are there, and are coded"
            )

    def _report(self, bad: int, damaged: int) -> None:
        """bad: packets that could not be decoded. damaged: frames that the decoder repaired."""
        if bad:
            noun = "packet" if bad == 1 else "packets"
            self._notes.damage(f"{bad} damaged {noun} of the video could not be decoded; the rest is coded")
        if damaged:
            what = "1 frame is damaged; it is" if damaged == 1 else f"{damaged} frames are damaged; they are"
            self._notes.damage(f"{what} coded as the decoder mended what it could")

    def _packets(self, container: av.container.InputContainer) -> Iterator[av.Packet[Any]]:
        """Of all streams, as far as the input can be read."""
        try:
            yield from container.demux()
        except av.error.FFmpegError as error:
            self._notes.damage(
                f"the input cannot be read to its end ({(error.strerror or 'unreadable').lower()}); "
                "what comes before is coded"
            )
