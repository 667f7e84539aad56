"""File names with anything in them through every report; standard streams that are closed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import Run

NAMES = [
    "a$x$_{b", "12:30", "-dash", "\U0001f600", "two\nlines", "<!--<script>", "x\x1b[31m", os.fsdecode(b"no\xff\xfeutf8")
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_report_takes_any_name(run: Run, etok: Path, tmp_path: Path, name: str) -> None:
    path, other = tmp_path / f"{name}.etok", tmp_path / f"{name}.2.etok"
    shutil.copy(etok, path)
    shutil.copy(etok, other)
    for files, *options in ([path], [path, "--json"], [other, "--csv"], [path, "--plot", tmp_path / "a.svg"]):
        ran = run("stats", files, path if files == other else other, *options, "-f")
        assert ran.code == 0, ran.err
    assert run("stats", path, "--html", tmp_path / "a.html").code == 0
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "<!--<script>" not in page
    for command in (["info"], ["info", "--json"], ["tokens", "-f"], ["verify"]):
        ran = run(command[0], path, *command[1:])
        assert ran.code == 0, ran.err
    assert "\x1b" not in run("info", path).out


def test_a_batch_of_any_names_leaves_a_row_for_each(run: Run, clip: Path, model: str, tmp_path: Path) -> None:
    from pyarrow import parquet

    folder = tmp_path / "in"
    folder.mkdir()
    names = [f"{name}.mp4" for name in NAMES]
    for name in names:
        shutil.copy(clip, folder / name)
    (folder / os.fsdecode(b"bad\xff.mp4")).write_bytes(b"no video")
    options = ["--model", model, "--duration", "0.1", "--jobs", "1"]
    ran = run("batch", folder, "-o", tmp_path / "out", *options)
    assert ran.code == 8 and "fault in" not in ran.err
    rows = parquet.read_table(tmp_path / "out" / "results.parquet").to_pylist()
    assert len(rows) == len(names) + 1 and [row["status"] for row in rows].count("done") == len(names)
    lines = [json.loads(line) for line in (tmp_path / "out" / "results.jsonl").read_text("utf-8").splitlines()]
    assert sorted(Path(line["source"]).name for line in lines) == sorted([*names, os.fsdecode(b"bad\xff.mp4")])
    assert f"{len(names)} unchanged" in run("batch", folder, "-o", tmp_path / "out", *options).err


@pytest.mark.parametrize("command", ["encode", "decode", "tokens", "stats --plot", "compare"])
def test_an_output_that_is_a_folder_is_refused_before_anything_is_coded(
    run: Run, clip: Path, etok: Path, tmp_path: Path, command: str
) -> None:
    name, *option = command.split()
    source = clip if name in ("encode", "compare") else etok
    ran = run(name, source, *(option or ["-o"]), f"{tmp_path}/newdir/")
    assert ran.code in (2, 6) and "newdir" in ran.err and len(ran.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "command, closed",
    [
        ("info {etok}", "<&-"),
        ("info {etok}", ">&-"),
        ("stats {etok} --json", "2>&-"),
        ("--version", "<&- >&- 2>&-"),
        ("decode {etok} -o {out}", "<&- >&- 2>&-"),
    ],
)
def test_closed_streams_are_no_fault(etok: Path, tmp_path: Path, command: str, closed: str) -> None:
    out = tmp_path / "out.y4m"
    line = f"{sys.executable} -m elastictok_cli {command.format(etok=etok, out=out)} {closed}"
    ran = subprocess.run(["sh", "-c", line], capture_output=True)
    assert ran.returncode == 0 and b"Traceback" not in ran.stderr and b"fault in" not in ran.stderr
    if "decode" in command:  # nothing that was printed is in it
        assert out.read_bytes().startswith(b"YUV4MPEG2 ")


@pytest.mark.parametrize("command, closed", [("encode - -o x.etok", "<&-"), ("decode {etok} -o -", ">&-")])
def test_a_stream_that_is_closed_and_needed_is_named(etok: Path, tmp_path: Path, command: str, closed: str) -> None:
    line = f"{sys.executable} -m elastictok_cli {command.format(etok=etok)} {closed}"
    ran = subprocess.run(["sh", "-c", line], capture_output=True, cwd=tmp_path)
    assert ran.returncode == 2 and b"is closed" in ran.stderr
