"""Commands with what they print, read from a text, run, and compared.

A transcript has lines `$ command`; what the command prints follows, and `# exit code N` where that is not 0.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import typer.main

from elastictok_cli.cli.app import app, main

PROMPT = "$ "
# What differs from run to run: how long it took, and how fast that is.
TIMES = re.compile(r"(?<=in )\d+:[\d:]+|[\d.]+ fps|(?<=in )[\d.]+ s\b")
PROGRESS = re.compile(r"(blocks|files) \d+/\d+ ")  # how far a long run is, every ten seconds
SHELL = set("|<>;&`*~") | {"$("}


@dataclass(frozen=True)
class Step:
    """One command of a transcript and what follows it there."""

    command: str
    printed: str


def steps(text: str) -> Iterator[Step]:
    """The commands of a transcript. Lines before the first one must be empty."""
    command, lines = "", list[str]()
    for line in [*text.splitlines(), PROMPT]:
        if line.startswith(PROMPT):
            if command:
                yield Step(command, "\n".join(lines).strip("\n"))
            command, lines = line[len(PROMPT) :], []
        else:
            assert command or not line, f"no command before {line!r}"
            lines.append(line)


def written(found: list[Step]) -> str:
    """The transcript of these steps."""
    return "\n\n".join(f"{PROMPT}{step.command}\n{step.printed}".rstrip("\n") for step in found) + "\n"


def run(command: str, folder: Path) -> Step:
    """Run a command in a folder, as a shell would: in this process, unless it needs a shell."""
    if needs_shell(command):
        printed, code = _in_shell(command, folder)
    else:
        printed, code = _here(shlex.split(command, comments=True)[1:], folder)
    if code:
        printed = f"{printed.rstrip()}\n# exit code {code}"
    printed = printed.replace(os.sep, "/")
    lines = [line.rstrip() for line in printed.strip("\n").splitlines() if not PROGRESS.match(line)]
    return Step(command, "\n".join(lines))


def needs_shell(command: str) -> bool:
    """Whether it is more than a call of elastictok."""
    return any(mark in command.split("  #")[0] for mark in SHELL) or not command.startswith("elastictok ")


def same(one: Step, other: Step) -> bool:
    """Whether both print the same but for times."""
    return TIMES.sub("?", one.printed) == TIMES.sub("?", other.printed)


def _here(arguments: list[str], folder: Path) -> tuple[str, int]:
    screen = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
    with contextlib.chdir(folder), contextlib.redirect_stdout(screen), contextlib.redirect_stderr(screen):
        code = main(arguments)
    return screen.buffer.getvalue().decode(), code  # type: ignore[attr-defined]


def _in_shell(command: str, folder: Path) -> tuple[str, int]:
    """With an `elastictok` that is this Python's package."""
    program = folder / ".bin" / "elastictok"
    if not program.exists():
        program.parent.mkdir()
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m elastictok_cli "$@"\n')
        program.chmod(0o755)
    path = os.pathsep.join([str(program.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return ran.stderr + ran.stdout, ran.returncode


def forced(command: str) -> str:
    """The command with -f, where it is one that replaces files with it: a folder is used by all commands of a page."""
    if needs_shell(command):
        return command
    known = typer.main.get_command(app).commands.get(command.split()[1])  # type: ignore[attr-defined]
    if known is None or not any("-f" in parameter.opts for parameter in known.params):
        return command
    return f"{command.split('  #')[0]} -f"
