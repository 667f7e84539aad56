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

from .clock import continuous
from .damage import Damage
from .demux import make_decoder, seek, video_stream
from .filters import Filters
from .integrity import matroska_is_cut
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
        if low is not None and low > it.origin and not it.restarts:
            with it.open() as container:
                if seek(container, video_stream(container, it.index), low):
                    frames = self._decode(container)
                    first = next(frames, None)
                    if first is not None and first.pts is not None and first.pts <= low:
                        yield first
                        yield from frames
                        return
            # The seek went too far, as it may in formats without an index: from the start then.
        with it.open() as container:
            yield from self._decode(container)

    def _decode(self, container: av.container.InputContainer) -> Iterator[av.VideoFrame]:
        it = self._probed
        stream = video_stream(container, it.index)
        decoder = make_decoder(stream, it.decoder)
        decoder.thread_type, decoder.thread_count = "AUTO", min(4, os.cpu_count() or 1)
        damage = Damage(container.format.name, stream.codec_context.name)
        filters, repeats = Filters(it.time_base, it.crop), Repeats()
        lag, last = it.dts_lag, None
        end = Fraction(0)
        streams = len(container.streams)
        try:
            for packet in self._packets(container):
                damage.look(packet)
                if packet.pts is not None:
                    end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
                if packet.stream.index != stream.index:  # not stream_index: PyAV leaves it 0 in those that flush
                    if packet.stream.index >= streams and packet.stream.type == "video":
                        self._notes.damage("another video stream begins on the way; it is left out")
                    continue
                if repeats.takes(packet, lag):
                    continue
                try:
                    frames = decoder.decode(packet)
                except av.error.EOFError:
                    continue
                except av.error.FFmpegError:
                    damage.packets += 1
                    continue
                for frame in frames:
                    if lag is not None:
                        # The last ones come out behind all packets, so they have no DTS.
                        last = frame.dts - lag if frame.dts is not None else (last or 0) + it.frame_ticks
                        frame.pts = last
                    damage.frames += frame.is_corrupt and self._range.holds(frame.pts)
                    yield from repeats.around(filters(frame))
            yield from repeats.around(filters(None))
            yield from repeats.rest()
        finally:  # also where a range ends before the file does
            if filters.deinterlaces:
                self._notes.add("interlaced frames are made whole (deinterlaced), one for each")
            damage.report(it.path, self._notes)
        if self._range.high is None:
            self._look_for_a_cut(container, end)

    def _look_for_a_cut(self, container: av.container.InputContainer, end: Fraction) -> None:
        """Note if there is less in the file than it says. end: of what was read, in seconds."""
        whole = self._probed.whole_s
        if whole is not None and whole - end > max(Fraction(_MAX_MISSING_S), whole / 50):
            self._notes.damage(
                f"the input is cut off: {float(end):.1f} s of {float(whole):.1f} s are there, and are coded"
            )
        elif container.format.name.startswith("matroska") and matroska_is_cut(self._probed.path):
            self._notes.damage(f"the input is cut off; its first {float(end):.1f} s are coded")

    def _packets(self, container: av.container.InputContainer) -> Iterator[av.Packet[Any]]:
        """Of all streams, as far as the input can be read."""
        try:
            yield from continuous(container.demux())
        except (av.error.FFmpegError, OSError) as error:
            self._notes.damage(
                f"the input cannot be read to its end ({(error.strerror or 'unreadable').lower()}); "
                "what comes before is coded"
            )


class Repeats:
    """Empty packets: the frame before them is shown again, as Theora and AVI say where nothing has changed."""

    def __init__(self) -> None:
        self._times: list[int] = []
        self._shown: av.VideoFrame | None = None

    def takes(self, packet: av.Packet[Any], lag: int | None) -> bool:
        """Whether it is an empty packet; a decoder would take it for the end of the stream. lag: see `Probed`."""
        at = packet.pts if lag is None and packet.pts is not None else packet.dts
        if packet.size or at is None:
            return False
        self._times.append(at - (lag or 0))
        return True

    def around(self, frames: Iterator[av.VideoFrame]) -> Iterator[av.VideoFrame]:
        """The frames, and before each the repeats of the one before it."""
        for frame in frames:
            if self._times and frame.pts is not None:
                yield from self._until(frame.pts)
            self._shown = frame
            yield frame

    def rest(self) -> Iterator[av.VideoFrame]:
        """The repeats of the last frame."""
        yield from self._until(None)

    def _until(self, pts: int | None) -> Iterator[av.VideoFrame]:
        while self._times and (pts is None or self._times[0] < pts):
            at = self._times.pop(0)
            if self._shown is not None and (self._shown.pts is None or at > self._shown.pts):
                self._shown.pts = at
                yield self._shown
