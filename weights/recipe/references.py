"""Bytes that other codecs need for the same prepared frames, at the error that they are measured to make.

x264 and x265 medium, SVT-AV1 preset 8: elementary stream without headers of a container, no x264 version text,
frame threads (slice threads cost bits), the clip's own yuv420p. Error: RGB on [-1, 1] over the whole clip,
made of decoded video by the very conversion that `elastictok encode` reads its source with.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from elastictok_cli.video.colour import ToRgb, known

HALF_RANGE = 127.5


@dataclass(frozen=True)
class Codec:
    """name of FFmpeg's encoder and decoder, its options, the qualities that span 0.0005 to 0.03."""

    encoder: str
    decoder: str
    options: dict[str, str]
    qualities: tuple[int, ...]


CODECS = {
    "x264 medium": Codec("libx264", "h264", {"preset": "medium"}, tuple(range(17, 52, 3))),
    "x265 medium": Codec(
        "libx265", "hevc", {"preset": "medium", "x265-params": "log-level=none"}, tuple(range(17, 52, 4))
    ),
    "SVT-AV1 p8": Codec("libsvtav1", "libdav1d", {"preset": "8"}, tuple(range(20, 64, 5))),
}


def clip_frames(path: Path) -> list[Any]:
    """The decoded frames of a clip, as they are."""
    with av.open(str(path)) as container:
        return list(container.decode(video=0))


def point(frames: list[Any], codec: Codec, quality: int) -> tuple[int, float]:
    """(bytes, MSE) of one encode."""
    first = frames[0]
    context: Any = av.CodecContext.create(codec.encoder, "w")
    context.width, context.height = first.width & ~1, first.height & ~1
    context.pix_fmt, context.time_base, context.framerate = "yuv420p", Fraction(1, 25), Fraction(25)
    context.thread_type, context.thread_count = "FRAME", 2
    context.colorspace, context.color_range = first.colorspace, first.color_range
    context.options = {**codec.options, "crf": str(quality)}
    packets: list[bytes] = []
    for number, frame in enumerate(frames):
        picture = frame.reformat(width=context.width, height=context.height, format="yuv420p")
        picture.pts, picture.time_base, picture.pict_type = number, Fraction(1, 25), 0
        packets += [bytes(p) for p in context.encode(picture)]
    packets += [bytes(p) for p in context.encode(None)]
    decoder: Any = av.CodecContext.create(codec.decoder, "r")
    if context.extradata:
        decoder.extradata = context.extradata
    to_rgb = ToRgb(context.width, context.height, known(first, picture=False))
    whole = ToRgb(first.width, first.height, known(first, picture=False))
    error, shown = 0.0, 0
    for packet in [av.Packet(p) for p in packets] + [None]:
        for picture in decoder.decode(packet):
            rgb = to_rgb(picture).astype(np.float32)
            source = whole(frames[shown])[: rgb.shape[0], : rgb.shape[1]]
            error += float(np.mean((rgb - source) ** 2))
            shown += 1
    if shown != len(frames):
        raise RuntimeError(f"{codec.encoder}: {shown} of {len(frames)} frames came back")
    return sum(map(len, packets)) - _version_text(b"".join(packets), codec), error / shown / HALF_RANGE**2


def _version_text(stream: bytes, codec: Codec) -> int:
    """Bytes of x264's SEI messages, which only say which version made the stream."""
    if codec.encoder != "libx264":
        return 0
    return sum(len(unit) + 3 for unit in re.split(b"\0\0\1", stream)[1:] if unit and unit[0] & 31 == 6)


def bytes_at(curve: list[tuple[int, float]], mse: float) -> float:
    """Bytes of a curve at an error, linear between its points in log-log; held at its ends."""
    points = sorted((math.log(m), math.log(b)) for b, m in curve)
    return float(np.exp(np.interp(math.log(mse), [p[0] for p in points], [p[1] for p in points])))
