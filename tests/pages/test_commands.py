"""Every command and every piece of Python in the README and the pages runs, in a folder with short clips.

A block that cannot run has `<!-- not run: reason -->` above it. `--renew` writes what `console` blocks print now.
"""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .files import EXAMPLE, ROOT
from .transcript import PROMPT, forced, run, same, steps, written

BLOCK = re.compile(r"^(?P<above>[^\n]*)\n```(?P<language>\w*)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
GENERATED = {"cli.md", "benchmarks.md"}  # from help texts, and from measurements
PAGES = [
    ROOT / "README.md",
    *(path for path in sorted(ROOT.glob("docs/**/*.md")) if path.name not in GENERATED),
]


@dataclass(frozen=True)
class Block:
    """A fenced block. at: where its body lies in the text."""

    language: str
    body: str
    is_run: bool
    at: tuple[int, int]


def blocks(text: str) -> Iterator[Block]:
    """The fenced blocks of a page that are commands or Python."""
    for match in BLOCK.finditer(text):
        if match["language"] in ("bash", "console", "python") and "--8<--" not in match["body"]:
            is_run = not match["above"].startswith("<!-- not run: ")
            yield Block(match["language"], match["body"], is_run, match.span("body"))


@pytest.fixture
def folder(sources: Path, tmp_path: Path) -> Path:
    place = tmp_path / "here"
    shutil.copytree(sources, place)
    shutil.copy(EXAMPLE, place / "demo.mp4")
    return place


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_a_page_says_runs(
    page: Path, folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    text = page.read_text(encoding="utf-8")
    names: dict[str, Any] = {}
    renewed: list[tuple[tuple[int, int], str]] = []
    for block in (block for block in blocks(text) if block.is_run):
        if block.language == "python":
            with contextlib.chdir(folder), contextlib.redirect_stdout(None):
                exec(compile(block.body, f"{page.name}", "exec"), names)
        elif block.language == "bash":
            for line in block.body.splitlines():
                ran = run(forced(line), folder)
                assert "# exit code" not in ran.printed, f"{page.name}: {line}\n{ran.printed}"
        else:
            shown = list(steps(block.body))
            found = [run(step.command, folder) for step in shown]
            if request.config.getoption("--renew"):
                shown = [old if same(old, new) else new for old, new in zip(shown, found, strict=True)]
                renewed.append((block.at, written(shown)))
            for old, new in zip(shown, found, strict=True):
                assert same(old, new), f"{page.name}: {new.command}\n{new.printed}"
    for (start, end), body in reversed(renewed):
        text = text[:start] + body + text[end:]
    if renewed:
        page.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_command_hides_in_a_block_that_is_not_run(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    fenced = BLOCK.sub("", text)
    assert not re.search(rf"^ {{4}}({re.escape(PROMPT)})?elastictok ", fenced, re.MULTILINE), page
