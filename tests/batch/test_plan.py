"""Inputs to pairs of source and output."""

from __future__ import annotations

import os
import re
from contextlib import nullcontext
from pathlib import Path

import pytest

from elastictok_cli.batch.plan import ignores_case, plan
from elastictok_cli.errors import InputError, UsageError


def pairs(*inputs: Path, pattern: str | None = None) -> dict[str, str]:
    return {item.output: item.source for item in plan(map(str, inputs), pattern)}


def test_a_folder_gives_its_videos_and_mirrors_its_tree(tree: Path) -> None:
    assert pairs(tree) == {
        "a.etok": str(tree / "a.mkv"),
        "sub/b.etok": str(tree / "sub/b.mkv"),
        "sub/deep/c.etok": str(tree / "sub/deep/c.mkv"),
    }


def test_a_pattern_takes_what_matches_and_nothing_else(tree: Path) -> None:
    assert set(pairs(tree, pattern="sub/*.mkv")) == {"sub/b.etok"}
    assert set(pairs(tree, pattern="**/*.txt")) == {"notes.etok"}


def test_the_largest_comes_first(tree: Path) -> None:
    (tree / "sub/big.mkv").write_bytes(b"x" * 100_000)
    assert plan([str(tree)])[0].output == "sub/big.etok"


def test_two_that_would_be_the_same_keep_their_endings(tree: Path) -> None:
    (tree / "a.MP4").write_bytes(b"x")
    assert {"a.mkv.etok", "a.MP4.etok"} <= pairs(tree).keys()


def test_two_files_of_the_same_name_are_refused(tree: Path) -> None:
    (tree / "sub/a.mkv").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"would both become a\.mkv\.etok"):
        plan([str(tree / "a.mkv"), str(tree / "sub/a.mkv")])


@pytest.mark.parametrize(
    ("name", "text"), [("none", "no such file or folder"), ("sub/empty", "no file in it with a video's ending")]
)
def test_an_input_that_holds_nothing_is_refused(tree: Path, name: str, text: str) -> None:
    (tree / "sub/empty").mkdir()
    with pytest.raises(InputError, match=text):
        plan([str(tree / name)])


def test_a_pattern_that_matches_nothing_is_named(tree: Path) -> None:
    with pytest.raises(InputError, match=r"no file in it that matches \*\.avi"):
        plan([str(tree)], "*.avi")


@pytest.mark.parametrize("pattern", ["../*.mkv", "sub/../*.mkv", "/tmp/*.mkv", "**.mkv", "."])
def test_a_pattern_that_leaves_the_folder_or_means_nothing_is_refused(tree: Path, pattern: str) -> None:
    (tree.parent / "beside.mkv").write_bytes(b"x")
    for name in (str(tree), tree.as_uri()):
        with pytest.raises(UsageError, match=f"`glob` {re.escape(pattern)}: "):
            plan([name], pattern)


@pytest.mark.parametrize(
    ("pattern", "outputs"),
    [
        ("*.mkv", {"a.etok"}),
        ("*/*.mkv", {"sub/b.etok"}),
        ("**/*.mkv", {"a.etok", "sub/b.etok", "sub/deep/c.etok"}),
        ("sub/**/*.mkv", {"sub/b.etok", "sub/deep/c.etok"}),
        ("sub/**", {"sub/b.etok", "sub/deep/c.etok"}),
        ("**/deep/*", {"sub/deep/c.etok"}),
        ("./[ab].*", {"a.etok"}),
    ],
)
def test_a_pattern_means_the_same_here_and_behind_a_url(tree: Path, pattern: str, outputs: set[str]) -> None:
    for name in (str(tree), tree.as_uri()):
        assert {item.output for item in plan([name], pattern)} == outputs


def test_a_name_behind_a_url_that_leaves_the_folder_is_refused() -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/in/../../evil.mkv", b"x")  # as keys of a bucket may be
    try:
        with pytest.raises(InputError, match=r"evil\.mkv"):
            plan(["memory://bucket/in"])
    finally:
        memory.rm("/bucket", recursive=True)


def test_a_pipe_is_no_file_of_a_batch(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "in.mp4")
    with pytest.raises(InputError, match="is a device or a pipe, not a file"):
        plan([str(tmp_path / "in.mp4")])


def test_names_that_differ_in_case_are_two_files_where_the_file_system_says_so(tmp_path: Path) -> None:
    for name in ("X.mp4", "x.mp4"):
        (tmp_path / name).write_bytes(b"video")
    both = len(list(tmp_path.iterdir())) == 2
    assert ignores_case(tmp_path / "out") is not both
    if both:
        items = plan([str(tmp_path)], None, tmp_path / "out")
        assert sorted(item.output for item in items) == ["X.etok", "x.etok"]
    with pytest.raises(UsageError, match="would both be") if both else nullcontext():
        plan([str(tmp_path)])  # where outputs go is not known
