"""`elastictok compare` as a user calls it."""

from __future__ import annotations

import json
from pathlib import Path

import av
import pytest

from .conftest import FRAMES, RATE, Run


def facts(path: Path) -> tuple[int, float, int]:
    """Frames, rate, sound tracks."""
    with av.open(str(path)) as file:
        video = file.streams.video[0]
        return sum(1 for _ in file.decode(video)), float(video.average_rate or 0), len(file.streams.audio)


def test_a_file_beside_its_source(run: Run, clip: Path, etok: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "demo.mp4"
    said = run("compare", clip, etok, "-o", out, "--model", model)
    assert said.code == 0, said.err
    assert facts(out) == (FRAMES, RATE, 1)
    assert said.err.splitlines()[-1].startswith(f"{out}: {FRAMES} frames in ")
    assert run("compare", clip, etok, "-o", out, "--model", model).code == 6


def test_thresholds_are_encoded_for_it_and_nothing_else_is_left(
    run: Run, clip: Path, model: str, tmp_path: Path
) -> None:
    out = tmp_path / "sheet.png"
    said = run("compare", clip, "-t", "0.02", "-t", "0.05", "-o", out, "--rows", "1", "--model", model, "--json")
    assert said.code == 0, said.err
    records = [json.loads(line) for line in said.out.splitlines()]
    assert [r["job"] for r in records if r["type"] == "started"] == ["compare"]
    assert records[-1]["type"] == "finished" and records[-1]["bytes_out"] == out.stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]
    with av.open(str(out)) as file:
        picture = next(file.decode(video=0))
    assert picture.width > 3 * 240 * 72 / 50  # three pictures, enlarged to 240 lines


def test_a_part_beside_the_same_with_fewer_tokens(run: Run, clip: Path, etok: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "part.mp4"
    part = ("--start", "0.2", "--duration", "0.4", "--keep", "50%", "--keep", "10")
    said = run("compare", clip, etok, "-o", out, *part, "--model", model)
    assert said.code == 0, said.err
    frames, rate, _ = facts(out)
    assert (frames, rate) == (round(0.4 * RATE), RATE)
    with av.open(str(out)) as file:
        assert next(file.decode(video=0)).width > 4 * 240 * 72 / 50  # source, the file, and two cuts of it


def test_a_comparison_has_the_size_that_it_is_given(run: Run, clip: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    what = ("-t", "0.05", "--size", "36x24", "--duration", "0.2", "--precision", "float32", "--rows", "1")
    said = run("compare", clip, *what, "-o", out, "--model", model, "--json")
    assert said.code == 0, said.err
    started = json.loads(said.out.splitlines()[0])
    assert (started["width"], started["height"]) == (36, 24)


def test_another_video_is_refused(run: Run, clip: Path, etok: Path, model: str, tmp_path: Path) -> None:
    other = tmp_path / "other.mp4"
    with av.open(str(clip)) as read, av.open(str(other), "w") as write:
        video = read.streams.video[0]
        stream = write.add_stream("libx264", rate=RATE)
        stream.width, stream.height = video.width, video.height
        stream.codec_context.time_base = stream.time_base = video.time_base
        for frame in read.decode(video):
            picture = av.VideoFrame.from_ndarray(255 - frame.to_ndarray(format="rgb24"), "rgb24")
            picture.pts, picture.time_base = frame.pts, frame.time_base
            write.mux(stream.encode(picture))
        write.mux(stream.encode(None))
    said = run("compare", other, etok, "-o", tmp_path / "out.mp4", "--model", model)
    assert said.code == 3 and f"other.mp4: this is not what {etok} was made from: " in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["other.mp4"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-o", "x.mp4", "--size", "source"], "--size: the files have a size already"),
        (["-o", "x.mp4", "--keep", "0%"], "--keep 0%: "),
        (["-o", "x.txt"], "the name must end in"),
        (["-o", "-"], "- is not possible"),
        (["-o", "x.mp4", "--theme", "blue"], "--theme blue: must be light or dark"),
        (["-o", "x.mp4", "--height", "5"], "--height 5"),
    ],
)
def test_what_cannot_be_meant(
    run: Run, clip: Path, etok: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], says: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    said = run("compare", clip, etok, *arguments, "--model", model)
    assert said.code == 2 and says in said.err and said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_inputs_are_not_written_over(run: Run, clip: Path, etok: Path, model: str) -> None:
    before = clip.read_bytes(), etok.read_bytes()
    for name in (clip, etok):
        assert run("compare", clip, etok, "-o", name, "-f", "--model", model).code == 2
    assert run("compare", clip, "nowhere.etok", "-o", "x.mp4").code == 3
    assert (clip.read_bytes(), etok.read_bytes()) == before
