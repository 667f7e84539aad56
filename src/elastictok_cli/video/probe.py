"""Opens an input far enough to know its stream, size and times, or to say why it is no video."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any, cast

import av
import av.container
import av.error
from av.sidedata.sidedata import Type as SideData

from ..errors import InputError
from ..types import AudioTrack
from . import stills
from .aperture import crop_of
from .clock import restarts
from .colour import Colour, known
from .demux import is_encrypted, make_decoder, opened, video_stream
from .filters import Crop
from .orientation import TURNS, matrix_orientation
from .streams import choose_video, copied_audio, left_out, with_several_pictures
from .timing import duration_s, end_pts, ends_as_usual, frame_count, frame_rate, has_no_times, whole_s

_NO_PTS = ("avi",)  # FFmpeg makes them up, and wrongly where frames are stored in another order than they are shown
_CLOCK_MAY_RESTART = 0x200  # FFmpeg's AVFMT_TS_DISCONT
# FFmpeg's own decoders of VP8 and VP9 leave out the transparency, which lies beside the packets.
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


@dataclass(frozen=True)
class Probed:
    """What one look at the file tells. Sizes and sar are those of the stored pixels, less what the container crops.

    rotation: degrees clockwise that a player turns the picture by. orientation: EXIF's number for what else
    must be done to it, for stills and mirrored video (5 to 8 swap the sides). held: EXIF's number for both together.
    origin: PTS of the first frame. dts_lag: in formats without PTS, how many ticks the DTS of a decoded frame is past
    its time; None with PTS. whole_s: how long the file says it is, where that can be trusted. end: PTS where its last
    frame ends, likewise; ends_as_usual: the frame rate says the same. rate_is_guess: nothing says a frame rate.
    decoder: FFmpeg's name of another one than its own choice. audio: by stream index. size: in bytes. still: a picture
    that is decoded already.
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
    is_still: bool
    size: int
    held: int = 1
    crop: Crop | None = None
    decoder: str | None = None
    frame_rate: Fraction | None = None
    rate_is_guess: bool = False
    frames: int | None = 1
    duration_s: float | None = None
    whole_s: Fraction | None = None
    end: int | None = None
    ends_as_usual: bool = True
    origin: int = 0
    dts_lag: int | None = None
    may_restart: bool = False
    audio: dict[int, AudioTrack] = field(default_factory=dict)
    audio_ends: dict[int, int] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    still: stills.Still | None = None

    @property
    def frame_ticks(self) -> int:
        """Ticks from frame to frame by the frame rate, 1 if that is unknown."""
        return max(1, round(1 / (self.frame_rate * self.time_base))) if self.frame_rate else 1

    @cached_property
    def restarts(self) -> bool:
        """Whether the clock starts again anywhere, so that nothing can be found by its time. Reads the file once."""
        return self.may_restart and restarts(self.path, self.name)

    def open(self) -> AbstractContextManager[av.container.InputContainer]:
        """The input again, from its start."""
        return opened(self.path, self.name)


def probe(path: str, name: str) -> Probed:
    """Look at a file, decoding its first frame. Raises InputError."""
    if not os.path.exists(path):
        raise InputError(f"{name}: there is no such file")
    if os.path.isdir(path):
        raise InputError(f"{name}: is a folder")
    if (picture := stills.read(path, name)) is not None:
        return _probed_still(path, name, picture)
    with opened(path, name) as container:
        index = choose_video(container, name).index
    with opened(path, name) as container:  # again: choosing may have read on, and not all formats go back
        stream = video_stream(container, index)
        first, first_dts, decoder = _first_frame(container, stream, path, name)
        if _is_still(path, name, container):
            return Probed(
                path, name, index, first.width, first.height, first.format.name, 0, 1, _sar(stream), known(first, True),
                cast(Fraction, stream.time_base), True, os.path.getsize(path),
                left_out=tuple(left_out(container, stream, set())),
            )  # fmt: skip
        return _probed_video(path, name, container, stream, first, first_dts, decoder)


