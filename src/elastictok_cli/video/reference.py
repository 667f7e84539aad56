"""Other codecs on the same frames: how many bytes they need, and how far off the pixels are that come back.

x264, x265 (medium), SVT-AV1 (preset 8) and MJPEG at constant quality, through FFmpeg's encoders and decoders.

What is counted is the elementary stream, without a container and without x264's and x265's text about their own
version. Frame threads are used: slice threads cost bits. The video codecs get what a source decodes to, 4:2:0 as it
is stored (scaled by the same filter if it is coded smaller), since a way through RGB would cost them quality. JPEG is
given RGB, as cameras do. What comes back is turned into RGB by the very conversion that `encode` reads sources with,
and measured against the frames that `encode` gets.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np

from ..metrics import HALF_RANGE, squared_error
from .colour import FLAGS, FULL, RGB, SMPTE170M, Colour, FromRgb, ToRgb, has_alpha
from .source import Source, open_source

JPEG = Colour(2, 2, SMPTE170M, FULL)


@dataclass(frozen=True)
class Codec:
    """FFmpeg's encoder and decoder, and its qualities, the best first; they span MSE 0.0005 to 0.03 on most clips."""

    encoder: str
    decoder: str
    qualities: tuple[int, ...]
    options: Callable[[int], dict[str, str]]


def _crf(quality: int, **more: str) -> dict[str, str]:
    return {"crf": str(quality), **more}


CODECS = {
    "x264 medium": Codec("libx264", "h264", tuple(range(15, 52, 3)), lambda q: _crf(q, preset="medium")),
    "x265 medium": Codec(
        "libx265",
        "hevc",
        tuple(range(15, 52, 4)),
        lambda q: _crf(q, preset="medium", **{"x265-params": "log-level=none:info=0"}),
    ),
    "SVT-AV1 preset 8": Codec("libsvtav1", "libdav1d", tuple(range(15, 64, 6)), lambda q: _crf(q, preset="8")),
    "MJPEG": Codec("mjpeg", "mjpeg", (2, 3, 4, 6, 8, 12, 18, 26, 31), lambda q: {"qmin": str(q), "qmax": str(q)}),
}


@dataclass(frozen=True)
class Point:
    """One encode. bytes: of the elementary stream. mse: over all frames, RGB on [-1, 1]."""

    quality: int
    bytes: int
    mse: float
    frames: int


def point(name: str, quality: int, open_: Callable[[], Source]) -> Point:
    """Encode a source with the codec of this name, decode, and measure.

    open_: opens the source at the size it is coded at; called more than once. Raises RuntimeError if frames are lost.
    """
    codec = CODECS[name]
    with open_() as source:
        width, height = source.info.width & ~1, source.info.height & ~1
        colour = _colour(source, codec)
        packets, given = _encode(source, codec, quality, (width, height))
    with open_() as source, closing(source.frames()) as wanted:  # type: ignore[type-var]  # a generator
        to_rgb, error, frames, samples = ToRgb(width, height, colour), 0, 0, 0
        for picture in _decoded(packets, codec):
            shown = to_rgb(picture)
            frame = next(wanted, None)
            if frame is None:
                break
            error += squared_error(shown, np.ascontiguousarray(frame.rgb[:height, :width]))
            frames, samples = frames + 1, samples + shown.size
        if frames != given or next(wanted, None) is not None:
            raise RuntimeError(f"{codec.encoder}: {frames} frames came back of {given}")
    stream = b"".join(packets)
    return Point(quality, len(stream) - _text_bytes(stream, codec), error / (samples * HALF_RANGE**2), frames)


def at_size(path: str, size: str, duration: float | None = None) -> Callable[[], Source]:
    """What `point` opens."""
    return lambda: open_source(path, size=size, duration=duration)


def _colour(source: Source, codec: Codec) -> Colour:
    """How the codec's 4:2:0 is to be read: as the source's own; JPEG, and what was RGB before, as JPEG."""
    return JPEG if codec.encoder == "mjpeg" or source.info.colour[2] == RGB else Colour(*source.info.colour)


def _pictures(source: Source, codec: Codec, size: tuple[int, int]) -> Iterator[av.VideoFrame]:
    """The frames in the pixel format that the codec takes, even sides, in order."""
    width, height = size
    info = source.info
    if codec.encoder == "mjpeg" or info.is_still or info.colour[2] == RGB or has_alpha(info.pixel_format):
        colour = _colour(source, codec)
        convert = FromRgb(width, height, "yuvj420p" if codec.encoder == "mjpeg" else "yuv420p", colour)
        for frame in source.frames():
            yield convert(frame.rgb[:height, :width])
        return
    levels = source.info.colour[3]
    for picture in source.pictures():
        yield picture.reformat(
            width, height, "yuv420p", src_color_range=levels, dst_color_range=levels, interpolation=FLAGS
        )


def _encode(source: Source, codec: Codec, quality: int, size: tuple[int, int]) -> tuple[list[bytes], int]:
    """(packets, frames)."""
    info = source.info
    context: Any = av.CodecContext.create(codec.encoder, "w")
    context.width, context.height = size
    context.pix_fmt = "yuvj420p" if codec.encoder == "mjpeg" else "yuv420p"
    rate = (info.frame_rate or Fraction(25)).limit_denominator(100_000)
    context.time_base, context.framerate = 1 / rate, rate
    context.thread_type, context.thread_count = "FRAME", 2
    if codec.encoder != "mjpeg":
        colour = _colour(source, codec)
        context.colorspace, context.color_range = colour.matrix, colour.range
    os.environ.setdefault("SVT_LOG", "1")  # it reports on stderr, and only this stops it
    context.options = codec.options(quality)
    packets, frames = [], 0
    for picture in _pictures(source, codec, size):
        picture.pts, picture.time_base, picture.pict_type = frames, context.time_base, 0
        packets += [bytes(packet) for packet in context.encode(picture)]
        frames += 1
    return packets + [bytes(packet) for packet in context.encode(None)], frames


def _decoded(packets: list[bytes], codec: Codec) -> Iterator[av.VideoFrame]:
    decoder: Any = av.CodecContext.create(codec.decoder, "r")
    for packet in [*(av.Packet(data) for data in packets), None]:
        yield from decoder.decode(packet)


def _text_bytes(stream: bytes, codec: Codec) -> int:
    """Of x264's messages (SEI, user data) that say which version made the stream; x265's are switched off."""
    if codec.encoder != "libx264":
        return 0
    return sum(len(unit) + 3 for unit in re.split(b"\0\0\1", stream)[1:] if unit[0] & 31 == 6 and unit[1] == 5)
