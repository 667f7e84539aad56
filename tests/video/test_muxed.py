from __future__ import annotations

import errno
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from elastictok_cli.errors import OutputError, UsageError
from elastictok_cli.video import SinkOptions, Source, open_sink, open_source
from elastictok_cli.video.muxed import MuxedSink

from .clips import picture, read_back, write_video


def through(path: Path, out: Path, size: str = "source", **options: Any) -> list[str]:
    """From source to sink, frame by frame with the sound in between; the sink's notes."""
    with open_source(path, size=size) as source:
        sink_options = SinkOptions(end_pts=source.info.end_pts, **options)
        with open_sink(out, sink_options, source.info) as sink:
            copy(source, sink)
    return sink.notes


def copy(source: Source, sink: Any) -> None:
    sound = list(source.audio_packets())
    for frame in source.frames():
        sink.write(frame.pts, frame.rgb)
        until = frame.pts * source.info.time_base
        while sound and sound[0].pts * source.info.audio[sound[0].stream].time_base <= until:
            sink.write_audio(sound.pop(0))
    for packet in sound:
        sink.write_audio(packet)


# The muxer of these inputs gets the length of uneven times wrong where DTS and PTS differ.
NO_B = {"bf": "0"}
UNEVEN = [0, 17, 18, 400, 1234, 1235, 1300, 2000, 2001, 2900, 3000, 5000]


@pytest.mark.parametrize("out", ["out.mp4", "out.mov", "out.mkv", "out.webm"])
@pytest.mark.parametrize("pts", [None, UNEVEN, [1433 + 40 * i for i in range(12)]], ids=["even", "uneven", "late"])
def test_times_and_length_come_back(tmp_path: Path, out: str, pts: list[int] | None) -> None:
    path = write_video(tmp_path / "in.mp4", time_base=Fraction(1, 1000 if pts else 25), pts=pts, options=NO_B)
    through(path, tmp_path / out, codec="vp9" if out.endswith("webm") else "h264", crf=30)
    before, after = read_back(path), read_back(tmp_path / out)
    assert after["times"] == before["times"]
    if out.endswith(("mp4", "mov")):  # the others count from zero, and round to milliseconds
        assert after["time_base"] == before["time_base"] and after["duration"] == before["duration"]
    assert not [p.name for p in tmp_path.iterdir() if "part" in p.name]


def test_times_in_fine_ticks_are_not_rounded(tmp_path: Path) -> None:
    ticks = [129003 + 3003 * i for i in range(12)]
    path = write_video(tmp_path / "in.ts", time_base=Fraction(1, 90000), pts=ticks, sound="aac")
    through(path, tmp_path / "out.mp4")
    assert read_back(tmp_path / "out.mp4")["times"] == read_back(path)["times"]


@pytest.mark.parametrize(
    ("codec", "encoder", "out"),
    [
        ("h264", "h264", "out.mp4"),
        ("hevc", "hevc", "out.mp4"),
        ("av1", "av1", "out.mp4"),
        ("vp9", "vp9", "out.webm"),
        ("ffv1", "ffv1", "out.mkv"),
    ],
)
def test_every_codec_writes_what_was_given(tmp_path: Path, codec: str, encoder: str, out: str) -> None:
    path = write_video(tmp_path / "in.mp4", size=(128, 96))
    through(path, tmp_path / out, codec=codec)
    after = read_back(tmp_path / out)
    assert after["codec"] == encoder and len(after["frames"]) == 12
    assert all(np.abs(f.astype(int) - picture(i, 128, 96)).mean() < 6 for i, f in enumerate(after["frames"]))


def test_hevc_of_one_or_two_frames_has_times_each_time(tmp_path: Path) -> None:
    # x265 gives such packets a DTS of whatever an encoder before it left in memory.
    paths = {frames: write_video(tmp_path / f"{frames}.mp4", frames) for frames in (1, 2, 12)}
    for frames in (12, 2, 12, 1) * 8:
        through(paths[frames], tmp_path / "out.mp4", codec="hevc", overwrite=True)
        with av.open(str(tmp_path / "out.mp4")) as file:
            times = [(p.pts, p.dts) for p in file.demux(video=0) if p.size]
        assert len(times) == frames
        assert frames == 12 or all(pts == dts for pts, dts in times)


