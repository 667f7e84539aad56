"""Default names, and what is never overwritten."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from elastictok_cli.cli.files import source_of, target_of
from elastictok_cli.errors import ElasticTokError, InputError, OutputError, UsageError

from .conftest import Run


def test_the_output_lies_beside_the_input_with_another_ending(tmp_path: Path) -> None:
    wanted = str(tmp_path / "in.tar.etok")
    assert target_of(None, str(tmp_path / "in.tar.mp4"), ".etok", force=True) == wanted


def test_a_pipe_in_is_a_pipe_out() -> None:
    assert target_of(None, "-", ".etok", force=False) == "-"


def test_json_and_the_file_cannot_both_have_stdout() -> None:
    with pytest.raises(UsageError, match="both write to standard output"):
        target_of("-", "in.mp4", ".etok", force=False, json_lines=True)


def test_an_existing_output_is_refused_unless_forced(tmp_path: Path) -> None:
    path = tmp_path / "a.etok"
    path.write_bytes(b"precious")
    (tmp_path / "in.mp4").write_bytes(b"film")
    with pytest.raises(OutputError, match="already exists; `overwrite` replaces it"):
        target_of(str(path), str(tmp_path / "in.mp4"), ".etok", force=False)
    assert target_of(str(path), str(tmp_path / "in.mp4"), ".etok", force=True) == str(path)


def test_the_input_is_never_the_output_not_even_by_another_name(tmp_path: Path) -> None:
    path, link = tmp_path / "in.mp4", tmp_path / "link.mp4"
    path.write_bytes(b"film")
    link.hardlink_to(path)
    for name in (path, link):
        with pytest.raises(UsageError, match="is the input itself"):
            target_of(str(name), str(path), ".etok", force=True)


def test_a_link_to_nothing_is_there_too(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").write_bytes(b"film")
    (tmp_path / "link.etok").symlink_to(tmp_path / "elsewhere.etok")
    with pytest.raises(OutputError, match="already exists"):
        target_of(str(tmp_path / "link.etok"), str(tmp_path / "in.mp4"), ".etok", force=False)


def test_no_file_takes_the_place_of_a_pipe_or_a_device(tmp_path: Path) -> None:
    """As root, `-o /dev/null -f` would leave a machine without it."""
    (tmp_path / "in.mp4").write_bytes(b"film")
    os.mkfifo(tmp_path / "pipe.etok")
    for name in (tmp_path / "pipe.etok", os.devnull):
        with pytest.raises(OutputError, match="a device or a pipe, not a file; on the command line"):
            target_of(str(name), str(tmp_path / "in.mp4"), ".etok", force=True)


@pytest.mark.parametrize("name", ["", "missing/out.etok"])
def test_a_place_that_cannot_be_written_is_refused_before_the_work(tmp_path: Path, name: str) -> None:
    (tmp_path / "in.mp4").write_bytes(b"film")
    with pytest.raises(OutputError):
        target_of(str(tmp_path / name), str(tmp_path / "in.mp4"), ".etok", force=True)


def test_an_input_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        source_of(str(tmp_path / "in.mp4"))
    with pytest.raises(ElasticTokError, match="is a folder"):
        source_of(str(tmp_path))


@pytest.mark.parametrize("command", [["encode"], ["stats"], ["compare"], ["info"]])
def test_an_address_is_not_taken_for_a_path(run: Run, command: list[str]) -> None:
    said = run(*command, "https://example.com/in.mp4", *(["a.etok"] if command == ["compare"] else []))
    assert said.code == 3
    assert said.err == (
        "error: https://example.com/in.mp4: is an address; download it first, or 'elastictok batch' encodes what is "
        "behind it\n"
    )
