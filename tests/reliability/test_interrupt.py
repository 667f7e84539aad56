"""Encode and decode stopped in the middle, by the system or by the user; `soak.interrupt` does it a hundred times."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from soak.interrupt import GENTLE, Stage, ended, is_whole, killed, stop

from elastictok_cli.cli.app import main

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals"),
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    return Stage(tmp_path_factory.mktemp("stage"))


def test_a_killed_encode_goes_on_to_the_same_bytes(stage: Stage) -> None:
    assert killed(stage, "encode", 3, random.Random(1).uniform(0, 0.05)) == "part"


def test_a_killed_decode_leaves_no_half_video_and_the_file_as_it_was(stage: Stage) -> None:
    killed(stage, "decode", 2, 0.01)


@pytest.mark.parametrize(("name", "number"), [("encode", signal.SIGTERM), ("decode", signal.SIGINT)])
def test_a_signal_leaves_nothing_behind(stage: Stage, name: str, number: signal.Signals) -> None:
    ended(stage, name, number, 2, 0.01)


def test_a_signal_gets_one_line_and_its_exit_code(stage: Stage) -> None:
    stage.ready("decode")
    code, said, _ = stop(stage.command("decode"), signal.SIGTERM, 1, 0.0)
    assert (code, said.splitlines()[-1]) == (143, f"interrupted: {stage.video} is not written, nothing is left behind")


@pytest.mark.parametrize("number", GENTLE, ids=lambda number: number.name)
def test_a_command_that_only_reads_is_stopped_without_a_word_of_a_fault(number: signal.Signals, tmp_path: Path) -> None:
    """While it waits for the rest of standard input."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDWR)  # so that the command waits, with nothing to read
    # where the tests run in the background of a script, they and their children ignore SIGINT
    code = (
        f"import signal, sys; signal.signal({int(number)}, signal.SIG_DFL); from elastictok_cli.cli.app import main; "
        "print('.', flush=True); sys.exit(main(['stats', '-']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=reading, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == ".\n"
        while process.poll() is None:  # the first ones may come before it listens
            process.send_signal(number)
            try:
                process.wait(0.2)
            except subprocess.TimeoutExpired:
                continue
        said = process.communicate()[1]
    os.close(reading)
    assert process.returncode in (GENTLE[number], -number)
    assert "fault in elastictok" not in said


# --- an output that cannot be


FULL = Path("/dev/full")
LIMIT = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))
from elastictok_cli.cli.app import main
sys.exit(main(sys.argv[1:]))
"""


def limited(size: int, command: list[str]) -> subprocess.CompletedProcess[str]:
    """A command in a process whose files cannot grow beyond `size` bytes: what a full disk does to it."""
    start = [sys.executable, "-c", LIMIT.format(size=size), *command[3:]]
    return subprocess.run(start, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", ["encode", "decode"])
def test_a_disk_that_fills_up_is_one_line_and_leaves_nothing(stage: Stage, name: str) -> None:
    stage.ready(name)
    before = stage.left()
    said = limited(6000, stage.command(name, "-q"))
    assert said.returncode == 6, said.stderr
    target = stage.etok if name == "encode" else stage.video
    assert said.stderr.count("\n") == 1 and said.stderr.startswith(
        f"error: {target if name == 'encode' else target.name}"
    )
    assert stage.left() == before


def test_a_disk_that_fills_up_keeps_what_resume_goes_on_with(stage: Stage) -> None:
    stage.ready(None)
    said = limited(9000, stage.command("encode", "-q", "--resume"))
    assert said.returncode == 6
    assert stage.left() == ["clip.etok.part", "clip.mp4"]
    assert main([*stage.command("encode", "-q", "--resume")[3:]]) == 0
    assert is_whole(stage, "encode")


@pytest.mark.skipif(not FULL.exists(), reason="the system has no /dev/full")
def test_a_full_device_behind_standard_output_is_one_line(stage: Stage) -> None:
    stage.ready("decode")
    with FULL.open("wb") as full:
        command = [sys.executable, "-m", "elastictok_cli", "decode", str(stage.etok), "-o", "-", "-q"]
        said = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert said.returncode == 6 and said.stderr.count("\n") == 1 and "no space left" in said.stderr, said.stderr


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("name", ["encode", "decode"])
def test_a_folder_that_may_only_be_read_is_one_line(stage: Stage, name: str) -> None:
    stage.ready(name)
    stage.folder.chmod(0o500)
    try:
        said = subprocess.run(stage.command(name, "-q"), capture_output=True, text=True, check=False)
    finally:
        stage.folder.chmod(0o700)
    assert said.returncode == 6 and said.stderr.count("\n") == 1, said.stderr
    assert "ermission denied" in said.stderr


@pytest.mark.skipif(not Path("/proc").exists(), reason="the system has no /proc")
def test_a_place_that_takes_no_files_is_one_line(stage: Stage) -> None:
    """Also for root, whom no folder's mode stops."""
    stage.ready("decode")
    for name, source, ending in (("encode", stage.clip, ".etok"), ("decode", stage.etok, ".mp4")):
        command = [sys.executable, "-m", "elastictok_cli", name, str(source), "-o", f"/proc/elastictok{ending}", "-q"]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        assert said.returncode == 6 and said.stderr.count("\n") == 1, said.stderr
