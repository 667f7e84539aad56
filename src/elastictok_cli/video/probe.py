"""Opens an input far enough to know its stream, size and times, or to say why it is no video."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

import av
import av.container
import av.error
import av.stream
from av.sidedata.sidedata import Type as SideData

from ..errors import InputError
from . import stills
from .audio import AudioInfo, can_copy, describe
from .colour import Colour, known
from .demux import opened
from .orientation import TURNS, matrix_orientation
from .timing import duration_s, end_pts, ends_as_usual, frame_count, frame_rate, whole_s

# What a demuxer's name says about the input.
_NO_VIDEO = frozenset({"tty", "lrc", "srt", "ass", "webvtt"})  # text, which FFmpeg would gladly show as a terminal
_NO_PTS = ("avi",)  # FFmpeg makes them up, and wrongly where frames are stored in another order than they are shown


@dataclass(frozen=True)
class Probed:
    """What one look at the file tells. Sizes and sar are those of the stored pixels.

    rotation: degrees clockwise that a player turns the picture by. orientation: EXIF's number for what else
    must be done to it, for stills and mirrored video (5 to 8 swap the sides). origin: PTS of the first frame.
    dts_lag: in formats without PTS, how many ticks the DTS of a decoded frame is past its time; None with PTS.
    whole_s: how long the file says it is, where that can be trusted. end: PTS where its last frame ends,
    likewise; ends_as_usual: the frame rate says the same. audio: by stream index. size: in bytes. still: a picture that
    is decoded already.
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
    audio: dict[int, AudioInfo]
    audio_ends: dict[int, int]
    left_out: tuple[str, ...]
    size: int
    still: stills.Still | None = None

    @property
    def frame_ticks(self) -> int:
        """Ticks from frame to frame by the frame rate, 1 if that is unknown."""
        return max(1, round(1 / (self.frame_rate * self.time_base))) if self.frame_rate else 1


def probe(path: str, name: str) -> Probed:
    """Look at a file, decoding its first frame. Raises InputError."""
    if not os.path.exists(path):
        raise InputError(f"{name}: there is no such file")
    if os.path.isdir(path):
        raise InputError(f"{name}: is a folder")
    if (picture := stills.read(path, name)) is not None:
        return _probed_still(path, name, picture)
    with opened(path, name) as container:
        stream = _choose(container, name)
        first, first_dts = _first_frame(container, stream, name)
        still = _is_still(container)
        held = 1 if still else _held(first)
        audio = {
            track.index: describe(track)
            for track in container.streams.audio
            if track.codec_context is not None and can_copy(track.codec_context.codec.canonical_name)
        }
        duration = duration_s(container, stream)
        rate = None if still else frame_rate(container, stream, path, name)
        base = cast(Fraction, stream.time_base)
        end = None if still else end_pts(container, stream, path)
        lag = _dts_lag(container, first, first_dts)
        return Probed(
            path=path,
            name=name,
            index=stream.index,
            width=first.width,
            height=first.height,
            pixel_format=first.format.name,
            rotation=TURNS.get(held, 0),
            orientation=1 if held in TURNS else held,
            sar=_sar(stream),
            colour=known(first, still),
            time_base=base,
            frame_rate=rate,
            frames=1 if still else frame_count(stream, duration, rate),
            duration_s=None if still or duration is None else float(duration),
            whole_s=whole_s(container) if not still else None,
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


def _probed_still(path: str, name: str, picture: stills.Still) -> Probed:
    """A picture as a video of one frame. It has no place for a rotation, so its pixels are turned upright at once."""
    return Probed(
        path=path,
        name=name,
        index=0,
        width=picture.frame.width,
        height=picture.frame.height,
        pixel_format=picture.frame.format.name,
        rotation=0,
        orientation=picture.orientation,
        sar=picture.sar,
        colour=picture.colour,
        time_base=stills.TIME_BASE,
        frame_rate=None,
        frames=1,
        duration_s=None,
        whole_s=None,
        end=None,
        ends_as_usual=True,
        origin=0,
        dts_lag=None,
        interlaced=False,
        is_still=True,
        audio={},
        audio_ends={},
        left_out=(),
        size=os.path.getsize(path),
        still=picture,
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


def _held(frame: av.VideoFrame) -> int:
    """How the camera was held, as EXIF numbers it, by the display matrix of a frame."""
    try:
        data = cast("Mapping[SideData, Any]", frame.side_data).get(SideData.DISPLAYMATRIX)
    except ValueError:  # PyAV gives up where there is side data of a kind that it does not know
        return {clockwise: held for held, clockwise in TURNS.items()}.get(-round(frame.rotation / 90) * 90 % 360, 1)
    return 1 if data is None else matrix_orientation(bytes(data))


def _first_pts(frame: av.VideoFrame) -> int:
    pts = frame.pts if frame.pts is not None else frame.dts
    return 0 if pts is None else pts


def _dts_lag(container: av.container.InputContainer, first: av.VideoFrame, first_dts: int | None) -> int | None:
    if container.format.name not in _NO_PTS or first_dts is None:
        return None
    return 0 if first.dts is None else first.dts - first_dts


def _is_still(container: av.container.InputContainer) -> bool:
    """Whether it is a picture of a format that stills.py leaves to FFmpeg."""
    name = container.format.name
    return name.endswith("_pipe") or name == "image2"


def _sar(stream: av.VideoStream) -> Fraction:
    sar = stream.sample_aspect_ratio
    return sar if sar is not None and Fraction(1, 64) <= sar <= 64 else Fraction(1)


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
