from __future__ import annotations

import sys
from fractions import Fraction
from io import BytesIO, TextIOWrapper
from pathlib import Path

import numpy as np
import pytest

from elastictok_cli.errors import OutputError, UsageError
from elastictok_cli.video import open_source

from .clips import picture, read_back, write_video
from .test_muxed import through
from .test_stills import still


def test_numbered_pictures_count_from_one_and_are_exact(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", 3)
    notes = through(path, tmp_path / "frames" / "%04d.png")
    assert sorted(p.name for p in (tmp_path / "frames").iterdir()) == ["0001.png", "0002.png", "0003.png"]
    with open_source(path, size="source") as source:
        frames = [frame.rgb for frame in source.frames()]
    assert np.array_equal(still(tmp_path / "frames" / "0002.png")[0], frames[1])
    assert "numbered pictures keep no times" in notes


def test_numbered_pictures_are_not_replaced_unasked(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", 2)
    (tmp_path / "f-7.png").write_bytes(b"precious")
    with pytest.raises(OutputError, match="f-7.png: already exists"):
        through(path, tmp_path / "f-%d.png")
    through(path, tmp_path / "f-%d.png", overwrite=True)
    assert (tmp_path / "f-7.png").read_bytes() == b"precious"


@pytest.mark.parametrize("name", ["%s.png", "%d-%d.png", "100%.png", "%%.png"])
def test_patterns_without_one_number_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="%05d.png"):
        through(write_video(tmp_path / "in.mp4", 2), tmp_path / name)


def test_pictures_are_turned_upright(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mov", 1, rotation=-90)
    through(path, tmp_path / "out.png")
    rgb = still(tmp_path / "out.png")[0]
    assert np.abs(rgb.astype(int) - np.rot90(picture(0), -1)).mean() < 6


def test_a_video_does_not_fit_one_picture(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="out-%05d.png or out.mp4"):
        through(write_video(tmp_path / "in.mp4", 2), tmp_path / "out.png")
    assert [p.name for p in tmp_path.iterdir()] == ["in.mp4"]


def test_y4m_holds_every_frame_upright(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mov", 5, size=(34, 22), rotation=-90, sar=Fraction(4, 3))
    through(path, tmp_path / "out.y4m")
    after = read_back(tmp_path / "out.y4m")
    assert after["size"] == (22, 34) and after["sar"] == Fraction(3, 4)
    assert after["times"] == [Fraction(i, 25) for i in range(5)]
    assert np.abs(after["frames"][4].astype(int) - np.rot90(picture(4, 34, 22), -1)).mean() < 6


def test_y4m_takes_odd_sizes_and_says_when_times_are_lost(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "in.webm", 4, size=(33, 21), codec="libvpx-vp9", time_base=Fraction(1, 1000), pts=[0, 40, 500, 540]
    )
    notes = through(path, tmp_path / "out.y4m")
    assert len(read_back(tmp_path / "out.y4m")["frames"]) == 4
    assert any("cannot store uneven times" in note for note in notes)


def test_a_dash_is_y4m_on_standard_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(raw))
    through(write_video(tmp_path / "in.mp4", 2), Path("-"))
    assert raw.getvalue().startswith(b"YUV4MPEG2 W64 H48 F25:1 Ip A1:1 C420mpeg2 XCOLORRANGE=LIMITED\nFRAME\n")
    assert len(raw.getvalue()) == len(raw.getvalue().split(b"\n")[0]) + 1 + 2 * (6 + 64 * 48 * 3 // 2)