def test_ffv1_loses_nothing(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", 3)
    through(path, tmp_path / "out.mkv", codec="ffv1")
    with open_source(path, size="source") as source:
        frames = [frame.rgb for frame in source.frames()]
    assert all(np.array_equal(a, b) for a, b in zip(frames, read_back(tmp_path / "out.mkv")["frames"], strict=True))


@pytest.mark.parametrize("out", ["out.mp4", "out.mov", "out.mkv", "out.webm"])
@pytest.mark.parametrize("rotation", [-90, 90, 180])
def test_the_picture_is_shown_turned_as_the_source_is(tmp_path: Path, out: str, rotation: int) -> None:
    path = write_video(tmp_path / "in.mov", 3, rotation=rotation)
    through(path, tmp_path / out)
    before, after = read_back(path), read_back(tmp_path / out)
    assert abs(after["rotation"]) == 180 if rotation == 180 else after["rotation"] == before["rotation"]
    assert after["size"] == before["size"]


def test_aspect_and_colour_tags_are_written(tmp_path: Path) -> None:
    tags = (1, 1, 1, 1)
    path = write_video(tmp_path / "in.mp4", 3, sar=Fraction(12, 11), tags=tags)
    through(path, tmp_path / "out.mp4")
    after = read_back(tmp_path / "out.mp4")
    assert after["sar"] == Fraction(12, 11) and after["tags"] == tags


@pytest.mark.parametrize(
    ("name", "codec", "noted"),
    [
        ("out.webm", "av1", True),
        ("out.webm", "vp9", True),
        ("out.mkv", "av1", True),
        ("out.mkv", "h264", False),
        ("out.mkv", "hevc", False),
        ("out.mp4", "av1", False),
    ],
)
@pytest.mark.parametrize("sar", [Fraction(4, 3), Fraction(8, 9)])
def test_the_shape_shown_is_the_same_in_every_output(
    tmp_path: Path, name: str, codec: str, noted: bool, sar: Fraction
) -> None:
    notes = through(write_video(tmp_path / "in.mp4", 2, sar=sar), tmp_path / name, codec=codec)
    after = read_back(tmp_path / name)
    assert round(after["size"][0] * (after["sar"] or 1)) == round(64 * sar) and after["size"][1] == 48
    assert any(".mp4 keeps it" in note for note in notes) == noted


def test_ffv1_keeps_its_pixels_and_says_that_they_are_not_square(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", 2, sar=Fraction(4, 3))
    notes = through(path, tmp_path / "out.mkv", codec="ffv1")
    assert read_back(tmp_path / "out.mkv")["size"] == (64, 48)
    assert notes == ["pixels are 4:3, which FFV1 in .mkv does not say to players"]


@pytest.mark.parametrize("levels", [1, 2])
def test_the_range_of_levels_is_kept_and_brightness_with_it(tmp_path: Path, levels: int) -> None:
    pixel_format = "yuvj420p" if levels == 2 else "yuv420p"
    path = write_video(tmp_path / "in.mp4", 3, pixel_format=pixel_format, tags=(2, 2, 6, levels))
    through(path, tmp_path / "out.mp4")
    after = read_back(tmp_path / "out.mp4")
    assert after["tags"][2:] == (6, levels)
    assert abs(float(after["frames"][0].mean()) - float(read_back(path)["frames"][0].mean())) < 1


def test_an_untagged_video_gets_the_tags_it_was_read_with(tmp_path: Path) -> None:
    through(write_video(tmp_path / "in.mp4", 2), tmp_path / "out.mp4")
    assert read_back(tmp_path / "out.mp4")["tags"] == (2, 2, 6, 1)


def test_odd_sizes_come_back_and_say_what_that_costs(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.webm", 3, size=(33, 21), codec="libvpx-vp9")
    notes = through(path, tmp_path / "out.mp4")
    assert read_back(tmp_path / "out.mp4")["size"] == (33, 21)
    assert any("4:4:4" in note for note in notes)


def test_size_source_enlarges_to_the_input(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", 2, size=(128, 96))
    through(path, tmp_path / "out.mp4", size="64")
    assert read_back(tmp_path / "out.mp4")["size"] == (86, 64)
    with (
        open_source(path, size="64") as source,
        open_sink(tmp_path / "big.mp4", SinkOptions(size="source"), source.info) as sink,
    ):
        copy(source, sink)
    big = read_back(tmp_path / "big.mp4")
    assert big["size"] == (128, 96) and np.abs(big["frames"][0].astype(int) - picture(0, 128, 96)).mean() < 6


def test_a_part_may_start_at_zero(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", 40, sound="aac", options={"g": "5"})
    with (
        open_source(path, start=0.8) as source,
        open_sink(tmp_path / "out.mp4", SinkOptions(rebase=True), source.info) as sink,
    ):
        copy(source, sink)
    after = read_back(tmp_path / "out.mp4")
    assert after["times"][0] == 0 and len(after["times"]) == 20
    assert 0 <= float(after["sound"][0][1]) < 0.03


def test_a_clock_that_starts_far_from_zero_is_set_to_zero(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mkv", 3, time_base=Fraction(1, 1000), pts=[900_000, 900_040, 900_080])
    notes = through(path, tmp_path / "out.mp4")
    assert read_back(tmp_path / "out.mp4")["times"][0] == 0
    assert any("900.0 s" in note for note in notes)


def test_an_existing_output_stays_unless_told_otherwise(tmp_path: Path) -> None:
    path, out = write_video(tmp_path / "in.mp4", 2), tmp_path / "out.mp4"
    out.write_bytes(b"precious")
    with pytest.raises(OutputError, match="already exists"):
        through(path, out)
    assert out.read_bytes() == b"precious"
    out.chmod(0o600)
    through(path, out, overwrite=True)
    assert len(read_back(out)["times"]) == 2 and out.stat().st_mode & 0o777 == 0o600


def test_a_link_stays_and_a_pipe_too(tmp_path: Path) -> None:
    path, behind = write_video(tmp_path / "in.mp4", 2), tmp_path / "far" / "out.mp4"
    behind.parent.mkdir()
    (tmp_path / "link.mp4").symlink_to(behind)
    through(path, tmp_path / "link.mp4", overwrite=True)
    assert (tmp_path / "link.mp4").is_symlink() and len(read_back(behind)["times"]) == 2
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(OutputError, match="it is a device or a pipe"):
        through(path, tmp_path / "pipe.mp4", overwrite=True)
    assert (tmp_path / "pipe.mp4").is_fifo()


@pytest.mark.parametrize("name", ["out.mp4", "out.y4m", "out.png", "frames/%03d.png"])
def test_a_failed_run_leaves_nothing_and_keeps_what_was_there(tmp_path: Path, name: str) -> None:
    path, out = write_video(tmp_path / "in.mp4", 2), tmp_path / name
    if "/" not in name:
        out.write_bytes(b"precious")
    with (
        open_source(path) as source,
        pytest.raises(KeyboardInterrupt),
        open_sink(out, SinkOptions(overwrite=True), source.info) as sink,
    ):
        frame = next(source.frames())
        sink.write(frame.pts, frame.rgb)
        raise KeyboardInterrupt
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["in.mp4"] + ([name] if "/" not in name else []))
    if "/" not in name:
        assert out.read_bytes() == b"precious"


def test_a_full_disk_is_named_and_nothing_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(MuxedSink, "_mux", full)
    with pytest.raises(OutputError, match="no space left"):
        through(write_video(tmp_path / "in.mp4", 2), tmp_path / "out.mp4")
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("out.txt", {}, UsageError, "frames/%05d.png"),
        ("out", {}, UsageError, "the name must end in"),
        ("nowhere/out.mp4", {}, OutputError, "does not exist"),
        (".", {}, UsageError, "the name must end in"),
        ("out.mp4", {"codec": "xvid"}, UsageError, "must be one of"),
        ("out.mp4", {"crf": 52}, UsageError, "0 to 51"),
        ("out.mp4", {"codec": "ffv1"}, UsageError, ".mkv only"),
        ("out.mp4", {"size": "big"}, UsageError, "coded or source"),
    ],
)
def test_outputs_that_cannot_be_are_refused_before_any_work(
    tmp_path: Path, name: str, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with open_source(write_video(tmp_path / "in.mp4", 2)) as source, pytest.raises(error, match=message):
        open_sink(tmp_path / name, SinkOptions(**options), source.info)
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_nothing_to_write_is_an_error(tmp_path: Path) -> None:
    with (
        open_source(write_video(tmp_path / "in.mp4", 2)) as source,
        pytest.raises(OutputError, match="no frame"),
        open_sink(tmp_path / "out.mp4", SinkOptions(), source.info),
    ):
        pass
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_frame_threads_make_x264_spend_fewer_bytes_than_slices(tmp_path: Path) -> None:
    # The trap that this guards: PyAV opens encoders with slice threads.
    path = write_video(tmp_path / "in.mp4", 30, size=(320, 240))
    through(path, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as file:
        packet = next(p for p in file.demux(video=0) if p.size)
    sei = bytes(packet)
    assert b"sliced_threads=0" in sei
