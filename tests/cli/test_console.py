"""One-line errors, JSON, words for numbers."""

from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys

import pytest

from elastictok_cli import errors
from elastictok_cli.cli.console import Console, Interrupted, explain, fail, one_line, paint
from elastictok_cli.units import clock, plural, size

from .conftest import Run


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.ElasticTokError, 1),
        (errors.UsageError, 2),
        (errors.InputError, 3),
        (errors.DamagedFile, 4),
        (errors.UnsupportedFile, 5),
        (errors.OutputError, 6),
        (errors.ThresholdMissed, 7),
        (errors.PartialResult, 8),
        (Interrupted, 130),
    ],
)
def test_every_kind_of_error_has_its_exit_code(kind: type[Exception], code: int) -> None:
    assert explain(kind("what is wrong")) == ("what is wrong", code)


def test_a_full_disk_is_an_error_of_the_output() -> None:
    assert explain(OSError(errno.ENOSPC, "No space left on device", "x.png")) == (
        "x.png: No space left on device",
        6,
    )


def test_a_fault_of_the_program_says_so_and_how_to_see_it() -> None:
    text, code = explain(KeyError("tiles"))
    assert code == 1
    assert "fault in elastictok" in text and "--debug" in text and "\n" not in text


def test_an_error_is_one_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(errors.InputError("a.mp4: no video\nat all")) == 3
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "error: a.mp4: no video at all\n")


def test_debug_shows_where_it_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise errors.InputError("a.mp4: no video")
    except errors.InputError as error:
        assert fail(error, debug=True) == 3
    assert "Traceback" in capsys.readouterr().err


def test_with_json_an_error_is_an_object_too(capsys: pytest.CaptureFixture[str]) -> None:
    fail(errors.InputError("a.mp4: no video"), json_lines=True)
    said = json.loads(capsys.readouterr().out)
    assert said == {"type": "error", "exit_code": 3, "text": "a.mp4: no video"}


def test_names_of_files_cannot_steer_the_terminal() -> None:
    assert one_line("bad\x1b[2Jname\u202e.mp4\r") == "bad?[2Jname?.mp4"


def test_a_note_is_told_once_and_not_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.note("scaled")
    console.note("scaled")
    Console(quiet=True).note("padded")
    assert capsys.readouterr().err == "note: scaled\n"


def test_json_has_null_where_there_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    Console(json_lines=True).emit({"mse": math.nan, "list": [math.inf, 1.5], "inner": {"a": -math.inf}})
    assert json.loads(capsys.readouterr().out) == {"mse": None, "list": [None, 1.5], "inner": {"a": None}}


class Terminal:
    def isatty(self) -> bool:
        return True


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert paint("error:", "31", Terminal()) == "\x1b[31merror:\x1b[0m"  # type: ignore[arg-type]
    monkeypatch.setenv("NO_COLOR", "1")
    assert paint("error:", "31", Terminal()) == "error:"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["encod", "x"], "No such command 'encod'. Did you mean 'encode'"),
        (["encode", "x.mp4", "--threshhold", "1"], "--threshhold"),
        (["encode"], "encode"),
        (["stats", "x.etok", "--json", "--csv"], "--json and --csv both write to standard output"),
    ],
)
def test_a_wrong_command_line_is_exit_code_2(run: Run, arguments: list[str], text: str) -> None:
    said = run(*arguments)
    assert said.code == 2
    assert text in said.out + said.err


def test_words_for_numbers() -> None:
    assert [size(n) for n in (0, 940, 1000, 23_449, 999_960, 1_234_567, 5e9)] == [
        "0 B",
        "940 B",
        "1.0 kB",
        "23.4 kB",
        "1.0 MB",
        "1.2 MB",
        "5.0 GB",
    ]
    assert [clock(s) for s in (-1, 14.4, 723, 3723)] == ["0:00", "0:14", "12:03", "1:02:03"]
    assert [plural(n, "block") for n in (1, 2, 12345)] == ["1 block", "2 blocks", "12,345 blocks"]


def test_an_error_for_a_reader_that_has_gone_is_still_one_line() -> None:
    script = (
        "import sys\n"
        "from elastictok_cli.cli.console import Interrupted, fail\n"
        "sys.exit(fail(Interrupted('interrupted: all is tidy'), json_lines=True))\n"
    )
    read, write = os.pipe()
    os.close(read)
    try:
        command = [sys.executable, "-c", script]
        ran = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(write)
    assert (ran.returncode, ran.stderr) == (130, "interrupted: all is tidy\n")
