"""Animated GIF: times, colours, and what it cannot hold."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from elastictok_cli.video import SinkOptions, open_sink, open_source

from .clips import picture, write_video
from .test_muxed import UNEVEN, copy, through


def read(path: Path) -> tuple[list[Fraction], list[np.ndarray]]:
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
        return [f.pts * f.time_base for f in frames], [f.to_ndarray(format="rgb24") for f in frames]


def test_frames_come_at_their_times_as_far_as_a_gif_can(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", 12, pts=UNEVEN, time_base=Fraction(1, 1000), options={"bf": "0"})
    notes = through(path, tmp_path / "a.gif")
    times, pictures = read(tmp_path / "a.gif")
    ticks = [round(float(t) * 100) for t in times]
    assert ticks == [0, 40, 123, 200, 290, 300, 500]  # none within 8 of the one kept before it
    assert notes == ["a GIF gets at most 12.5 fps; it shows 7 of 12"]
    assert np.abs(pictures[0].astype(int) - picture(0)).mean() < 8


def test_a_wide_one_is_made_smaller_and_a_turned_one_upright(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mov", 2, size=(128, 1200), rotation=-90)
    notes = through(path, tmp_path / "a.gif")
    _, pictures = read(tmp_path / "a.gif")
    assert pictures[0].shape == (round(128 * 960 / 1200), 960, 3)
    assert any("960 pixels wide" in note for note in notes)


def test_the_same_video_gives_the_same_bytes_and_sound_is_left_out(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", 6, sound="aac")
    notes = through(path, tmp_path / "a.gif")
    through(path, tmp_path / "b.gif")
    assert (tmp_path / "a.gif").read_bytes() == (tmp_path / "b.gif").read_bytes()
    assert "a GIF holds no sound; .mkv does" in notes
    assert len(read(tmp_path / "a.gif")[0]) == 3  # 25 a second, every other one


@pytest.mark.parametrize(
    ("frames", "end", "lasts"), [(11, 17, 28), (11, 11, 4), (12, 12, 8), (11, None, 4), (1, 5, 20)]
)
def test_the_last_picture_stays_until_the_end(tmp_path: Path, frames: int, end: int | None, lasts: int) -> None:
    """end: in frames of 1/25 s. Pictures are kept at 0, 8, ... 40 hundredths; without an end by the usual step."""
    with open_source(write_video(tmp_path / "in.mp4", frames)) as source:
        pts = None if end is None else round(end / 25 / source.info.time_base)
        with open_sink(tmp_path / "a.gif", SinkOptions(end_pts=pts), source.info) as sink:
            copy(source, sink)
    with av.open(str(tmp_path / "a.gif")) as file:
        packets = [packet for packet in file.demux(video=0) if packet.pts is not None]
    assert packets[-1].pts == 8 * ((frames - 1) // 2) and packets[-1].duration == lasts
