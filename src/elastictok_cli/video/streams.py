"""Which stream of a file is its video, and what is said of the others."""

from __future__ import annotations

from collections.abc import Iterator

import av
import av.container
import av.error
import av.stream
from av.stream import Disposition

from ..errors import InputError
from ..types import AudioTrack
from .audio import can_copy, describe

_NO_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image | Disposition.dependent
_PICTURE_CODECS = ("mjpeg", "png", "bmp", "gif", "tiff", "webp")  # of covers
_MAX_PACKETS = 5000  # of all streams, looked at to see which video has more than one picture


def choose_video(container: av.container.InputContainer, name: str) -> av.VideoStream:
    """The largest video stream that has more than one picture. Raises InputError if there is none.

    The mark "default" is ignored: muxers give it to the first stream unasked.
    """
    videos = [s for s in container.streams.video if not _is_cover(s)]
    if not videos:
        if container.streams.video:
            raise InputError(f"{name}: sound with a cover picture; there is no video in it")
        kind = "sound only" if container.streams.audio else "no video stream"
        raise InputError(f"{name}: {kind}; there is no video in it")
    videos = [s for s in videos if s.codec_context is not None]
    if not videos:
        raise InputError(f"{name}: its video is in a codec that this FFmpeg cannot decode")
    moving = _moving(container, videos)
    videos = [s for s in videos if s.index in moving] or [s for s in videos if not _may_be_cover(container, s)]
    if not videos:
        raise InputError(f"{name}: sound with a cover picture; there is no video in it")
    return max(videos, key=lambda s: s.codec_context.width * s.codec_context.height)


def _moving(container: av.container.InputContainer, videos: list[av.VideoStream]) -> set[int]:
    """Those that show more than one picture; all, where it need not be looked at."""
    if len(videos) == 1 and not _may_be_cover(container, videos[0]):
        return {videos[0].index}
    known = {s.index for s in videos if s.frames > 1}
    return known | with_several_pictures(container, {s.index for s in videos} - known)


def _may_be_cover(container: av.container.InputContainer, stream: av.VideoStream) -> bool:
    """Whether a single picture of this stream is one to look at while the sound plays."""
    return bool(container.streams.audio) and stream.codec_context.codec.canonical_name in _PICTURE_CODECS


def with_several_pictures(container: av.container.InputContainer, candidates: set[int]) -> set[int]:
    """Those of these streams that show a second picture within the first packets; a cover has one."""
    seen: set[int] = set()
    several: set[int] = set()
    try:
        for count, packet in enumerate(container.demux()):
            index = packet.stream.index
            if packet.size and index in candidates:
                (several if index in seen else seen).add(index)
            if several == candidates or count >= _MAX_PACKETS:
                break
    except (av.error.FFmpegError, OSError):
        pass  # what was seen so far will do
    return several


def copied_audio(container: av.container.InputContainer) -> dict[int, AudioTrack]:
    """The audio tracks that come along, by stream index."""
    return {
        track.index: describe(track)
        for track in container.streams.audio
        if track.codec_context is not None and can_copy(track.codec_context.codec.canonical_name)
    }


def _is_cover(stream: av.stream.Stream) -> bool:
    return bool(stream.disposition & _NO_VIDEO)


def left_out(container: av.container.InputContainer, chosen: av.VideoStream, copied: set[int]) -> Iterator[str]:
    """A name for each stream that does not come along. Data tracks that nobody knows are not worth a word."""
    for stream in list(container.streams):
        if stream.index == chosen.index or stream.index in copied:
            continue
        if isinstance(stream, av.VideoStream):
            kind = (
                "cover picture"
                if _is_cover(stream)
                else f"video {stream.width}x{stream.height}"
                if stream.codec_context and stream.width
                else "video"
            )
            yield f"stream {stream.index} ({kind})"
        elif stream.type in ("audio", "subtitle"):
            context = stream.codec_context
            codec = f" {context.codec.canonical_name}" if context else ""
            why = "sound{}, which neither MP4 nor Matroska takes" if stream.type == "audio" else "subtitles{}"
            yield f"stream {stream.index} ({why.format(codec)})"
