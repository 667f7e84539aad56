"""`elastictok conformance`: does this machine decode a set of streams as it must?"""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from . import options as opt
from .console import Console, one_line, plural


def conformance(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A set of streams and what they decode to.")],
    only: Annotated[
        str | None, typer.Option("--only", metavar="TEXT", help="Only streams with TEXT in their names.")
    ] = None,
    json_lines: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Decode every stream in DIR and compare: equal tokens, pictures within the limits.

    [bold]elastictok conformance tests/conformance[/bold]              exit code 1 if one differs\n
    [bold]elastictok conformance tests/conformance --only vae[/bold]   some of them
    """
    from ..codec.conformance import conform
    from ..errors import ElasticTokError, InputError

    if not folder.is_dir():
        raise InputError(f"{folder}: there is no such folder")
    console = Console(quiet, json_lines=json_lines)
    wrong, seen, partly = [], 0, 0
    for outcome in conform(folder, only):
        seen += 1
        partly += bool(outcome.note)
        if outcome.problem:
            wrong.append(outcome.name)
        if json_lines:
            console.emit({"type": "stream", "ok": not outcome.problem, **asdict(outcome)})
        said = f"{plural(outcome.blocks, 'block')} of tokens"
        if outcome.peak is not None:
            said += f", {plural(outcome.frames, 'frame')} (peak {outcome.peak}, rms {outcome.rms:.3f})"
        verdict = f"WRONG  {outcome.problem}" if outcome.problem else f"good   {said}"
        if not (quiet or json_lines):
            note = f"; {outcome.note}" if outcome.note else ""
            sys.stdout.write(one_line(f"{outcome.name:24} {verdict}{note}") + "\n")
    if wrong:
        names = ", ".join(wrong[:3]) + (" ..." if wrong[3:] else "")
        raise ElasticTokError(f"{folder}: {len(wrong)} of {plural(seen, 'stream')} not as they must be: {names}")
    tail = f"; of {partly} only the tokens were compared" if partly else ""
    console.line(f"{folder}: {plural(seen, 'stream')} as they must be{tail}")
