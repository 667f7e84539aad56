"""--jobs: the same bytes and pictures, one bar, and nothing left of the processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Run, write_clip


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 frames; with --gop 1 15 GOPs."""
    return write_clip(tmp_path_factory.mktemp("long") / "long.mp4", 120)


def test_two_jobs_write_the_bytes_and_show_the_pictures_of_one(
    run: Run, clip: Path, model: str, tmp_path: Path
) -> None:
    for jobs in ("1", "2"):
        options = ["--model", model, "--gop", "1", "--jobs", jobs, "-q"]
        assert run("encode", clip, "-o", tmp_path / f"{jobs}.etok", *options).code == 0
    assert (tmp_path / "1.etok").read_bytes() == (tmp_path / "2.etok").read_bytes()
    for jobs in ("1", "2"):
        shown = ["decode", tmp_path / "1.etok", "-o", tmp_path / f"{jobs}.y4m", "--model", model, "--jobs", jobs, "-q"]
        assert run(*shown).code == 0
    assert (tmp_path / "1.y4m").read_bytes() == (tmp_path / "2.y4m").read_bytes()


def test_the_size_that_two_jobs_reach_is_that_of_one(run: Run, clip: Path, model: str, tmp_path: Path) -> None:
    options = ["--model", model, "--gop", "1", "--target-bpp", "0.4", "--duration", "0.65", "-q"]
    for jobs in ("1", "2"):
        assert run("encode", clip, "-o", tmp_path / f"{jobs}.etok", *options, "--jobs", jobs).code == 0
    assert (tmp_path / "1.etok").read_bytes() == (tmp_path / "2.etok").read_bytes()


def started(*arguments: str | Path) -> subprocess.Popen[str]:
    """An encode by two processes, as soon as five blocks are done."""
    command = [sys.executable, "-m", "elastictok_cli", "encode", *map(str, arguments), "--json"]
    child = subprocess.Popen(
        [*command, "--gop", "1", "--jobs", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
        start_new_session=True,
    )
    assert child.stdout is not None
    seen = 0
    for line in child.stdout:
        seen += json.loads(line)["type"] == "block"
        if seen == 5:
            break
    return child


def children(pid: int) -> list[int]:
    """Processes at work for this one."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in path.read_text().split()]
    lines = {child: Path(f"/proc/{child}/cmdline").read_bytes() for child in found}
    return [child for child, line in lines.items() if b"spawn_main" in line]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the processes in /proc")
def test_ctrl_c_ends_all_processes_and_resume_goes_on(run: Run, long_clip: Path, model: str, tmp_path: Path) -> None:
    path, straight = tmp_path / "long.etok", tmp_path / "straight.etok"
    with started(long_clip, "-o", path, "--model", model, "--resume") as child:
        at_work = children(child.pid)
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to all of them
        _, err = child.communicate()
    assert child.returncode == 130
    assert err.splitlines()[-1] == f"interrupted: {path}.part is kept; the same command goes on with it"
    assert "Traceback" not in err
    assert len(at_work) == 2
    for pid in at_work:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    options = ["--model", model, "--gop", "1", "-q"]
    assert run("encode", long_clip, "-o", path, *options, "--jobs", "2", "--resume").code == 0
    assert run("encode", long_clip, "-o", straight, *options, "--jobs", "1").code == 0
    assert path.read_bytes() == straight.read_bytes()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds the processes in /proc")
def test_a_process_that_is_killed_is_one_clear_line(long_clip: Path, model: str, tmp_path: Path) -> None:
    with started(long_clip, "-o", tmp_path / "long.etok", "--model", model) as child:
        os.kill(children(child.pid)[0], signal.SIGKILL)
        out, err = child.communicate()
    assert child.returncode == 1
    (line,) = [line for line in err.splitlines() if line.startswith("error: ")]
    assert "one of the processes at work ended (killed; " in line and "--jobs 1" in line
    assert json.loads(out.splitlines()[-1])["type"] == "error"
    assert list(tmp_path.iterdir()) == []
