"""Tracks of sound in an output: packets copied where the container holds their codec, otherwise coded anew as AAC
(Opus in WebM, which holds no other)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Literal, Protocol, cast

import av
import av.container
import av.error
import numpy as np

from ..types import AudioPacket, AudioTrack
from .audio import add_track, out_packet

AudioMode = Literal["auto", "copy", "none"]

_SUFFIXES = {"mp4": ".mp4", "mov": ".mov", "matroska": ".mkv", "webm": ".webm"}
_HINTS = ("matroska", "mov")  # the order in which other containers are named
_AAC_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000)
_LAYOUTS = ("mono", "stereo", "3.0", "4.0", "5.0", "5.1", "7.1")
_JITTER_S = Fraction(1, 20)  # times closer than this to the end of the packet before are that end


class OutTrack(Protocol):
    """One track of an output."""

    stream: av.AudioStream

    def packets(self, packet: AudioPacket, shift_s: Fraction) -> Iterator[av.Packet[Any]]:
        """What to mux for a packet of the source. shift_s: taken off its times."""

    def rest(self) -> Iterator[av.Packet[Any]]:
        """What to mux at the end."""


class CopiedTrack:
    """Packets as they are."""

    def __init__(self, stream: av.AudioStream, track: AudioTrack) -> None:
        self.stream, self._base = stream, track.time_base
        self._last_dts: int | None = None

    def packets(self, packet: AudioPacket, shift_s: Fraction) -> Iterator[av.Packet[Any]]:
        copied = out_packet(packet, self.stream, self._base, round(shift_s / self._base), self._last_dts)
        self._last_dts = copied.dts
        yield copied

    def rest(self) -> Iterator[av.Packet[Any]]:
        yield from ()


class CodedTrack:
    """Packets decoded and coded anew; gaps between them become silence, so that sound stays in step."""

    def __init__(self, output: av.container.OutputContainer, track: AudioTrack, codec: str) -> None:
        self._base = track.time_base
        self._decoder = cast(av.AudioCodecContext, av.CodecContext.create(track.codec, "r"))
        self._decoder.sample_rate, self._decoder.layout = track.sample_rate, track.layout
        self._decoder.extradata = track.extradata or None
        layout = track.layout if track.layout in _LAYOUTS else "stereo" if track.channels > 1 else "mono"
        rate = track.sample_rate if track.sample_rate in _AAC_RATES and codec == "aac" else 48000
        encoder = "libopus" if codec == "opus" else codec
        self.stream = cast(av.AudioStream, output.add_stream(encoder, rate=rate, layout=layout))
        self.stream.bit_rate = 96_000 * self.stream.codec_context.layout.nb_channels
        self._rate, self._layout = rate, layout
        self._format = self.stream.codec_context.format.name
        self._resampler = av.AudioResampler(self._format, layout, rate)
        self._next: int | None = None  # sample at which the sound so far ends

    def packets(self, packet: AudioPacket, shift_s: Fraction) -> Iterator[av.Packet[Any]]:
        data: av.Packet[Any] = av.Packet(packet.data)
        try:
            frames = self._decoder.decode(data)
        except av.error.FFmpegError:
            return  # damaged: silence, once the next packet shows how long
        at = round((packet.pts * self._base - shift_s) * self._rate)
        if self._next is None:
            self._next = at
        elif at - self._next > _JITTER_S * self._rate:
            yield from self._silence(at - self._next)
        for frame in frames:
            frame.pts = None
            for part in self._resampler.resample(frame):
                yield from self._code(part)

    def rest(self) -> Iterator[av.Packet[Any]]:
        if self._next is None:
            return
        for part in self._resampler.resample(None):
            yield from self._code(part)
        yield from self.stream.encode(None)

    def _silence(self, samples: int) -> Iterator[av.Packet[Any]]:
        sample = np.dtype({"flt": "f4", "fltp": "f4", "s16": "i2", "s16p": "i2"}[self._format])
        channels = self.stream.codec_context.layout.nb_channels
        while samples > 0:
            count = min(samples, self._rate)
            shape = (channels, count) if self._format.endswith("p") else (1, channels * count)
            frame = av.AudioFrame.from_ndarray(np.zeros(shape, sample), self._format, self._layout)
            frame.sample_rate = self._rate
            yield from self._code(frame)
            samples -= count

    def _code(self, frame: av.AudioFrame) -> Iterator[av.Packet[Any]]:
        assert self._next is not None
        frame.pts, frame.time_base = self._next, Fraction(1, self._rate)
        self._next += frame.samples
        yield from self.stream.encode(frame)


def open_track(
    output: av.container.OutputContainer, container_format: str, track: AudioTrack, mode: AudioMode
) -> tuple[OutTrack | None, str | None]:
    """(track, note): copied, coded anew, or None if it is left out; the note says which and why."""
    suffix = _SUFFIXES[container_format]
    others = [_SUFFIXES[name] for name in _HINTS if name != container_format and _plays(name, track)]
    keep = f"; {others[0]} keeps it" if others else ""
    holds = _holds(container_format, track)
    if holds and (mode == "copy" or _plays(container_format, track)):
        stream = add_track(output, track)
        if stream is not None:
            return CopiedTrack(stream, track), None
    if mode == "copy":
        return None, f"the sound ({track.codec}) cannot go into {suffix} and is left out{keep}; --audio auto codes it"
    why = "is noise to many players" if holds else "cannot be"
    codec = "opus" if container_format == "webm" else "aac"
    try:
        coded = CodedTrack(output, track, codec)
    except (av.error.FFmpegError, ValueError):
        return None, f"the sound ({track.codec}) cannot go into {suffix} and is left out{keep}"
    label = {"aac": "AAC", "opus": "Opus"}[codec]
    return coded, f"the sound ({track.codec}) {why} in {suffix}, so it is coded as {label}{keep}"


def _plays(container_format: str, track: AudioTrack) -> bool:
    """Whether common players of the last ten years play a copy. PCM in MP4 is ISO/IEC 23003-5, which few know."""
    return not (container_format == "mp4" and track.codec.startswith("pcm_")) and _holds(container_format, track)


def _holds(container_format: str, track: AudioTrack) -> bool:
    """Whether FFmpeg's muxer takes the codec; tried on a file in memory."""
    try:
        with av.open(io.BytesIO(), "w", format=container_format) as trial:
            if add_track(trial, track) is None:
                return False
            trial.start_encoding()
    except (av.error.FFmpegError, OSError, ValueError):
        return False
    return True
