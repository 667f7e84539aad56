"""Every time of an odd file, through every container that decode writes, read back from what was written."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from elastictok_cli.video import SinkOptions, Source, open_sink, open_source
from elastictok_cli.video.formats import VIDEO_FORMATS
from elastictok_cli.video.sound import Sound

from . import odd
from .clips import write_video

Odd = tuple[str, Callable[[Path], Path], int, float]
# name of the file, what makes it, frames, how long they last in seconds (a recording ends with its sound)
ODD: list[Odd] = [
    ("wrapped.ts", odd.wrapped, 20, 0.8),
    ("two.ts", odd.two_recordings, 50, 2.01),
    ("two.mpg", odd.two_recordings, 50, 2.01),
    ("two.vob", odd.two_recordings, 50, 2.01),
    ("three.ts", odd.three_recordings, 30, 1.2),
    ("later.ts", odd.later_clock, 50, 2.01),
    ("far.webm", lambda path: odd.last_frame_far_away(path.with_suffix(".mkv")), 17, 20.54),
    ("repeated.nut", odd.repeated, 12, 0.48),
    ("raw.h264", odd.raw, 12, 0.2),
    ("raw.hevc", lambda path: odd.raw(path, "libx265", 50), 12, 0.24),
    ("raw.m2v", lambda path: odd.raw(path, "mpeg2video", 50), 12, 0.24),
    ("raw.mjpeg", lambda path: odd.raw(path, "mjpeg", 60), 12, 0.48),  # it cannot say a rate
]


def times_of(source: Source) -> tuple[list[Fraction], list[Fraction]]:
    """(frames, packets of sound), in seconds."""
    bases = [track.time_base for track in source.info.audio]
    frames = [frame.pts * source.info.time_base for frame in source.frames()]
    return frames, [packet.pts * bases[packet.stream] for packet in source.audio_packets()]


def write(path: Path, out: Path) -> None:
    with (
        open_source(path) as source,
        open_sink(out, SinkOptions(crf=40, end_pts=source.info.end_pts), source.info) as sink,
    ):
        sound = Sound(source, sink)
        for frame in source.frames():
            sink.write(frame.pts, frame.rgb)
            sound.until(float(frame.pts * source.info.time_base))
        sound.until(math.inf)


def assert_times_survive(path: Path, frames: int, duration_s: float, folder: Path) -> None:
    """Write the file into each container; frame count, differences of time, length and the sound's offset must be
    the source's."""
    with open_source(path) as source:
        video, sound = times_of(source)
    assert len(video) == frames
    for suffix in VIDEO_FORMATS:
        out = folder / f"out{suffix}"
        write(path, out)
        tick = Fraction(1, 90_000) if suffix in (".mp4", ".m4v", ".mov") else Fraction(1, 1000)
        with open_source(out) as written:
            after, sound_after = times_of(written)
            base, info = written.info.time_base, written.info
        assert len(after) == frames, suffix
        worst = max(abs((a - after[0]) - (b - video[0])) for a, b in zip(after, video, strict=True))
        assert worst <= tick, (suffix, float(worst))
        assert info.end_pts is not None or sound, suffix
        if info.end_pts is not None:
            length = float(info.end_pts * base - after[0])
            assert length == pytest.approx(duration_s, abs=0.005), suffix
        if sound and sound_after:
            offset = (sound_after[0] - after[0]) - (sound[0] - video[0])
            lead = Fraction(1, 150) if suffix == ".webm" else 0  # coded as Opus, which begins before what is heard
            assert abs(offset) <= 2 * tick + lead, (suffix, float(offset))
        assert bool(sound_after) == bool(sound), suffix


@pytest.mark.parametrize(("name", "make", "frames", "duration_s"), ODD, ids=[row[0] for row in ODD])
def test_odd_times_come_back_from_every_container(
    tmp_path: Path, name: str, make: Callable[[Path], Path], frames: int, duration_s: float
) -> None:
    assert_times_survive(make(tmp_path / name), frames, duration_s, tmp_path)


