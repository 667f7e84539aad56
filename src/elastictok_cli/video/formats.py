"""Opens the output that a name asks for: a video, a GIF, a y4m stream, one picture, numbered pictures.

with open_sink("out.mp4", SinkOptions(), info) as sink:
    sink.write(pts, rgb)
    sink.write_audio(packet)
"""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import UsageError
from ..types import PathLike
from .gif import GifSink
from .muxed import MuxedSink
from .pictures import PictureSink, SequenceSink
from .sink import Shown, Sink, SinkOptions
from .y4m import Y4mSink

VIDEO_FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}


def open_sink(path: PathLike, options: SinkOptions, info: Shown) -> Sink:
    """Open an output by its name: .mp4, .m4v, .mov, .mkv, .webm, .gif, .y4m, .png, or %05d.png for numbered ones.

    "-" is y4m on standard output. Raises OutputError (exists, cannot be written), UsageError (unknown suffix, a codec
    that the format cannot hold).
    """
    text = os.fspath(path)
    target = Path(text)
    suffix = target.suffix.lower()
    if text == "-" or suffix == ".y4m":
        return Y4mSink(text, options, info)
    if suffix in VIDEO_FORMATS:
        return MuxedSink(target, VIDEO_FORMATS[suffix], options, info)
    if suffix == ".gif":
        return GifSink(target, options, info)
    if suffix == ".png":
        return SequenceSink(target, options, info) if "%" in target.name else PictureSink(target, options, info)
    known = ", ".join([*VIDEO_FORMATS, ".gif", ".y4m", ".png"])
    raise UsageError(f"{text}: unknown output format; the name must end in {known}, or be frames/%05d.png")
