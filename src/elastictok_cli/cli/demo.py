"""`elastictok demo`: the whole tour on the clip that comes with the package."""

from __future__ import annotations

import shlex
import sys
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Annotated

import typer

from . import options as opt
from .console import Console

CLIP = "demo.mp4"
LOOSE, STRICT = "loose.etok", "strict.etok"
STEPS = (
    ["encode", CLIP, "--threshold", "0.007", "-o", LOOSE, "-f", "--keep-curves"],
    ["encode", CLIP, "--threshold", "0.002", "-o", STRICT, "-f"],
    ["verify", LOOSE, "--source", CLIP],
    ["stats", LOOSE, STRICT],
    ["compare", CLIP, LOOSE, STRICT, "-o", "compare.png", "--rows", "2", "-f"],
    ["decode", LOOSE, "-o", "decoded.mp4", "-f"],
    ["stats", LOOSE, "--source", CLIP, "--decoded", "decoded.mp4", "--html", "page.html", "-f", "-q"],
)


def demo(
    context: typer.Context,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="Folder of the results (default: a new one)."),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    model: opt.Model = None,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Tour: encode a short clip at two thresholds, report, compare, decode, and make a page.

    [bold]elastictok demo[/bold]           half a minute; the last line names the page\n
    [bold]elastictok demo --open[/bold]    and opens it\n
    [bold]elastictok demo -o tour[/bold]   leave the results in tour/
    """
    program = context.find_root().command
    console = Console(quiet)
    clip = packaged_clip()
    folder = Path(output) if output is not None else Path(tempfile.mkdtemp(prefix="elastictok-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    named = ["--model", model] if model else []
    console.line(f"$ cd {shlex.quote(str(folder))}")
    with chdir(folder):
        for arguments in STEPS:
            arguments = [str(clip) if argument == CLIP else argument for argument in arguments]
            console.line("$ elastictok " + shlex.join(arguments))
            program.main([*arguments, *named, *(["-q"] if quiet else [])], "elastictok", standalone_mode=False)
            console.line("")
    page = (folder / "page.html").resolve()
    sys.stdout.write(f"{page}\n")
    if show:
        typer.launch(page.as_uri())


def packaged_clip() -> Path:
    """The example clip, in an installation or a checkout. Raises UnsupportedFile if it is missing."""
    from ..errors import UnsupportedFile

    here = Path(__file__).resolve()
    for folder in (here.parents[1] / "examples", here.parents[3] / "examples"):
        if (folder / CLIP).is_file():
            return folder / CLIP
    raise UnsupportedFile(f"{CLIP}: the example clip is missing from this installation; install elastictok again")