@pytest.mark.parametrize("make", [odd.two_recordings, odd.later_clock])
def test_a_clock_that_starts_again_goes_on_where_the_longest_stream_ends(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path / "two.ts")
    with open_source(path) as source:
        video, sound = times_of(source)
    assert not source.truncated and source.notes == []
    part = write_video(tmp_path / "one.ts", 25, codec="mpeg2video", sound="mp2")
    with open_source(part) as source:
        video_once, sound_once = times_of(source)
    shift = video[25] - video[0]
    assert Fraction(1) <= shift <= Fraction(11, 10)
    assert video == video_once + [time + shift for time in video_once]
    assert max(abs(a - b) for a, b in zip(sound, sound_once + [t + shift for t in sound_once], strict=True)) < 2e-5


def test_a_range_of_joined_recordings_is_found_behind_the_join(tmp_path: Path) -> None:
    path = odd.two_recordings(tmp_path / "two.ts")
    with open_source(path) as source:
        video = times_of(source)[0]
    with open_source(path, start=1.5, duration=0.2) as source:
        video_part, sound_part = times_of(source)
    assert video_part == [time for time in video if video[0] + Fraction(3, 2) <= time < video[0] + Fraction(17, 10)]
    assert sound_part and abs(sound_part[0] - video_part[0]) <= Fraction(1, 20)


def test_a_picture_that_stays_long_is_no_new_clock(tmp_path: Path) -> None:
    pts = [0, 40, 80, 30_000, 30_040]
    path = write_video(tmp_path / "a.mkv", 5, time_base=odd.MILLI, pts=pts, options={"bf": "0"})
    with open_source(path) as source:
        assert [frame.pts for frame in source.frames()] == pts


def test_empty_packets_repeat_the_frame_before_and_are_no_damage(tmp_path: Path) -> None:
    with open_source(odd.repeated(tmp_path / "a.nut"), size="source") as source:
        frames = list(source.frames())
    assert not source.truncated and source.notes == []
    assert (frames[2].rgb == frames[1].rgb).all() and (frames[3].rgb == frames[1].rgb).all()
    assert (frames[4].rgb != frames[1].rgb).any() and (frames[11].rgb == frames[10].rgb).all()


@pytest.mark.parametrize("by_pipe", [False, True])
def test_motion_jpeg_is_a_video(tmp_path: Path, by_pipe: bool) -> None:
    path = odd.raw(tmp_path / "a.jpg", "mjpeg")
    with open_source(io.BytesIO(path.read_bytes()) if by_pipe else path) as source:
        assert len(list(source.frames())) == 12 and not source.info.is_still and source.info.frame_rate == 25
    assert source.notes == ["the file has no frame rate; 25 fps is assumed"]


def test_pictures_behind_one_another_are_a_video(tmp_path: Path) -> None:
    encoder = av.CodecContext.create("ppm", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.time_base = 16, 12, "rgb24", Fraction(1, 25)
    path = tmp_path / "a.ppm"
    packets = [bytes(p) for _ in range(3) for p in encoder.encode(av.VideoFrame(16, 12, "rgb24"))]
    path.write_bytes(b"".join(packets))
    with open_source(path) as source:
        assert len(list(source.frames())) == 3 and not source.info.is_still
    path.write_bytes(packets[0])
    with open_source(path) as source:
        assert len(list(source.frames())) == 1 and source.info.is_still


def test_a_short_part_of_a_slow_video_is_a_frame(tmp_path: Path) -> None:
    path = odd.raw(tmp_path / "a.ivf", "libvpx", 1)
    for duration, frames in ((0.2, 1), (2.0, 2)):
        with open_source(path, duration=duration) as source:
            assert source.info.time_base == 1 and len(list(source.frames())) == frames
