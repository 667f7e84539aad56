"""Opens an input far enough to know its stream, size and times, or to say why it is no video."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
import av.container
import av.error
import av.stream
from av.sidedata.sidedata import Type as SideData

from ..errors import InputError
from ..types import AudioTrack
from . import stills
from .audio import can_copy, describe
from .colour import Colour, known
from .ending import ends_as_usual

# What a demuxer's name says about the input.
_NO_VIDEO = frozenset({"tty", "lrc", "srt", "ass", "webvtt"})  # text, which FFmpeg would gladly show as a terminal
_TRUST_DURATION = ("mov", "matroska")  # others guess it from the end of the file
_KNOWS_END = ("mov", "gif", "apng")
_NO_PTS = ("avi",)  # FFmpeg makes them up, and wrongly where frames are stored in another order than they are shown
_MOST_RATE = 240  # frames a second; more is a time base that was taken for a frame rate
_LOOK = 400  # packets looked at where the frame rate has to be measured

_USUAL_RATES = tuple(
    Fraction(*r) for r in ((24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (50, 1), (60000, 1001), (60, 1))
)


@dataclass(frozen=True)
class Probed:
    """What one look at the file tells. Sizes and sar are those of the stored pixels.

    rotation: degrees clockwise that a player turns the picture by. orientation: EXIF's number for what else
    must be done to it, for stills and mirrored video (5 to 8 swap the sides). origin: PTS of the first frame.
    dts_lag: in formats without PTS, how many ticks the DTS of a decoded frame is past its time; None with PTS.
    whole_s: how long the file says it is, where that can be trusted. end: PTS where its last frame ends,
    likewise; ends_as_usual: the frame rate says the same. audio: by stream index. size: in bytes.
    """

    path: str
    name: str
    index: int
    width: int
    height: int
    pixel_format: str
    rotation: int
    orientation: int
    sar: Fraction
    colour: Colour
    time_base: Fraction
    frame_rate: Fraction | None
    frames: int | None
    duration_s: float | None
    whole_s: Fraction | None
    end: int | None
    ends_as_usual: bool
    origin: int
    dts_lag: int | None
    interlaced: bool
    is_still: bool
    audio: dict[int, AudioTrack]
    audio_ends: dict[int, int]
    left_out: tuple[str, ...]
    size: int


@contextmanager
def opened(path: str, name: str) -> Iterator[av.container.InputContainer]:
    """The input, open. Raises InputError in the user's words."""
    try:
        # Some cameras write names and places in no known encoding; that must not keep a video from opening.
        container = av.open(path, metadata_errors="ignore")
    except FileNotFoundError:
        raise InputError(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise InputError(f"{name}: is a folder") from None
    except PermissionError:
        raise InputError(f"{name}: may not be read") from None
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise InputError(_no_video(path, name, error)) from None
    with container:
        yield container


def _no_video(path: str, name: str, error: Exception) -> str:
    if os.path.isdir(path):
        return f"{name}: is a folder"
    with open(path, "rb") as file:
        head = file.read(4096)
    if not head:
        return f"{name}: the file is empty"
    if head[4:8] == b"ftyp":
        return f"{name}: damaged or cut off: this MP4 or MOV has no index, so nothing can be read"
    if _is_text(head):
        return f"{name}: a text file, not a video or picture"
    reason = getattr(error, "strerror", None) or str(error)
    return f"{name}: not a video or picture that can be read ({reason.lower()})"


def _is_text(head: bytes) -> bool:
    try:
        text = head[: len(head) - 3].decode() if len(head) > 3 else head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 8:
            return False
        text = head[: error.start].decode()
    return all(c.isprintable() or c in "\r\n\t\f" for c in text)


def probe(path: str, name: str) -> Probed:
    """Look at a file, decoding its first frame. Raises InputError."""
    if not os.path.exists(path):
        raise InputError(f"{name}: there is no such file")
    if os.path.isdir(path):
        raise InputError(f"{name}: is a folder")
    with open(path, "rb") as file:
        head = file.read(stills.HEAD_BYTES)
    if stills.is_animated_webp(head):
        raise InputError(f"{name}: animated WebP cannot be read; convert it to GIF or MP4 first")
    with opened(path, name) as container:
        stream = _choose(container, name)
        first, first_dts = _first_frame(container, stream, name)
        still = _is_still(container, head)
        held = _exif(path) if still else _held(first)
        turns = {} if still else stills.TURNS  # a picture has no place for a rotation: it is turned upright at once
        audio = {
            track.index: describe(track)
            for track in container.streams.audio
            if track.codec_context is not None and can_copy(track.codec_context.codec.canonical_name)
        }
        duration = _duration(container, stream)
        rate = None if still else _frame_rate(container, stream, path, name)
        base = cast(Fraction, stream.time_base)
        end = None if still else _end(container, stream, path)
        lag = _dts_lag(container, first, first_dts)
        return Probed(
            path=path,
            name=name,
            index=stream.index,
            width=first.width,
            height=first.height,
            pixel_format=first.format.name,
            rotation=turns.get(held, 0),
            orientation=1 if held in turns else held,
            sar=_sar(stream),
            colour=known(first, still),
            time_base=base,
            frame_rate=rate,
            frames=1 if still else _frame_count(stream, duration, rate),
            duration_s=None if still or duration is None else float(duration),
            whole_s=_whole(container) if not still else None,
            end=end,
            ends_as_usual=end is None or ends_as_usual(container, stream.index, end, rate, base),
            origin=0 if still else _first_pts(first) if lag is None else first_dts or 0,
            dts_lag=lag,
            interlaced=bool(first.interlaced_frame),
            is_still=still,
            audio=audio,
            audio_ends={
                track.index: (track.start_time or 0) + track.duration
                for track in container.streams.audio
                if track.duration and container.format.name.startswith("mov")
            },
            left_out=tuple(_left_out(container, stream, set(audio))),
            size=os.path.getsize(path),
        )


def _choose(container: av.container.InputContainer, name: str) -> av.VideoStream:
    """The largest. Muxers mark the first one as the default unasked, so that mark says nothing."""
    if container.format.name in _NO_VIDEO:
        raise InputError(f"{name}: a text file, not a video or picture")
    videos = [s for s in container.streams.video if not _is_cover(s)]
    if not videos:
        if container.streams.video:
            raise InputError(f"{name}: sound with a cover picture; there is no video in it")
        kind = "sound only" if container.streams.audio else "no video stream"
        raise InputError(f"{name}: {kind}; there is no video in it")
    videos = [s for s in videos if s.codec_context is not None]
    if not videos:
        raise InputError(f"{name}: its video is in a codec that this FFmpeg cannot decode")
    return max(videos, key=lambda s: s.codec_context.width * s.codec_context.height)


def _is_cover(stream: av.stream.Stream) -> bool:
    return bool(int(stream.disposition) & (1 << 10))


def _first_frame(
    container: av.container.InputContainer, stream: av.VideoStream, name: str
) -> tuple[av.VideoFrame, int | None]:
    """And the DTS of the first packet of those that led to it."""
    error: av.error.FFmpegError | None = None
    packets = 0
    dts: int | None = None
    try:
        for packet in container.demux(stream):
            packets += packet.size > 0
            dts = packet.dts if dts is None else dts
            try:
                for frame in packet.decode():
                    return frame, dts
            except av.error.FFmpegError as caught:
                error, dts = caught, None
    except av.error.FFmpegError as caught:
        error = caught
    if not packets and error is None:
        raise InputError(f"{name}: its video stream holds no frame")
    codec = stream.codec_context.codec.canonical_name
    reason = f" ({error.strerror.lower()})" if error is not None and error.strerror else ""
    raise InputError(f"{name}: no frame of its {codec} video can be decoded{reason}")


def _exif(path: str) -> int:
    with open(path, "rb") as file:
        return stills.orientation(file)


def _held(frame: av.VideoFrame) -> int:
    """How the camera was held, as EXIF numbers it, by the display matrix of a frame."""
    try:
        data = cast("Mapping[SideData, Any]", frame.side_data).get(SideData.DISPLAYMATRIX)
    except ValueError:  # PyAV gives up where there is side data of a kind that it does not know
        return {clockwise: held for held, clockwise in stills.TURNS.items()}.get(
            -round(frame.rotation / 90) * 90 % 360, 1
        )
    return 1 if data is None else stills.matrix_orientation(bytes(data))


def _first_pts(frame: av.VideoFrame) -> int:
    pts = frame.pts if frame.pts is not None else frame.dts
    return 0 if pts is None else pts


def _dts_lag(container: av.container.InputContainer, first: av.VideoFrame, first_dts: int | None) -> int | None:
    if container.format.name not in _NO_PTS or first_dts is None:
        return None
    return 0 if first.dts is None else first.dts - first_dts


def _is_still(container: av.container.InputContainer, head: bytes) -> bool:
    name = container.format.name
    return name.endswith("_pipe") or name == "image2" or head[4:12] in (b"ftypavif", b"ftypmif1", b"ftypheic")


def _sar(stream: av.VideoStream) -> Fraction:
    sar = stream.sample_aspect_ratio
    return sar if sar is not None and Fraction(1, 64) <= sar <= 64 else Fraction(1)


def _duration(container: av.container.InputContainer, stream: av.VideoStream) -> Fraction | None:
    if stream.duration is not None and stream.duration > 0:
        return Fraction(stream.duration) * cast(Fraction, stream.time_base)
    if not container.duration:
        return None
    start = container.start_time or 0
    late = _counts_from_zero(container) and 0 < start < container.duration
    return Fraction(container.duration - (start if late else 0), 1_000_000)


def _whole(container: av.container.InputContainer) -> Fraction | None:
    if not container.format.name.startswith(_TRUST_DURATION) or not container.duration:
        return None
    start = 0 if _counts_from_zero(container) else container.start_time or 0
    return Fraction(container.duration + start, 1_000_000)


def _counts_from_zero(container: av.container.InputContainer) -> bool:
    """Whether the duration reaches from zero to the end, not from the first frame. FFmpeg writes Matroska so, and
    mkvmerge does not; an end that is too early costs a last frame its length, one too late is a file cut off."""
    return container.format.name.startswith("matroska")


def _end(container: av.container.InputContainer, stream: av.VideoStream, path: str) -> int | None:
    """Where the last frame ends, by formats that note the length of each, or of a video without sound."""
    entries = stream.index_entries
    if len(entries) and entries[-1].pos + entries[-1].size > os.path.getsize(path):
        return None  # cut off: it ends wherever it can be read no further
    if container.format.name.startswith(_KNOWS_END) and stream.duration:
        return (stream.start_time or 0) + stream.duration
    whole = _whole(container)
    if whole is None or container.streams.audio or container.streams.subtitles:
        return None
    return round(whole / cast(Fraction, stream.time_base))


def _frame_count(stream: av.VideoStream, duration: Fraction | None, rate: Fraction | None) -> int | None:
    if stream.frames > 0:
        return stream.frames
    return max(1, round(duration * rate)) if duration and rate else None


def _frame_rate(
    container: av.container.InputContainer, stream: av.VideoStream, path: str, name: str
) -> Fraction | None:
    """The average one, if it can be one; otherwise the middle distance of the first few hundred frames."""
    rate = stream.average_rate
    if rate is not None and 0 < rate <= _MOST_RATE:
        return rate
    times: list[int] = []
    with opened(path, name) as again:
        try:
            for packet in again.demux(again.streams[stream.index]):
                if packet.pts is not None:
                    times.append(packet.pts)
                if len(times) >= _LOOK:
                    break
        except av.error.FFmpegError:
            pass  # what was seen so far will do
    times.sort()
    steps = sorted(b - a for a, b in zip(times, times[1:], strict=False) if b > a)
    if not steps:
        return None
    mean = Fraction(len(steps), times[-1] - times[0]) / cast(Fraction, stream.time_base)
    if steps[-1] > 2 * steps[0] + 1:  # uneven: the average, whatever it is
        return mean.limit_denominator(1001)
    return next(
        (usual for usual in _USUAL_RATES if abs(usual / mean - 1) < Fraction(1, 200)),
        mean.limit_denominator(1001),
    )


def _left_out(container: av.container.InputContainer, chosen: av.VideoStream, copied: set[int]) -> Iterator[str]:
    """A name for each stream that does not come along. Data tracks that nobody knows are not worth a word."""
    for stream in list(container.streams):
        if stream.index == chosen.index or stream.index in copied:
            continue
        if isinstance(stream, av.VideoStream):
            kind = (
                "cover picture"
                if _is_cover(stream)
                else f"video {stream.width}x{stream.height}"
                if stream.codec_context
                else "video"
            )
            yield f"stream {stream.index} ({kind})"
        elif stream.type in ("audio", "subtitle"):
            context = stream.codec_context
            codec = f" {context.codec.canonical_name}" if context else ""
            why = "sound{}, which neither MP4 nor Matroska takes" if stream.type == "audio" else "subtitles{}"
            yield f"stream {stream.index} ({why.format(codec)})"
