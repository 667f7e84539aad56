"""Other codecs on the same frames: how many bytes they need, and how far off the pixels are that come back.

Here are x264, x265 (medium), SVT-AV1 (preset 8) and MJPEG as PyAV's FFmpeg has them, at constant quality; peers.py has
those of an ffmpeg outside this package.

What is counted is the elementary stream, without a container and without x264's and x265's text about their own
version. Frame threads are used: slice threads cost bits. The video codecs get what a source decodes to, 4:2:0 as it
is stored (scaled by the same filter if it is coded smaller), since a way through RGB would cost them quality. JPEG is
given RGB, as cameras do. What comes back is turned into RGB by the very conversion that `encode` reads sources with,
and measured against the frames that `encode` gets.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np

from ..metrics import HALF_RANGE, squared_error
from .colour import FLAGS, FULL, RGB, SMPTE170M, Colour, FromRgb, ToRgb, has_alpha
from .ffmpeg import cpu_between, cpu_seconds
from .geometry import Pixels
from .source import Source, open_source

JPEG = Colour(2, 2, SMPTE170M, FULL)
THREADS = 2

Pairs = Iterable[tuple[Pixels, Pixels]]  # of each frame, uint8 RGB (height, width, 3): as decoded, and the source's
Scores = Mapping[str, float]  # measures beside the MSE, by their names


@dataclass(frozen=True)
class Codec(ABC):
    """A codec and its qualities, the best first; they span MSE 0.0005 to 0.03 on most clips.

    name: with its preset, for people. given_rgb: its 4:2:0 is made from RGB, with full levels. build: of the program
    that it is part of, where that can be another one from run to run.
    """

    name: str
    qualities: tuple[int, ...]
    build: str = field(default="", kw_only=True)
    given_rgb: bool = field(default=False, kw_only=True)

    @abstractmethod
    def encode(self, source: Source, quality: int, size: tuple[int, int]) -> tuple[list[bytes], int]:
        """(packets of the elementary stream, frames). size: (width, height), even, of what is coded."""

    @abstractmethod
    def decode(self, packets: list[bytes], size: tuple[int, int]) -> Iterator[av.VideoFrame]:
        """The frames, in order of time."""

    def uncounted_bytes(self, stream: bytes) -> int:
        """Bytes of the stream that say nothing of pictures."""
        return 0


@dataclass(frozen=True, kw_only=True)
class Point:
    """One encode.

    bytes: of the elementary stream. mse: over all frames, RGB on [-1, 1]. encode_cpu_s: with reading the source;
    decode_cpu_s: to 4:2:0. scores: of the measure that `point` was given.
    """

    quality: int
    bytes: int
    mse: float
    frames: int
    encode_cpu_s: float | None
    decode_cpu_s: float | None
    scores: Scores


def point(
    codec: Codec,
    quality: int,
    open_: Callable[[], Source],
    measure: Callable[[Pairs], Scores] | None = None,
) -> Point:
    """Encode a source, decode, and measure.

    open_: opens the source at the size it is coded at; called more than once. measure: takes all pairs of frames.
    Raises RuntimeError if frames are lost.
    """
    with open_() as source:
        size = source.info.width & ~1, source.info.height & ~1
        colour = colour_of(source, codec)
        begin = cpu_seconds()
        packets, given = codec.encode(source, quality, size)
        encoded = cpu_seconds()
    for _ in codec.decode(packets, size):
        pass  # timed alone: measuring takes longer than decoding
    decoded = cpu_seconds()
    error = frames = samples = 0

    def pairs() -> Iterator[tuple[Pixels, Pixels]]:
        nonlocal error, frames, samples
        to_rgb = ToRgb(*size, colour)
        with open_() as source, closing(source.frames()) as wanted:  # type: ignore[type-var]  # a generator
            for picture in codec.decode(packets, size):
                frame = next(wanted, None)
                if frame is None:
                    break
                pair = to_rgb(picture), np.ascontiguousarray(frame.rgb[: size[1], : size[0]])
                error += squared_error(*pair)
                frames, samples = frames + 1, samples + pair[0].size
                yield pair
            if frames != given or next(wanted, None) is not None:
                raise RuntimeError(f"{frames} frames came back of {given}")

    scores: Scores = {}
    if measure is not None:
        scores = measure(pairs())
    else:
        for _ in pairs():
            pass
    stream = b"".join(packets)
    return Point(
        quality=quality,
        bytes=len(stream) - codec.uncounted_bytes(stream),
        mse=error / (samples * HALF_RANGE**2),
        frames=frames,
        encode_cpu_s=cpu_between(begin, encoded),
        decode_cpu_s=cpu_between(encoded, decoded),
        scores=scores,
    )


def at_size(path: str, size: str, duration: float | None = None) -> Callable[[], Source]:
    """What `point` opens."""
    return lambda: open_source(path, size=size, duration=duration)


def colour_of(source: Source, codec: Codec) -> Colour:
    """How the codec's 4:2:0 is to be read: as the source's own; JPEG, and what was RGB before, as JPEG."""
    return JPEG if codec.given_rgb or source.info.colour[2] == RGB else Colour(*source.info.colour)


def pictures_420(source: Source, codec: Codec, size: tuple[int, int]) -> Iterator[av.VideoFrame]:
    """The frames as 8-bit 4:2:0 of this size, in order of time."""
    (width, height), info = size, source.info
    if codec.given_rgb or info.is_still or info.colour[2] == RGB or has_alpha(info.pixel_format):
        convert = FromRgb(width, height, "yuvj420p" if codec.given_rgb else "yuv420p", colour_of(source, codec))
        for frame in source.frames():
            yield convert(frame.rgb[:height, :width])
        return
    levels = info.colour[3]
    for picture in source.pictures():
        yield picture.reformat(
            width, height, "yuv420p", src_color_range=levels, dst_color_range=levels, interpolation=FLAGS
        )


def frame_rate_of(source: Source) -> Fraction:
    """Frames per second; encoders want one."""
    return (source.info.frame_rate or Fraction(25)).limit_denominator(100_000)


@dataclass(frozen=True)
class LibavCodec(Codec):
    """Encoder and decoder of PyAV's FFmpeg, by their names there. options: of the encoder at a quality."""

    encoder: str
    decoder: str
    options: Callable[[int], dict[str, str]]

    def encode(self, source: Source, quality: int, size: tuple[int, int]) -> tuple[list[bytes], int]:
        """See Codec."""
        context: Any = av.CodecContext.create(self.encoder, "w")
        context.width, context.height = size
        context.pix_fmt = "yuvj420p" if self.given_rgb else "yuv420p"
        rate = frame_rate_of(source)
        context.time_base, context.framerate = 1 / rate, rate
        context.thread_type, context.thread_count = "FRAME", THREADS
        if not self.given_rgb:
            colour = colour_of(source, self)
            context.colorspace, context.color_range = colour.matrix, colour.range
        os.environ.setdefault("SVT_LOG", "1")  # it reports on stderr, and only this stops it
        context.options = self.options(quality)
        packets, frames = [], 0
        for picture in pictures_420(source, self, size):
            picture.pts, picture.time_base, picture.pict_type = frames, context.time_base, 0
            packets += [bytes(packet) for packet in context.encode(picture)]
            frames += 1
        return packets + [bytes(packet) for packet in context.encode(None)], frames

    def decode(self, packets: list[bytes], size: tuple[int, int]) -> Iterator[av.VideoFrame]:
        """See Codec."""
        decoder: Any = av.CodecContext.create(self.decoder, "r")
        for packet in [*(av.Packet(data) for data in packets), None]:
            yield from decoder.decode(packet)

    def uncounted_bytes(self, stream: bytes) -> int:
        """Of x264's messages (SEI, user data) that say which version made the stream; x265's are switched off."""
        if self.encoder != "libx264":
            return 0
        units = re.split(b"\0\0\1", stream)[1:]
        return sum(len(unit) + 3 for unit in units if unit[0] & 31 == 6 and unit[1] == 5)


def _crf(quality: int, **more: str) -> dict[str, str]:
    return {"crf": str(quality), **more}


_X264 = LibavCodec(
    "x264 medium", tuple(range(15, 52, 3)), "libx264", "h264", lambda quality: _crf(quality, preset="medium")
)
_X265 = LibavCodec(
    "x265 medium",
    tuple(range(15, 52, 4)),
    "libx265",
    "hevc",
    lambda quality: _crf(quality, preset="medium", **{"x265-params": "log-level=none:info=0"}),
)
_SVTAV1 = LibavCodec(
    "SVT-AV1 preset 8", tuple(range(15, 64, 6)), "libsvtav1", "libdav1d", lambda quality: _crf(quality, preset="8")
)
_MJPEG = LibavCodec(
    "MJPEG",
    (2, 3, 4, 6, 8, 12, 18, 26, 31),
    "mjpeg",
    "mjpeg",
    lambda quality: {"qmin": str(quality), "qmax": str(quality)},
    given_rgb=True,
)
CODECS: Mapping[str, Codec] = {"x264": _X264, "x265": _X265, "svtav1": _SVTAV1, "mjpeg": _MJPEG}