def _probed_video(
    path: str,
    name: str,
    container: av.container.InputContainer,
    stream: av.VideoStream,
    first: av.VideoFrame,
    first_dts: int | None,
    decoder: str | None,
) -> Probed:
    orientation = held(first)
    audio = copied_audio(container)
    duration = duration_s(container, stream)
    rate = frame_rate(container, stream, path)
    base = cast(Fraction, stream.time_base)
    end = end_pts(container, stream, path)
    lag = _dts_lag(container, first, first_dts)
    number = [video.index for video in container.streams.video].index(stream.index)
    crop = crop_of(path, container.format.name, stream.id, number, first.width, first.height)
    left, top, right, bottom = crop or (0, 0, 0, 0)
    return Probed(
        path=path,
        name=name,
        index=stream.index,
        width=first.width - left - right,
        height=first.height - top - bottom,
        pixel_format=first.format.name,
        rotation=TURNS.get(orientation, 0),
        orientation=1 if orientation in TURNS else orientation,
        held=orientation,
        sar=_sar(stream),
        colour=known(first, False),
        time_base=base,
        is_still=False,
        size=os.path.getsize(path),
        crop=crop,
        decoder=decoder,
        frame_rate=rate,
        rate_is_guess=has_no_times(container) and not stream.codec_context.framerate,
        frames=frame_count(stream, duration, rate),
        duration_s=None if duration is None else float(duration),
        whole_s=whole_s(container),
        end=end,
        ends_as_usual=end is None or ends_as_usual(container, stream.index, end, rate, base),
        origin=_first_pts(first) if lag is None else first_dts or 0,
        dts_lag=lag,
        may_restart=bool(container.format.flags & _CLOCK_MAY_RESTART),
        audio=audio,
        audio_ends={
            track.index: (track.start_time or 0) + track.duration
            for track in container.streams.audio
            if track.duration and container.format.name.startswith("mov")
        },
        left_out=tuple(left_out(container, stream, set(audio))),
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
        held=picture.orientation,
        sar=picture.sar,
        colour=picture.colour,
        time_base=stills.TIME_BASE,
        is_still=True,
        size=os.path.getsize(path),
        still=picture,
    )


def _first_frame(
    container: av.container.InputContainer, stream: av.VideoStream, path: str, name: str
) -> tuple[av.VideoFrame, int | None, str | None]:
    """And the DTS of the first packet of those that led to it, and the decoder if it is not FFmpeg's choice."""
    error: av.error.FFmpegError | None = None
    packets = 0
    dts: int | None = None
    codec = stream.codec_context.codec.canonical_name
    decoder_name: str | None = None
    decoder = stream.codec_context
    try:
        for packet in container.demux(stream):
            if packet.size and not packets and packet.has_sidedata("matroska_block_additional"):
                decoder_name = _ALPHA_DECODERS.get(codec)
                decoder = make_decoder(stream, decoder_name)
            packets += packet.size > 0
            dts = packet.dts if dts is None else dts
            try:
                for frame in decoder.decode(packet):
                    return frame, dts, decoder_name
            except av.error.FFmpegError as caught:
                error, dts = caught, None
    except av.error.FFmpegError as caught:
        error = caught
    if not packets and error is None:
        raise InputError(f"{name}: its video stream holds no frame")
    reason = f" ({error.strerror.lower()})" if error is not None and error.strerror else ""
    if is_encrypted(path):
        raise InputError(f"{name}: its video is encrypted (DRM); nothing here can read it")
    raise InputError(f"{name}: no frame of its {codec} video can be decoded{reason}")


def held(frame: av.VideoFrame) -> int:
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


def _is_still(path: str, name: str, container: av.container.InputContainer) -> bool:
    """Whether it is one picture of a format that stills.py leaves to FFmpeg."""
    if not container.format.name.endswith("_pipe"):
        return False
    with opened(path, name) as again:
        return not with_several_pictures(again, {0})


def _sar(stream: av.VideoStream) -> Fraction:
    sar = stream.sample_aspect_ratio
    return sar if sar is not None and Fraction(1, 64) <= sar <= 64 else Fraction(1)
