"""`elastictok bench` as a user calls it, with the bundled model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from .conftest import Run


def test_a_quick_look_and_the_same_again(run: Run, clip: Path, model: str, tmp_path: Path) -> None:
    what = ["bench", clip, "-o", tmp_path / "out", "--duration", "0.3", "--thresholds", "0.05", "--codecs", ""]
    said = run(*what, "--json", "--stills", "0", "--model", model)
    assert said.code == 0, said.err
    records = [json.loads(line) for line in said.out.splitlines()]
    assert [r["what"] for r in records][:2] == ["clip at 0.05", "clip content"]
    assert not any(r["kept"] for r in records)
    page = (tmp_path / "out" / "benchmarks.md").read_text()
    assert "elastictok bench CLIPS --thresholds 0.05 --duration 0.3 --model plain.safetensors" in page
    assert "1 clip (8 frames, the first 0.3 s of each)" in page
    again = run(*what, "--json", "--stills", "0", "--model", model)
    assert all(json.loads(line)["kept"] for line in again.out.splitlines())
    assert again.err.splitlines()[-1].startswith(f"{tmp_path}/out/benchmarks.md: the page; ")


def test_a_damaged_file_in_a_folder_is_left_out_and_said(run: Run, clip: Path, model: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(clip, tmp_path / "in/good.mp4")
    (tmp_path / "in/bad.mp4").write_bytes(clip.read_bytes()[:300])
    what = ["--duration", "0.3", "--thresholds", "0.05", "--codecs", "", "--stills", "0", "--model", model]
    said = run("bench", tmp_path / "in", "-o", tmp_path / "out", *what)
    assert said.code == 8
    assert "note: bad.mp4: " in said.err and "left out" in said.err
    assert said.err.splitlines()[-1] == "error: 1 file could not be read; the page covers the other 1"
    assert (tmp_path / "out/benchmarks.md").exists()
    for name in (tmp_path / "in/bad.mp4", f"{tmp_path}//in/./bad.mp4"):
        said = run("bench", tmp_path / "in", name, "-o", tmp_path / "out", *what)
        assert said.code == 3 and "error: bad.mp4: " in said.err  # it was named
    (tmp_path / "in/good.mp4").unlink()
    said = run("bench", tmp_path / "in", "-o", tmp_path / "out", *what)
    assert said.code == 3 and "error: bad.mp4: " in said.err  # nothing else is there


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--thresholds", "a,b"], 2, "--thresholds a,b: must be numbers"),
        (["--thresholds", "27"], 2, "--threshold 27 is not a mean squared error"),
        (["--thresholds", ""], 2, "at least one"),
        (["--codecs", "vp6"], 2, "--codecs vp6: is unknown"),
        (["nowhere.mp4"], 3, "nowhere.mp4: there is no such file"),
    ],
)
def test_what_cannot_be_meant(
    run: Run, clip: Path, model: str, tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    said = run("bench", clip, *arguments, "-o", tmp_path / "out", "--model", model)
    assert said.code == code and says in said.err and said.err.count("\n") == 1
    assert not (tmp_path / "out").exists()
