"""Outputs in folders and under names that libraries would take for something else; sizes that encoders refuse."""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from elastictok_cli.errors import InputError, UsageError
from elastictok_cli.video import SinkOptions, open_sink, open_source

from .clips import picture, write_video
from .test_muxed import through

NAMES = [
    "a$x$_{b",
    "a%d",
    "100%",
    "12:30 talk",
    "pipe:1",
    "-dash",
    "\U0001f600",
    "two\nlines",
    "<!--<script>",
    "b" * 240,
]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".gif", ".y4m"])
@pytest.mark.parametrize("name", [*NAMES, os.fsdecode(b"no\xff\xfeutf8")])
def test_any_name_in_any_folder_is_written(
    tmp_path: Path, name: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_video(tmp_path / "in.mp4", 3)
    folder = tmp_path / "f%d $ c:d"
    folder.mkdir()
    monkeypatch.chdir(folder)
    through(source, Path(name + suffix), codec="vp9" if suffix == ".webm" else "h264")
    assert os.listdir(folder) == [name + suffix]
    with open(name + suffix, "rb") as file, av.open(file) as video:
        assert len(list(video.decode(video=0))) >= 1


def test_numbered_pictures_lie_in_a_folder_with_a_number_sign(tmp_path: Path) -> None:
    through(write_video(tmp_path / "in.mp4", 2), tmp_path / "f%d" / "%03d.png")
    assert sorted(os.listdir(tmp_path / "f%d")) == ["001.png", "002.png"]


@pytest.mark.parametrize(
    "codec, width, height", [("av1", 3, 5), ("hevc", 12, 40), ("h264", 16386, 8), ("ffv1", 1, 1), ("av1", 16386, 8)]
)
def test_a_size_that_an_encoder_refuses_is_one_line(tmp_path: Path, codec: str, width: int, height: int) -> None:
    Image.new("RGB", (width, height), (200, 30, 30)).save(tmp_path / "a.png")
    target = tmp_path / ("a.mkv" if codec == "ffv1" else "a.mp4")
    with open_source(tmp_path / "a.png", size="source") as source:
        with pytest.raises(UsageError, match=rf"{codec} takes sides of .* and this is {width}x{height}; --codec vp9"):
            open_sink(target, SinkOptions(codec=codec), source.info)
        with open_sink(target, SinkOptions(codec="vp9"), source.info) as sink:
            for frame in source.frames():
                sink.write(frame.pts, frame.rgb)
    assert sorted(os.listdir(tmp_path)) == [target.name, "a.png"][:: 1 if target.name < "a.png" else -1]


def test_a_side_that_no_etok_holds_is_refused_with_a_way_out(tmp_path: Path) -> None:
    Image.new("RGB", (65_540, 8)).save(tmp_path / "a.png")
    with pytest.raises(UsageError, match="65540x8: a side of more than 65,535 pixels cannot be coded; --size fit256"):
        open_source(tmp_path / "a.png", size="source")
    with open_source(tmp_path / "a.png", size="512x8") as source:
        assert source.info.coded_size == (512, 8)


def test_an_encrypted_video_says_so(tmp_path: Path) -> None:
    keys = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "76" * 16, "encryption_kid": "a7" * 16}
    write_video(tmp_path / "a.mp4", 5, container_options=keys)
    with pytest.raises(InputError, match=r"a.mp4: its video is encrypted \(DRM\)"):
        open_source(tmp_path / "a.mp4")


def test_a_note_names_few_of_many_streams(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as file:
        streams = [file.add_stream("mpeg4", rate=25) for _ in range(30)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number, stream in enumerate(streams):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture(number)), "rgb24")
            frame.pts = 0
            file.mux(stream.encode(frame))
            file.mux(stream.encode(None))
    with open_source(tmp_path / "a.mkv") as source:
        (note,) = [note for note in source.notes if note.startswith("left out")]
        assert note.endswith("and 24 more") and len(note) < 240
