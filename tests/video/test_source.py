from __future__ import annotations

import io
import struct
import tempfile
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from elastictok_cli.errors import InputError, UsageError
from elastictok_cli.video import SinkOptions, Source, open_sink, open_source

from .clips import Pixels, picture, write_video


def read(source: Source) -> tuple[list[int], list[Pixels]]:
    frames = list(source.frames())
    return [frame.pts for frame in frames], [frame.rgb for frame in frames]


def close(a: Pixels, b: Pixels, mean: float = 6) -> bool:
    return a.shape == b.shape and float(np.abs(a.astype(int) - b).mean()) < mean


def test_frames_come_with_their_times_and_pixels(tmp_path: Path) -> None:
    with open_source(write_video(tmp_path / "a.mp4"), size="source") as source:
        pts, frames = read(source)
    assert [p * source.info.time_base for p in pts] == [Fraction(i, 25) for i in range(12)]
    assert all(close(frame, picture(i)) for i, frame in enumerate(frames))
    assert source.info.frames_estimate == 12 and source.info.frame_rate == 25
    assert source.info.audio == () and list(source.audio_packets()) == []
    assert source.notes == [] and not source.truncated


def test_frames_may_be_kept_and_changed(tmp_path: Path) -> None:
    with open_source(write_video(tmp_path / "a.mp4"), size="source") as source:
        kept = read(source)[1]
        assert not np.array_equal(kept[0], kept[5])
        kept[0][:] = 0
        assert close(read(source)[1][0], picture(0))


def test_uneven_times_are_kept(tmp_path: Path) -> None:
    uneven = [0, 17, 18, 400, 1234, 1235, 5000]
    path = write_video(tmp_path / "a.mkv", 7, time_base=Fraction(1, 1000), pts=uneven)
    with open_source(path) as source:
        assert read(source)[0] == uneven


def test_an_offset_at_the_start_is_kept(tmp_path: Path) -> None:
    late = [500 + 40 * i for i in range(6)]
    path = write_video(tmp_path / "a.mkv", 6, time_base=Fraction(1, 1000), pts=late)
    with open_source(path) as source:
        assert read(source)[0] == late


@pytest.mark.parametrize("first", [120, 10_000])
@pytest.mark.parametrize("name", ["a.mkv", "a.webm"])
def test_matroska_that_starts_late_is_no_longer_for_it(tmp_path: Path, name: str, first: int) -> None:
    codec = "libvpx-vp9" if name == "a.webm" else "libx264"
    late = [first + 40 * i for i in range(50)]
    path = write_video(tmp_path / name, 50, codec=codec, time_base=Fraction(1, 1000), pts=late)
    with open_source(path) as source:
        assert read(source)[0] == late
    assert not source.truncated and source.notes == []
    assert source.info.end_pts == first + 2000 and source.info.ends_as_usual
    assert source.info.duration_s == 2 and source.info.frames_estimate == 50


def test_matroska_whose_length_is_without_its_start_is_whole(tmp_path: Path) -> None:
    late = [10_000 + 40 * i for i in range(50)]
    path = write_video(tmp_path / "a.mkv", 50, time_base=Fraction(1, 1000), pts=late)
    data = bytearray(path.read_bytes())
    at = data.index(b"\x44\x89\x88") + 3
    assert struct.unpack_from(">d", data, at) == (12_000,)
    struct.pack_into(">d", data, at, 2_000)  # as mkvmerge writes it
    path.write_bytes(data)
    with open_source(path) as source:
        assert read(source)[0] == late
    assert not source.truncated and source.notes == [] and source.info.duration_s == 2
    out = tmp_path / "b.mkv"
    with (
        open_source(path) as source,
        open_sink(out, SinkOptions(end_pts=source.info.end_pts), source.info) as sink,
    ):
        for frame in source.frames():
            sink.write(frame.pts, frame.rgb)
    with open_source(out) as source:
        assert source.info.end_pts == 12_000


