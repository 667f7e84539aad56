"""Video files: frames through an encoder, sound copied; times, turning, aspect and colour tags are kept."""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any, cast

import av
import av.container
import av.error

from ..errors import OutputError, UsageError
from ..types import AudioPacket
from ..units import last_frame_ticks
from . import geometry
from .colour import FULL, RGB, Colour, FromRgb, for_output
from .geometry import Pixels
from .sink import PartFile, Shown, Sink, SinkOptions, output_size, writing
from .sound_tracks import OutTrack, open_track

_MOST_TIMESCALE = 1 << 30  # MP4 keeps it in 32 bits; one bit to spare
_QUALITIES = {"h264": 51, "hevc": 51, "av1": 63, "vp9": 63, "ffv1": 0}  # the largest crf
_ENCODERS = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1", "vp9": "libvpx-vp9", "ffv1": "ffv1"}
_IN_WEBM = ("av1", "vp9")
_SIDES = {"h264": (1, 16384), "hevc": (16, 65535), "av1": (4, 16384), "vp9": (1, 65535), "ffv1": (2, 65535)}
_UNTIMED_HEVC = 2  # frames: x265 takes the DTS of no more than these from memory that it never set
_MOST_FIRST_S = 60  # an edit list may hold back the picture so long; broadcast clocks start anywhere


