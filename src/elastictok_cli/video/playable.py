"""A video as a browser plays it, small enough to sit inside a page."""

from __future__ import annotations

import math
import os
from pathlib import Path

from ..errors import InputError, UsageError
from .demux import opened
from .formats import open_sink
from .sink import SinkOptions
from .sound import Sound
from .source import open_source

CODECS = ("h264", "vp8", "vp9", "av1")
SUFFIXES = (".mp4", ".m4v", ".webm")
PIXELS = ("yuv420p", "yuvj420p")
MAX_EMBEDDED = 24_000_000  # bytes: up to here a file is taken as it is
MAX_MADE = 150_000_000  # of what is made; above that browsers fail on a page
LINES, CRF = "360", 26


def playable(path: str | os.PathLike[str], folder: Path) -> Path:
    """The file itself if browsers play it and it is not large, otherwise a copy in `folder`.

    The copy is H.264 of at most 360 lines, with the same times, and with the sound where MP4 holds it.

    Raises InputError for what is no video, UsageError for one too long for a page.
    """
    source_path = Path(path)
    if source_path.suffix.lower() in SUFFIXES and source_path.stat().st_size <= MAX_EMBEDDED and _plays(source_path):
        return source_path
    copy = folder / "player.mp4"
    with open_source(source_path, size="source") as probe:
        small = LINES if min(probe.info.coded_size) > int(LINES) else "source"
    with (
        open_source(source_path, size=small) as source,
        open_sink(copy, SinkOptions(crf=CRF, end_pts=source.info.end_pts), source.info) as sink,
    ):
        sound = Sound(source, sink)
        for frame in source.frames():
            sink.write(frame.pts, frame.rgb)
            sound.until(float(frame.pts * source.info.time_base))
        sound.until(math.inf)
    if copy.stat().st_size > MAX_MADE:
        raise UsageError(f"{source_path}: is too long to be put into a page; a part of it, or no `source`, is not")
    return copy


def _plays(path: Path) -> bool:
    try:
        with opened(str(path), path.name) as file:
            video = file.streams.video[0]
            return video.codec_context.codec.canonical_name in CODECS and video.codec_context.pix_fmt in PIXELS
    except (InputError, IndexError):
        return False