def test_fit256_scales_and_says_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 2, size=(640, 360))
    with open_source(path, "fit256") as source:
        frames = read(source)[1]
    assert frames[0].shape == (256, 456, 3)
    rows, columns = (np.arange(256) * 360 + 180) // 256, (np.arange(456) * 640 + 320) // 456
    assert close(frames[0], picture(0, 640, 360)[rows][:, columns])
    assert source.info.source_size == (640, 360)
    assert any("640x360 is coded at 456x256; `size` source" in note for note in source.notes)
    for size in ("456x256", "256"):
        with open_source(path, size=size) as source:
            assert source.notes == ["640x360 is coded at 456x256"]


def test_odd_sizes_are_given_as_they_are(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.webm", 3, size=(33, 21), codec="libvpx-vp9")
    with open_source(path) as source:
        assert read(source)[1][0].shape == (21, 33, 3)


def test_ten_bits_become_eight_with_a_note(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "a.mp4", codec="libx265", pixel_format="yuv420p10le", options={"x265-params": "log-level=none"}
    )
    with open_source(path) as source:
        assert all(close(frame, picture(i)) for i, frame in enumerate(read(source)[1]))
    assert "10-bit samples are coded as 8-bit" in source.notes


@pytest.mark.parametrize(("written", "told"), [(-90, 90), (90, 270), (180, 180)])
def test_rotation_is_told_clockwise_and_pixels_stay(tmp_path: Path, written: int, told: int) -> None:
    path = write_video(tmp_path / "a.mov", 3, rotation=written)
    with open_source(path) as source:
        assert close(read(source)[1][0], picture(0))
    assert source.info.rotation == told
    assert source.info.display_size == ((48, 64) if told % 180 else (64, 48))


def test_mirrored_video_is_turned_upright(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mov", 3, hflip=True)
    with open_source(path) as source:
        assert close(read(source)[1][0], picture(0)[:, ::-1])
    assert source.info.rotation == 0
    assert any("mirrored" in note for note in source.notes)


def test_pixels_that_are_not_square_stay_so(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 3, sar=Fraction(12, 11))
    with open_source(path) as source:
        assert source.info.sar == Fraction(12, 11) and source.info.display_size == (70, 48)


@pytest.mark.parametrize("tags", [(1, 1, 1, 1), (5, 6, 5, 2), (9, 16, 9, 1)])
def test_colour_tags_are_told_and_obeyed(tmp_path: Path, tags: tuple[int, int, int, int]) -> None:
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv444p"
        context = stream.codec_context
        context.color_primaries, context.color_trc, context.colorspace, context.color_range = tags
        frame = av.VideoFrame.from_ndarray(picture(0), "rgb24").reformat(
            format="yuv444p", dst_colorspace={1: 1, 5: 5, 9: 9}[tags[2]], dst_color_range=tags[3]
        )
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    with open_source(path) as source:
        assert source.info.colour == tags
        assert np.abs(read(source)[1][0].astype(int) - picture(0)).max() <= 4


def test_a_range_gives_its_frames_with_their_own_times(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 40, options={"g": "8"}, sound="aac")
    with open_source(path, size="source") as source:
        every_pts, every_frame = read(source)
    with open_source(path, size="source", start=0.4, duration=0.6) as source:
        pts, frames = read(source)
        sound = [packet.pts / 48000 for packet in source.audio_packets()]
    assert pts == every_pts[10:25]
    assert all(np.array_equal(a, b) for a, b in zip(frames, every_frame[10:25], strict=True))
    assert sound and all(0.4 <= at < 1.0 for at in sound)
    assert source.info.frames_estimate == 15 and not source.truncated


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.flv", "a.avi", "a.mpg", "a.nut"])
def test_a_range_is_the_same_in_every_container(tmp_path: Path, name: str) -> None:
    codec = "mpeg1video" if name.endswith("mpg") else "libx264"
    sound = "mp2" if name.endswith("mpg") else "libmp3lame"
    base = Fraction(1, 25 if name.endswith(("avi", "mpg")) else 1000)
    pts = None if base == Fraction(1, 25) else [40 * i for i in range(200)]
    path = write_video(
        tmp_path / name, 200, codec=codec, time_base=base, pts=pts, options={"g": "60", "bf": "0"}, sound=sound
    )
    with open_source(path, size="source") as source:
        every_frame = list(source.frames())
        every_packet = list(source.audio_packets())
        origin, tick = every_frame[0].pts, source.info.time_base
        ticks = source.info.audio[0].time_base
    low, high = origin + round(6.48 / tick), origin + round(7.48 / tick)
    with open_source(path, size="source", start=6.48, duration=1) as source:
        frames, packets = list(source.frames()), list(source.audio_packets())
    wanted = [frame for frame in every_frame if low <= frame.pts < high]
    assert [frame.pts for frame in frames] == [frame.pts for frame in wanted] and len(wanted) >= 24
    assert all(np.array_equal(a.rgb, b.rgb) for a, b in zip(frames, wanted, strict=True))
    assert packets == [p for p in every_packet if low * tick <= p.pts * ticks < high * tick]


@pytest.mark.parametrize(
    ("codec", "options"),
    [("libx264", {"g": "12"}), ("libx264", {"g": "12", "bf": "0"}), ("mpeg4", {"g": "12", "bf": "2", "b": "8M"})],
)
def test_avi_with_frames_out_of_order_is_read_in_order_at_its_rate(
    tmp_path: Path, codec: str, options: dict[str, str]
) -> None:
    path = write_video(tmp_path / "a.avi", 50, codec=codec, options=options, sound="libmp3lame")
    with open_source(path, size="source") as source:
        pts, frames = read(source)
    extra = pts[1] - 1  # a chunk that this muxer leaves empty
    assert pts == [0, *(i + extra for i in range(1, 50))] and 0 <= extra <= 1
    assert all(close(frame, picture(i)) for i, frame in enumerate(frames))
    assert source.notes == [] and not source.truncated
    for first in (20, 25, 30):
        with open_source(path, size="source", start=pts[first] / 25) as source:
            part_pts, part = read(source)
            assert len(list(source.pictures())) == len(part)
        assert part_pts == pts[first:]
        assert all(np.array_equal(a, b) for a, b in zip(part, frames[first:], strict=True))


def test_a_range_without_a_frame_is_refused(tmp_path: Path) -> None:
    with (
        open_source(write_video(tmp_path / "a.mp4"), start=9) as source,
        pytest.raises(UsageError, match="lasts 0.48 s"),
    ):
        list(source.frames())


@pytest.mark.parametrize(("start", "duration"), [(-1.0, None), (None, -0.5), (float("nan"), None)])
def test_a_range_that_cannot_be_is_refused(start: float | None, duration: float | None) -> None:
    with pytest.raises(UsageError, match="0 seconds or more"):
        open_source("any.mp4", start=start, duration=duration)


def test_the_largest_video_is_taken_and_the_rest_named(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    with av.open(str(path), "w") as file:
        streams = []
        for width in (32, 64):
            stream = file.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, 48, "yuv420p"
            streams.append(stream)
        for number in range(3):
            for stream in streams:
                frame = av.VideoFrame.from_ndarray(picture(number, stream.width, 48), "rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                file.mux(stream.encode(frame))
        for stream in streams:
            file.mux(stream.encode(None))
    with open_source(path) as source:
        assert read(source)[1][0].shape[1] == 64
    assert source.notes == ["left out: stream 0 (video 32x48)"]


def test_interlaced_frames_become_whole_ones_at_their_times(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "a.ts", 10, codec="mpeg2video", options={"flags": "+ildct+ilme", "bf": "0", "b": "8M"}
    )
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
    assert frames[0].interlaced_frame
    with open_source(path, size="source") as source:
        pts, shown = read(source)
    assert pts == [frame.pts for frame in frames]
    assert all(close(rgb, picture(i)) for i, rgb in enumerate(shown))
    assert any("deinterlaced" in note for note in source.notes)


def test_a_file_cut_off_gives_what_is_there(tmp_path: Path) -> None:
    # All packets behind each other and the index in front, as a download leaves it.
    path = write_video(
        tmp_path / "a.mp4", 100, options={"g": "10", "bf": "0"}, container_options={"movflags": "+faststart"}
    )
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with open_source(path) as source:
        pts = read(source)[0]
    assert 10 < len(pts) < 90 and source.truncated
    assert any("of 4.0 s are there" in note for note in source.notes)
    assert source.info.end_pts is None


def test_damaged_packets_are_left_out_and_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mov", 10, codec="png", pixel_format="rgb24")
    data = bytearray(path.read_bytes())
    at = data.find(b"IDAT", len(data) // 2)
    data[at + 4 : at + 40] = bytes(36)
    path.write_bytes(data)
    with open_source(path, size="source") as source:
        assert len(read(source)[0]) == 9
    assert source.truncated and any("1 damaged packet " in note for note in source.notes)
    with open_source(path, size="source", duration=0.32) as source:  # the range ends before the file does
        assert len(read(source)[0]) == 7
    assert source.truncated and any("1 damaged packet " in note for note in source.notes)


def test_frames_that_the_decoder_mends_are_told_where_they_are_coded(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 40, size=(320, 240), options={"g": "10", "bf": "0", "qp": "10"})
    with open_source(path, size="source") as source:
        intact = read(source)[1]
    assert source.notes == [] and not source.truncated
    with av.open(str(path)) as file:
        packet = [p for p in file.demux(video=0) if p.size][10]
        assert packet.is_keyframe and packet.pos is not None
        at = packet.pos + packet.size // 2
    data = bytearray(path.read_bytes())
    data[at : at + 60] = bytes(range(60))
    path.write_bytes(data)
    with open_source(path, size="source") as source:
        frames = read(source)[1]
    assert [np.array_equal(a, b) for a, b in zip(frames, intact, strict=True)].index(False) == 10
    assert source.truncated and any("damaged; " in note for note in source.notes)
    for start, duration in ((0, 0.32), (0.8, None)):  # without the damage; a seek may decode it all the same
        with open_source(path, size="source", start=start, duration=duration) as source:
            read(source)
        assert source.notes == [] and not source.truncated


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.ts", "libx264", {"x264-params": "open-gop=1:keyint=12:bframes=3"}),
        ("a.mkv", "libx264", {"x264-params": "intra-refresh=1:keyint=12"}),
        ("a.ts", "libx265", {"x265-params": "log-level=none:open-gop=1:keyint=12:bframes=3"}),
        ("a.mpg", "mpeg1video", {"g": "12", "bf": "2"}),
    ],
)
def test_frames_that_refer_to_what_a_seek_left_out_are_not_damage(
    tmp_path: Path, name: str, codec: str, options: dict[str, str]
) -> None:
    path = write_video(tmp_path / name, 60, codec=codec, options=options)
    for start in (None, 0.6, 1.2, 1.8):
        with open_source(path, size="source", start=start) as source:
            read(source)
        assert source.notes == [] and not source.truncated


def test_a_gif_is_a_video_with_uneven_times(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "a.gif", 5, codec="gif", pixel_format="rgb8", time_base=Fraction(1, 100), pts=[0, 4, 6, 20, 30]
    )
    with open_source(path) as source:
        assert read(source)[0] == [0, 4, 6, 20, 30]
    assert not source.info.is_still


def test_streams_are_spooled_and_the_spool_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = tmp_path / "spool"
    spool.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spool))
    data = write_video(tmp_path / "a.mp4").read_bytes()
    with open_source(io.BytesIO(data)) as source:
        assert len(read(source)[0]) == 12 and source.info.bytes == len(data)
    with pytest.raises(InputError):
        open_source(io.BytesIO(b"not a video"))
    assert list(spool.iterdir()) == []


def text(path: Path) -> None:
    path.write_text("# A readme\n\nnot a video, whatever its name says: ä\n" * 40)


def cut_before_index(path: Path) -> None:
    path.write_bytes(write_video(path.with_name("whole.mp4"), 50).read_bytes()[:3000])


def sound_only(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as file:
        stream = file.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        frame.sample_rate, frame.pts = 48000, 0
        file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def moving_webp(path: Path) -> None:
    path.write_bytes(b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0" + bytes(60))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (text, "a text file"),
        (lambda path: path.write_bytes(b"\x00\x01\x02\xfe" * 500), "not a video or picture"),
        (lambda path: path.mkdir(), "is a folder"),
        (lambda path: None, "no such file"),
        (cut_before_index, "has no index"),
        (sound_only, "sound only"),
        (moving_webp, "animated WebP"),
    ],
)
def test_what_is_no_video_gets_one_line_with_its_name(tmp_path: Path, make: object, message: str) -> None:
    path = tmp_path / "odd.mp4"
    assert callable(make)
    make(path)
    with pytest.raises(InputError) as caught:
        open_source(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith("odd.mp4: ") and "\n" not in str(caught.value)
