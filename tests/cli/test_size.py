"""`elastictok encode --target-size` and `--target-bpp` with the real codec, on a clip of a few blocks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from elastictok_cli.container import Reader

from .conftest import Run, process

SMALL = ["--no-audio", "--duration", "0.4"]


def test_passes_are_told_and_the_file_fits(run: Run, clip: Path, model: str, tmp_path: Path) -> None:
    path = tmp_path / "a.etok"
    said = run("encode", clip, "-o", path, "--model", model, "--target-size", "1kB", *SMALL)
    assert said.code == 0, said.err
    assert path.stat().st_size <= 1000
    assert "pass 1 of at most 3: threshold " in said.err and "% of the size" in said.err
    with Reader(path) as reader:
        assert f"threshold {reader.header.threshold:.4g} in 2 of 2" in said.err
    assert [p.name for p in tmp_path.iterdir()] == ["a.etok"]
    assert "at most 1.0 kB: threshold 0." in run("stats", path).out


def test_json_tells_passes_and_which_is_kept(run: Run, clip: Path, model: str, tmp_path: Path) -> None:
    path = tmp_path / "a.etok"
    said = run("encode", clip, "-o", path, "--model", model, "--target-bpp", "1.5", *SMALL, "--json")
    records = [json.loads(line) for line in said.out.splitlines()]
    kinds = [record["type"] for record in records]
    assert kinds[0] == "pass" and kinds[-2:] == ["size_reached", "finished"]
    assert kinds.count("pass") == kinds.count("started") == kinds.count("pass_done") and 1 <= kinds.count("pass") <= 3
    kept = [record for record in records if record["type"] == "pass_done"][records[-2]["kept"] - 1]
    assert kept["bytes_out"] == path.stat().st_size == records[-1]["bytes_out"]


def test_standard_input_is_read_as_often_as_needed(clip: Path, model: str, run: Run, tmp_path: Path) -> None:
    goal = ["--target-size", "1kB", "--model", model, "--no-audio", "--duration", "0.4"]
    said = process("encode", "-", *goal, "-q", stdin=clip.read_bytes())
    assert said.returncode == 0, said.stderr
    assert run("encode", clip, "-o", tmp_path / "a.etok", *goal, "-q").code == 0
    assert said.stdout == (tmp_path / "a.etok").read_bytes()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--target-size", "large"], "--target-size large: not a size; write 1.5MB"),
        (["--target-size", "0"], "--target-size 0"),
        (["--target-bpp", "-1"], "--target-bpp -1"),
        (["--target-size", "9kB", "--psnr", "30"], "--psnr and --target-size exclude each other"),
        (["--target-size", "9kB", "--strict"], "--strict needs a threshold"),
        (["--target-size", "9kB", "--resume"], "--resume needs one pass"),
    ],
)
def test_a_goal_that_cannot_be_is_one_line(
    run: Run, clip: Path, model: str, tmp_path: Path, arguments: list[str], text: str
) -> None:
    said = run("encode", clip, "-o", tmp_path / "a.etok", "--model", model, *arguments)
    assert (said.code, said.err.count("\n")) == (2, 1) and text in said.err
    assert list(tmp_path.iterdir()) == []


def test_sound_alone_may_be_too_much(run: Run, clip: Path, model: str, tmp_path: Path) -> None:
    said = run("encode", clip, "-o", tmp_path / "a.etok", "--model", model, "--target-size", "2kB")
    assert said.code == 2
    assert "or leave out the sound" in said.err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
