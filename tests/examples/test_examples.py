"""Everything in examples/ runs, on a tiny clip, as its first lines say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import av
import pytest
from cli.conftest import FRAMES, write_clip

EXAMPLES = Path(__file__).parents[2] / "examples"
NOT_RUN = {"make_demo_clip.py"}  # needs the film


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


def run(*arguments: str | Path, **environment: str) -> str:
    said = subprocess.run(
        list(map(str, arguments)), capture_output=True, text=True, env={**os.environ, **environment}, check=False
    )
    assert said.returncode == 0, said.stdout + said.stderr
    return said.stdout


def test_every_example_has_a_test() -> None:
    here = Path(__file__).read_text(encoding="utf-8")
    for path in (*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.sh")):
        assert path.name in here
        assert path.name in NOT_RUN or f'"{path.name}"' in here


def test_quickstart(clip: Path, tmp_path: Path) -> None:
    # the command itself, wherever this Python's package is
    command = tmp_path / "bin" / "elastictok"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m elastictok_cli "$@"\n')
    command.chmod(0o755)
    out = tmp_path / "out"
    run("bash", EXAMPLES / "quickstart.sh", clip, out, PATH=f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    names = {"video.etok", "tokens.png", "decoded.mp4", "compare.mp4", "report.html", "stats.txt"}
    assert {path.name for path in out.iterdir()} == names


def test_python_api(clip: Path, tmp_path: Path) -> None:
    said = run(sys.executable, EXAMPLES / "python_api.py", clip, tmp_path / "out")
    assert said.startswith(f"{FRAMES} frames, ") and "first block: uint16 (" in said
    assert "findings []" in said
    with av.open(str(tmp_path / "out" / "decoded.mp4")) as file:
        assert sum(1 for _ in file.decode(video=0)) == FRAMES


def test_search_strategies(clip: Path) -> None:
    said = run(sys.executable, EXAMPLES / "search_strategies.py", clip, "--duration", "0.3").splitlines()
    rows = {cells[1].strip(): cells[2:6] for cells in (line.split("|") for line in said[2:])}
    assert list(rows) == ["full", "binned", "binary", "original", "fast"]
    tries, tokens = ({name: float(cells[i]) for name, cells in rows.items()} for i in (0, 1))
    assert tokens["full"] == 1 and tries["fast"] < tries["binary"] < tries["full"] > tries["binned"]
    assert all(rows[name][2].strip().startswith("0 of") for name in rows if name != "original")


def test_figure4(clip: Path, tmp_path: Path) -> None:
    said = run(sys.executable, EXAMPLES / "figure4.py", clip, tmp_path / "f.png").splitlines()
    assert said[0].startswith("elastic: ") and "100 % of the blocks meet 0.007" in said[0]
    assert sum(line.startswith("fixed: ") for line in said) >= 2 and (tmp_path / "f.png").stat().st_size > 5000


def test_train_gpt(clip: Path, tmp_path: Path) -> None:
    short = ["--options=-t 0.05 -j 1", "--steps", "15", "--prompt", "2", "--sample", "2"]
    said = run(sys.executable, EXAMPLES / "train_gpt.py", "--video", clip, "--out", tmp_path, *short)
    losses = [float(line.split()[3].rstrip(",")) for line in said.splitlines() if line.startswith("step ")]
    assert losses[-1] < 0.7 * losses[0]
    assert said.splitlines()[-1].endswith("2 blocks of the clip, then 2 that were made up")
    with av.open(str(tmp_path / "sampled.mp4")) as file:
        assert [(frame.width, frame.height) for frame in file.decode(video=0)] == [(128, 256)] * 16


def test_simulate_cluster(tmp_path: Path) -> None:
    (tmp_path / "r.jsonl").write_text('{"status": "done", "seconds": 20.0, "frames": 100}\n{"status": "failed"}\n')
    small = ["--hours", "10", "--cores", "32", "--results", tmp_path / "r.jsonl"]
    said = run(sys.executable, EXAMPLES / "simulate_cluster.py", *small, "--mtbf-hours", "0").splitlines()
    assert "2 nodes of 16 cores" in said[1] and "0 node failures" in said[1]
    paid, used = (float(word.replace(",", "")) for word in (said[2].split()[1], said[2].split()[3]))
    assert 50 <= used < paid  # 900,000 frames at 0.2 s are 50 hours
    failing = run(sys.executable, EXAMPLES / "simulate_cluster.py", *small, "--mtbf-hours", "1").splitlines()
    assert "0 node failures" not in failing[1] and not failing[2].endswith(" 0.0 lost to failures")


def test_dataset_speed(tmp_path: Path) -> None:
    assert "ratio " in run(sys.executable, EXAMPLES / "dataset_speed.py", tmp_path, "20")


def test_tokenizer_speed() -> None:
    table = run(sys.executable, EXAMPLES / "tokenizer_speed.py", "--clips", "2", "--batch", "1", "2", "--tokens", "32")
    rows = [line.split("|")[1:-1] for line in table.splitlines() if line.startswith("| cpu")]
    assert [row[2].strip() for row in rows] == ["1", "2"]
    assert all(float(row[3].replace(",", "")) > 0 for row in rows)