class MuxedSink(Sink):
    """One video file. Each frame waits for the next one, which tells how long it lasts."""

    def __init__(self, path: Path, container_format: str, options: SinkOptions, info: Shown) -> None:
        super().__init__(path.name)
        self._format, self._options, self._info = container_format, options, info
        self._codec = self._choose_codec()
        self._check_sides()
        self._file = PartFile(path, options.overwrite)
        self._output: av.container.OutputContainer | None = None
        self._tracks: dict[int, OutTrack] = {}
        self._durations: dict[int, int] = {}  # of the frames that the encoder holds
        self._held: tuple[int, av.VideoFrame] | None = None
        self._packet: av.Packet[Any] | None = None
        self._delay = 0  # of the first packet: PTS minus DTS
        self._step = 1
        self._origin: int | None = None
        self._early: list[AudioPacket] = []  # sound before the first frame; its time decides where both begin
        try:
            with writing(self.name):
                self._open(sound=options.audio != "none")
        except BaseException:
            self.abort()
            raise

    def _choose_codec(self) -> str:
        codec, crf = self._options.codec, self._options.crf
        if codec not in _ENCODERS:
            raise UsageError(f"--codec {codec}: must be one of {', '.join(_ENCODERS)}")
        if codec != "ffv1" and not 0 <= crf <= _QUALITIES[codec]:
            raise UsageError(f"--crf {crf}: {codec} takes 0 to {_QUALITIES[codec]}")
        if codec == "ffv1" and self._format != "matroska":
            raise UsageError(f"{self.name}: FFV1 goes into .mkv only")
        if self._format == "webm" and codec not in _IN_WEBM:
            self._note(f"WebM cannot hold {codec}, so the video is AV1; .mp4 or .mkv hold it")
            return "av1"
        return codec

    def _check_sides(self) -> None:
        """Raises UsageError for a size that the codec's encoder refuses in words of its own."""
        size = output_size(self._options, self._info)
        low, high = _SIDES[self._codec]
        if min(size) < low or max(size) > high:
            width, height = size
            raise UsageError(
                f"{self.name}: {self._codec} takes sides of {low:,} to {high:,} pixels, and this is {width}x{height}; "
                "--codec vp9 takes any"
            )

    def _open(self, sound: bool) -> None:
        """Header and encoder. An encoder or format that refuses does so here, before any frame."""
        info = self._info
        self._output = output = av.open(
            str(self._file.part), "w", format=self._format, container_options=self._format_options()
        )
        self._stream = stream = self._add_video(output)
        if info.rotation:
            # counter-clockwise here
            stream.set_display_rotation(-info.rotation)
        for number, (track, spoken) in enumerate(zip(info.audio, info.languages, strict=True) if sound else ()):
            added, note = open_track(output, self._format, track, self._options.audio)
            if note is not None:
                self._note(note)
            if added is not None:
                self._tracks[number] = added
                if spoken:
                    added.stream.metadata["language"] = spoken
        try:
            output.start_encoding()
        except (av.error.FFmpegError, ValueError) as error:
            self._close_quietly()
            if not self._tracks:
                raise OutputError(f"{self.name}: {self._codec} cannot be written ({error})") from error
            self._tracks.clear()
            codecs = ", ".join(track.codec for track in info.audio)
            self._note(f"the sound ({codecs}) cannot go into {self._file.path.suffix} and is left out")
            self._open(sound=False)

    def _format_options(self) -> dict[str, str]:
        if self._format not in ("mp4", "mov"):
            # Sound that begins before zero (an encoder's priming) would move everything to make room for itself.
            return {"avoid_negative_ts": "disabled"}
        # Without these MP4 has clocks of its own, and times come back rounded.
        base = self._info.time_base
        movie = lcm(base.denominator, *(track.sample_rate for track in self._info.audio))
        return {
            "movflags": "+faststart",
            "video_track_timescale": str(base.denominator),
            "movie_timescale": str(movie if movie < _MOST_TIMESCALE else base.denominator),
        }

    def _add_video(self, output: av.container.OutputContainer) -> av.VideoStream:
        info, codec = self._info, self._codec
        (width, height), sar = self._shape()
        pixel_format = self._pixel_format(width, height)
        if codec == "ffv1":
            colour = Colour(info.colour[0], info.colour[1], RGB, FULL)
        else:
            colour = for_output(info.colour, width, height)
        self._convert = FromRgb(width, height, pixel_format, colour)
        rate = info.frame_rate or Fraction(25)
        stream = cast(av.VideoStream, output.add_stream(_ENCODERS[codec], rate=rate.limit_denominator(100_000)))
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, pixel_format
        context.time_base = stream.time_base = info.time_base
        context.sample_aspect_ratio = sar
        context.color_primaries, context.color_trc = colour.primaries, colour.transfer
        context.colorspace, context.color_range = colour.matrix, colour.range
        # PyAV's default, slices, makes x264 about 40 % less efficient at these sizes.
        context.thread_type = "FRAME"
        context.options = self._encoder_options()
        if codec == "hevc" and self._format in ("mp4", "mov"):
            context.codec_tag = "hvc1"  # the one that Apple's players take
        return stream

    def _shape(self) -> tuple[tuple[int, int], Fraction]:
        """Size and sample aspect ratio to write. PyAV cannot tell Matroska the latter; H.264 and HEVC say it too."""
        size = output_size(self._options, self._info)
        sar = geometry.scaled_sar(self._info.sar, self._info.coded_size, size)
        if sar == 1 or self._format not in ("matroska", "webm") or self._codec in ("h264", "hevc"):
            return size, sar
        suffix = self._file.path.suffix
        if self._codec == "ffv1":  # exact pixels are what it is for
            self._note(f"pixels are {sar.numerator}:{sar.denominator}, which FFV1 in {suffix} does not say to players")
            return size, sar
        width, height = geometry.shown_size(size, sar, 0)
        self._note(
            f"{self._codec} in {suffix} is written with square pixels, so {size[0]}x{size[1]} becomes "
            f"{width}x{height}; .mp4 keeps it"
        )
        return (width, height), Fraction(1)

    def _pixel_format(self, width: int, height: int) -> str:
        if self._codec == "ffv1":
            return "bgr0"
        if self._codec in ("h264", "hevc") and (width % 2 or height % 2):
            self._note(
                f"{width}x{height} is odd, so {self._codec} is written as 4:4:4, which not all players show; "
                "--codec av1 has no such limit"
            )
            return "yuv444p"
        return "yuv420p"

    def _encoder_options(self) -> dict[str, str]:
        crf = str(self._options.crf)
        match self._codec:
            case "hevc":
                return {"crf": crf, "x265-params": "log-level=none"}
            case "av1":
                # It reports on stderr, and only its environment stops it. Errors are still shown.
                os.environ.setdefault("SVT_LOG", "1")
                return {"crf": crf, "preset": "8"}
            case "vp9":
                return {"crf": crf, "b": "0", "row-mt": "1", "deadline": "good", "cpu-used": "3"}
            case "ffv1":
                return {"level": "3", "slices": "4"}
            case _:
                return {"crf": crf}

    def _write(self, pts: int, rgb: Pixels) -> None:
        if self._origin is None:
            base = self._info.time_base
            late = pts * base > _MOST_FIRST_S
            if late and not self._options.rebase:
                self._note(f"the first frame was at {float(pts * base):.1f} s; times are counted from it")
            self._origin = pts if self._options.rebase or late else min(pts, 0)  # players drop what is before zero
            early, self._early = self._early, []
            for packet in early:
                self._write_audio(packet)
        pts -= self._origin
        if self._held is not None:
            self._encode(pts - self._held[0])
        self._held = pts, self._convert(rgb)

    def _encode(self, duration: int) -> None:
        assert self._held is not None and self._output is not None
        pts, frame = self._held
        frame.pts, frame.time_base = pts, self._info.time_base
        self._durations[pts] = self._step = duration
        self._mux(self._stream.encode(frame))

    def _mux(self, packets: list[av.Packet[Any]]) -> None:
        """One packet is held back, since the last one is special (see `_finish`)."""
        assert self._output is not None
        for packet in packets:
            if self._codec == "hevc" and self.frames <= _UNTIMED_HEVC:
                packet.dts = packet.pts
            if packet.pts is not None:
                packet.duration = self._durations.pop(packet.pts, self._step)
            if self._packet is not None:
                self._output.mux(self._packet)
            elif packet.pts is not None and packet.dts is not None:
                self._delay = packet.pts - packet.dts
            self._packet = packet

    def _write_audio(self, packet: AudioPacket) -> None:
        track = self._tracks.get(packet.stream)
        if track is None:
            return
        if self._origin is None:
            self._early.append(packet)
            return
        assert self._output is not None
        for made in track.packets(packet, self._origin * self._info.time_base):
            self._output.mux(made)

    def _finish(self) -> None:
        assert self._held is not None and self._output is not None and self._origin is not None
        end = self._held[0] + (last := self._last_duration(self._held[0]))
        self._encode(last)
        self._held = None
        self._mux(self._stream.encode(None))
        if (packet := self._packet) is not None and packet.dts is not None:
            # Matroska takes durations as they are. MP4 adds up the steps between DTS, which run ahead of the PTS by
            # the encoder's delay: with uneven times the sum reaches the end only if the last packet lasts until
            # there, less that delay.
            if self._format in ("mp4", "mov"):
                packet.duration = max(packet.duration or 1, end - self._delay - packet.dts)
            self._output.mux(packet)
        for track in self._tracks.values():
            for made in track.rest():
                self._output.mux(made)
        self._output.close()
        self._output = None
        self._file.keep()

    def _last_duration(self, pts: int) -> int:
        """Until the end, if that is known; otherwise by the rate, but no longer than the frame before."""
        base, rate = self._info.time_base, self._info.frame_rate
        end = self._options.end_pts
        if end is not None and self._origin is not None and end - self._origin > pts:
            return end - self._origin - pts
        return last_frame_ticks(None if self.frames == 1 else self._step, rate, base)

    def _close_quietly(self) -> None:
        if self._output is not None:
            output, self._output = self._output, None
            with suppress(av.error.FFmpegError, OSError, ValueError):  # it is thrown away
                output.close()

    def abort(self) -> None:
        self._held = None
        self._close_quietly()
        self._file.remove()
