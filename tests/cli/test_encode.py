"""`elastictok encode` on a small real clip, with the real codec."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from elastictok_cli.container import Reader

from .conftest import FRAMES, Run, process, write_clip


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_output_is_named_after_the_input_and_the_summary_tells_all(
    run: Run, clip: Path, model: str, tmp_path: Path
) -> None:
    source = Path(shutil.copy(clip, tmp_path / "in.mp4"))
    before = digest(source)
    said = run("encode", source, "--model", model)
    assert said.code == 0
    assert said.out == ""
    assert digest(source) == before
    with Reader(tmp_path / "in.etok") as reader:
        assert reader.frames == FRAMES
        assert all(block.met for block in reader.blocks())
    for word in ("times smaller", "bits per pixel", "; sound ", "tokens  ", "in 3 of 3 blocks", "fps"):
        assert word in said.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.etok", "in.mp4"]


def test_a_part_is_not_compared_with_the_whole_input(run: Run, clip: Path, model: str, tmp_path: Path) -> None:
    part = ["--start", "0.2", "--duration", "0.4"]
    said = run("encode", clip, "-o", tmp_path / "a.etok", "--model", model, *part)
    assert said.code == 0
    assert "times smaller" not in said.err
    with Reader(tmp_path / "a.etok") as reader:
        assert reader.frames == 10


def test_json_is_the_events_one_object_a_line(run: Run, clip: Path, model: str, tmp_path: Path) -> None:
    said = run("encode", clip, "-o", tmp_path / "a.etok", "--model", model, "--json")
    records = [json.loads(line) for line in said.out.splitlines()]
    kinds = [record["type"] for record in records]
    assert kinds[0] == "started" and kinds[-1] == "finished" and kinds.count("block") == 3
    blocks = [record for record in records if record["type"] == "block"]
    for block in blocks:
        assert block["met"] and block["mse"] <= 0.007
        kept = [probe for probe in block["probes"] if probe["mse"] == block["mse"]]
        assert block["counts"][0] in [probe["count"] for probe in kept]
    assert records[-1]["tokens"] == sum(block["tokens"] for block in blocks)
    assert records[-1]["bytes_out"] == (tmp_path / "a.etok").stat().st_size


def test_an_existing_output_stays_until_forced(run: Run, clip: Path, model: str, tmp_path: Path) -> None:
    path = tmp_path / "a.etok"
    path.write_bytes(b"precious")
    said = run("encode", clip, "-o", path, "--model", model)
    assert (said.code, path.read_bytes()) == (6, b"precious")
    assert said.err == f"error: {path}: already exists; -f replaces it, -o names another file\n"
    assert run("encode", clip, "-o", path, "--model", model, "-f", "-q").code == 0
    assert path.read_bytes() != b"precious"


def test_psnr_given_as_a_threshold_gets_a_hint(run: Run, clip: Path, tmp_path: Path) -> None:
    said = run("encode", clip, "-o", tmp_path / "a.etok", "--threshold", "27.6")
    assert said.code == 2
    assert said.err == "error: --threshold 27.6 is not a mean squared error; did you mean --psnr 27.6?\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--threshold", "0.007", "--psnr", "30"], "--threshold and --psnr exclude each other"),
        (["--max-tokens", "0"], "--max-tokens 0"),
        (["--tokens", "-1"], "--tokens -1"),
        (["--search", "fats"], "did you mean fast"),
        (["--gop", "0"], "--gop 0"),
        (["--gop", "8193"], "at most 8,192 blocks of 8 frames"),
        (["--model", "elastictok-nona"], "did you mean elastictok-nano"),
        (["--size", "hugs"], "--size hugs"),
        (["-o", "-", "--json"], "both write to standard output"),
    ],
)
def test_a_wrong_option_is_one_line_and_leaves_nothing(
    run: Run, clip: Path, model: str, tmp_path: Path, arguments: list[str], text: str
) -> None:
    chosen = [] if "--model" in arguments else ["--model", model]
    said = run("encode", clip, "-o", tmp_path / "a.etok", *chosen, *arguments)
    assert said.code == 2
    errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and text in errors[0]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["encode", "batch"])
def test_the_help_has_all_that_decides_what_is_coded_in_one_panel(run: Run, command: str) -> None:
    _, _, panel = run(command, "--help").out.partition(" Input ")
    panel = panel.partition("\u2570")[0]
    assert all(option in panel for option in ("--size", "--start", "--duration", "--no-audio"))


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        ([""], 2, "the input's name is empty"),
        (["clip.mp4", "-o", ""], 2, "-o: the name is empty"),
        (["frames/%05d.png"], 3, "pictures with numbers are not read as a video; make a video of them first"),
        (["frames/*.png"], 3, "make a video of them first"),
        (["frames/*.mp4"], 3, "there is no such file; 'elastictok batch' takes many videos"),
        (["frames"], 3, "frames: is a folder; 'elastictok batch' takes its videos; if it holds pictures"),
    ],
)
def test_what_is_no_file_gets_what_to_do_instead(
    run: Run, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "frames").mkdir()
    shutil.copy(clip, tmp_path / "clip.mp4")
    said = run("encode", *arguments)
    assert said.code == code
    assert said.err.startswith("error: ") and text in said.err and said.err.count("\n") == 1


@pytest.mark.parametrize(("content", "name"), [(b"", "empty.mp4"), (b"hello, this is text\n" * 50, "text.mp4")])
def test_what_is_no_video_is_refused_in_one_line(
    run: Run, model: str, tmp_path: Path, content: bytes, name: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    said = run("encode", path, "--model", model)
    assert said.code == 3
    assert said.err.startswith("error: ") and said.err.count("\n") == 1 and name in said.err
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_missed_block_is_told_and_under_strict_fatal(run: Run, clip: Path, model: str, tmp_path: Path) -> None:
    path = tmp_path / "a.etok"
    few = ["encode", clip, "-o", path, "--model", model, "--max-tokens", "3"]
    said = run(*few)
    assert said.code == 0
    assert "note: 3 blocks missed" in said.err
    with Reader(path) as reader:
        assert not any(block.met for block in reader.blocks())
        assert all(block.count <= 3 for block in reader.blocks())
    path.unlink()
    said = run(*few, "--strict")
    assert said.code == 7
    assert "misses the threshold" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_input_gives_what_can_be_read_and_exit_code_8(run: Run, model: str, tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mkv", 60).read_bytes()
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole[: len(whole) // 2])
    said = run("encode", cut, "--model", model)
    assert said.code == 8
    assert "ends before it should" in said.err.splitlines()[-1]
    with Reader(tmp_path / "cut.etok") as reader:
        assert 0 < reader.frames < 60
        assert f"{reader.frames} frames" in said.err.splitlines()[-1]


def test_a_pipe_gives_the_same_bytes(clip: Path, etok: Path, model: str) -> None:
    said = process("encode", "-", "--model", model, "-q", stdin=clip.read_bytes())
    assert said.returncode == 0, said.stderr
    assert said.stdout == etok.read_bytes()


LONG = 200  # frames; with --gop 1 a GOP is written every eight


@pytest.fixture(scope="module")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("long") / "long.mp4", LONG)


def test_a_named_pipe_is_read_as_a_stream(run: Run, clip: Path, etok: Path, model: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in")
    feeding = threading.Thread(target=lambda: (tmp_path / "in").write_bytes(clip.read_bytes()))
    feeding.start()
    said = run("encode", tmp_path / "in", "-o", tmp_path / "out.etok", "--model", model)
    feeding.join()
    assert said.code == 0, said.err
    assert (tmp_path / "out.etok").read_bytes() == etok.read_bytes()


def test_decode_reads_a_named_pipe(run: Run, etok: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in")
    feeding = threading.Thread(target=lambda: (tmp_path / "in").write_bytes(etok.read_bytes()))
    feeding.start()
    said = run("decode", tmp_path / "in", "-o", tmp_path / "out.mp4")
    feeding.join()
    assert said.code == 0, said.err


def test_waiting_for_a_pipe_can_be_ended(model: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in")
    command = [sys.executable, "-m", "elastictok_cli", "encode", str(tmp_path / "in"), "-o", str(tmp_path / "out.etok")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        time.sleep(3)  # until it waits; nothing tells that it does
        child.terminate()
        _, err = child.communicate(timeout=60)
    assert (child.returncode, "Traceback" in err) == (143, False)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def interrupt(*arguments: str | Path) -> tuple[int, str]:
    """Start an encode, press Ctrl-C when its fifth block is reported; (exit code, stderr)."""
    command = [sys.executable, "-m", "elastictok_cli", "encode", *map(str, arguments), "--json"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    ) as child:
        assert child.stdout is not None and child.stderr is not None
        seen = 0
        for line in child.stdout:
            seen += json.loads(line)["type"] == "block"
            if seen == 5:
                break
        child.send_signal(signal.SIGINT)
        child.stdout.read()
        err = child.stderr.read()
    return child.returncode, err


@pytest.mark.slow
def test_ctrl_c_removes_what_is_not_whole_and_says_so(long_clip: Path, model: str, tmp_path: Path) -> None:
    path = tmp_path / "long.etok"
    code, err = interrupt(long_clip, "-o", path, "--model", model, "--gop", "1")
    assert code == 130
    assert f"interrupted: {path}.part is removed" in err and "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_resume_goes_on_after_ctrl_c_to_the_same_bytes(run: Run, long_clip: Path, model: str, tmp_path: Path) -> None:
    path, straight = tmp_path / "long.etok", tmp_path / "straight.etok"
    options = ["--model", model, "--gop", "1"]
    assert run("encode", long_clip, "-o", straight, *options, "-q").code == 0
    code, err = interrupt(long_clip, "-o", path, *options, "--resume")
    assert code == 130
    assert f"interrupted: {path}.part is kept" in err
    assert Path(f"{path}.part").exists() and not path.exists()
    said = run("encode", long_clip, "-o", path, *options, "--resume")
    assert said.code == 0
    assert "continuing after" in said.err
    assert path.read_bytes() == straight.read_bytes()
    assert not Path(f"{path}.part").exists()


def test_a_leftover_of_an_interrupted_run_is_not_dropped_in_silence(
    run: Run, clip: Path, model: str, tmp_path: Path
) -> None:
    (tmp_path / "a.etok.part").write_bytes(b"half")
    said = run("encode", clip, "-o", tmp_path / "a.etok", "--model", model)
    assert said.code == 0
    assert "--resume continues it" in said.err


def test_the_worst_block_and_the_one_percent_low_stand_beside_the_mean(
    run: Run, clip: Path, model: str, tmp_path: Path
) -> None:
    said = run("encode", clip, "-o", tmp_path / "a.etok", "--model", model, "--json")
    records = [json.loads(line) for line in said.out.splitlines()]
    worst = max(r["mse"] for r in records if r["type"] == "block")
    assert records[-1]["worst_mse"] == records[-1]["low_mse"] == worst
    assert f", worst block {records[-1]['worst_psnr_db']:.2f} dB, 1 % low " in said.err


@pytest.mark.parametrize(("percentile", "code"), [("0", 0), ("100", 7)])
def test_a_percentile_of_the_blocks_must_meet(
    run: Run, clip: Path, model: str, tmp_path: Path, percentile: str, code: int
) -> None:
    out = tmp_path / "a.etok"
    said = run("encode", clip, "-o", out, "--model", model, "--max-tokens", "20", "--percentile", percentile)
    assert said.code == code and out.exists() == (code == 0)
    if code:
        assert re.search(r"error: \d of 3 blocks miss the threshold, and --percentile 100 allows 0\n", said.err)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--percentile", "101"], "--percentile 101: must be from 0 to 100"),
        (["--percentile", "95", "--tokens", "9"], "--percentile needs a threshold"),
        (["--tokens", "0"], "--tokens 0: must be 1 or more"),
    ],
)
def test_goals_that_cannot_be_met_are_refused(run: Run, clip: Path, arguments: list[str], says: str) -> None:
    said = run("encode", clip, *arguments)
    assert said.code == 2 and says in said.err and said.err.count("\n") == 1
