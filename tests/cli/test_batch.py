"""`elastictok batch` as a user runs it."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from elastictok_cli.cli.batch import batch
from elastictok_cli.cli.encode import encode

from .conftest import Run, write_clip


@pytest.fixture
def folder(clip: Path, tmp_path: Path) -> Path:
    """A clip, and a damaged one in a folder."""
    (tmp_path / "in/sub").mkdir(parents=True)
    shutil.copy(clip, tmp_path / "in/good.mp4")
    (tmp_path / "in/sub/bad.mp4").write_bytes(clip.read_bytes()[:300])
    return tmp_path / "in"


def test_a_failed_file_is_named_and_the_rest_is_there(
    run: Run, folder: Path, etok: Path, model: str, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    said = run("batch", folder, "-o", out, "--model", model, "-j", "1")
    assert said.code == 8 and said.out == ""
    assert (out / "good.etok").read_bytes() == etok.read_bytes()
    (failed,) = [line for line in said.err.splitlines() if line.startswith("failed: ")]
    assert "sub/bad.mp4" in failed
    assert f"{out}: 1 file encoded, 0 unchanged, 1 failed, of 2; results.jsonl, results.parquet" in said.err
    assert said.err.splitlines()[-1].startswith("error: 1 file failed")
    (folder / "sub/bad.mp4").unlink()
    said = run("batch", folder, "-o", out, "--model", model, "-j", "1", "--json")
    assert said.code == 0
    kinds = [json.loads(line) for line in said.out.splitlines()]
    assert [(kind["type"], kind.get("status")) for kind in kinds] == [("file", "skipped"), ("batch", None)]
    assert kinds[-1]["files"] == {"done": 0, "partial": 0, "skipped": 1, "failed": 0}


def test_a_partial_file_is_said_and_counted_in_every_run(run: Run, model: str, tmp_path: Path) -> None:
    cut = write_clip(tmp_path / "cut.mkv", 300)
    cut.write_bytes(cut.read_bytes()[:-20000])
    for status in ("partial", "skipped"):
        said = run("batch", cut, "-o", tmp_path / "out", "--model", model, "-j", "1", "--json")
        assert said.code == 8
        assert "partial: " in said.err and "1 file partial" in said.err.splitlines()[-1]
        file = json.loads(said.out.splitlines()[0])
        assert (file["status"], file["exit_code"]) == (status, 8)


def test_where_nothing_succeeds_the_exit_code_is_that_of_the_first(run: Run, tmp_path: Path, model: str) -> None:
    (tmp_path / "a.mp4").write_bytes(b"")
    said = run("batch", tmp_path / "a.mp4", "-o", tmp_path / "out", "--model", model, "-j", "1")
    assert said.code == 3
    assert said.err.splitlines()[-1].startswith("error: no file could be encoded: a.mp4: the file is empty")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--threshold", "27.6"], "did you mean --psnr 27.6"),
        (["--threshold", "0.007", "--psnr", "30"], "--threshold and --psnr exclude each other"),
        (["--search", "fats"], "did you mean fast"),
        (["--engine", "spark"], "is local or ray"),
        (["--address", "auto"], "--engine ray"),
        (["--target-size", "1MB", "--strict"], "--strict needs a threshold"),
        (["--max-tokens", "0"], "--max-tokens 0"),
    ],
)
def test_a_wrong_option_is_said_before_any_file(
    run: Run, folder: Path, tmp_path: Path, arguments: list[str], text: str
) -> None:
    said = run("batch", folder, "-o", tmp_path / "out", *arguments)
    assert said.code == 2
    assert said.err.startswith("error: ") and text in said.err and said.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_the_options_are_those_of_encode() -> None:
    ours, theirs = inspect.signature(batch).parameters, inspect.signature(encode).parameters
    about_one_file = {"source", "output", "resume", "jobs", "threads", "keep_curves", "whole_curves"}
    assert set(theirs) - about_one_file <= set(ours)


@pytest.mark.slow
def test_ctrl_c_ends_it_and_the_same_command_goes_on(run: Run, model: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for number in range(6):
        write_clip(tmp_path / f"in/{number}.mp4", 40)
    command = ["batch", str(tmp_path / "in"), "-o", str(tmp_path / "out"), "--model", model, "-j", "2"]
    with subprocess.Popen(
        [sys.executable, "-m", "elastictok_cli", *command, "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ), start_new_session=True,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        child.stdout.readline()
        os.killpg(child.pid, signal.SIGINT)
        _, err = child.communicate()
    assert child.returncode == 130
    assert "the same command goes on" in err.splitlines()[-1] and "Traceback" not in err
    assert not list((tmp_path / "out").rglob("*.part"))
    said = run(*command)
    assert said.code == 0
    assert len(list((tmp_path / "out").glob("*.etok"))) == 6
    assert "0 unchanged" not in said.err
