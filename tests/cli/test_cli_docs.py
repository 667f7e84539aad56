"""docs/cli.md lists every command with all its options, as the program has them. `--renew` writes that part anew."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from elastictok_cli.cli.app import app

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
MARK = "<!-- made from the program: make test ARGS='tests/cli/test_cli_docs.py --renew' -->"


def plain(text: str | None) -> str:
    """Help without rich's marks, on one line, safe in a table."""
    return re.sub(r"\[/?\w+\]", "", " ".join((text or "").split())).replace("|", "\\|")


def section(name: str, command: Any) -> str:
    about, _, examples = (command.help or "").partition("\n\n")
    words = [p.metavar or p.name.upper() for p in command.params if p.param_type_name == "argument"]
    lines = [f"## elastictok {name} {' '.join(words)}".rstrip(), "", plain(about), ""]
    shown = re.findall(r"\[bold\](.*?)\[/bold\](.*)", examples)
    lines += [f"    {line:<58} {plain(note)}".rstrip() for line, note in shown] + [""] * bool(shown)
    options = [p for p in command.params if p.param_type_name == "option" and not p.hidden]
    lines += ["| option | |", "|---|---|"]
    for option in options:
        value = f" {option.metavar}" if option.metavar and not option.is_flag else ""
        given = ", ".join(sorted(option.opts, key=len))
        lines.append(f"| `{given}{value.replace('|', chr(92) + '|')}` | {plain(option.help)} |")
    return "\n".join(lines)


def reference() -> str:
    parts = []
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        under = getattr(command, "commands", None)
        parts += [section(name, command)] if under is None else [section(f"{name} {n}", c) for n, c in under.items()]
    return "\n\n".join(parts) + "\n"


def test_the_page_has_every_option(request: pytest.FixtureRequest) -> None:
    page = PAGE.read_text(encoding="utf-8")
    head = page[: page.index(MARK)]
    wanted = f"{head}{MARK}\n\n{reference()}"
    if request.config.getoption("--renew"):
        PAGE.write_text(wanted, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == wanted
