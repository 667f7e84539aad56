"""What `--help` shows, and what the shell completes."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import typer.main

from elastictok_cli.cli.app import app

from .conftest import Run

COMMANDS = [*typer.main.get_command(app).commands, "weights pull"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("command", COMMANDS)
def test_flags_show_no_type_and_arguments_no_braces(run: Run, command: str) -> None:
    said = run(*command.split(), "--help")
    assert said.code == 0 and "--help" in said.out
    assert "<bool>" not in said.out and "{" not in said.out


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("elastictok encode --search ", ["binary", "binned", "fast", "full", "original"]),
        ("elastictok encode --search bin", ["binary", "binned"]),
        ("elastictok decode --model elastictok-n", ["elastictok-nano"]),
        ("elastictok weights pull ", ["elastictok-fsq", "elastictok-vae"]),
        ("elastictok stats --theme ", ["dark", "light"]),
        ("elastictok encode --precision ", ["bf16", "float32", "fp16"]),
        ("elastictok encode --device c", ["cpu", "cuda"]),
    ],
)
def test_the_shell_completes_closed_values(line: str, found: list[str]) -> None:
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
    ran = subprocess.run(
        [sys.executable, "-m", "elastictok_cli"],
        env={**os.environ, **words, "_ELASTICTOK_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert sorted(ran.stdout.split()) == found, ran.stderr
