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


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-o", "x.txt"], "name must say what to write"),
        (["-o", "-"], "- is no choice here"),
        (["-o", "x.mp4", "--theme", "blue"], "--theme blue: is light or dark"),
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
