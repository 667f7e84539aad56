"""`elastictok stats`: where the tokens went. From the container alone: no model, no torch, no numba."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from . import options as opt
from .console import Console
from .files import STREAM, refuse_existing, source_of

if TYPE_CHECKING:
    from ..report import Usage

LINES_OF_TEXT = 16  # prompt, title, table, axis, legend: what is left of the terminal's height is for the bars


def stats(
    file: opt.EtokFile,
    plot: Annotated[
        str | None, typer.Option("--plot", metavar="FILE", help="Also draw it: a .png, .svg or .pdf.")
    ] = None,
    json_lines: opt.Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="One line per block on stdout.")] = False,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Tokens of every block over time, quality and size. Needs no model.

    [bold]elastictok stats in.etok[/bold]                     summary and plot in the terminal\n
    [bold]elastictok stats in.etok --plot tokens.svg[/bold]   as a picture\n
    [bold]elastictok stats in.etok --json | tail -1[/bold]    the totals for a program
    """
    from ..container import Reader
    from ..errors import UsageError
    from ..report import csv_lines, json_records, read_usage

    console = Console(quiet, json_lines=json_lines)
    if csv and json_lines:
        raise UsageError("--json and --csv both want standard output; leave one of them out")
    opened = source_of(file)
    if plot is not None:
        from ..report.plots import check_suffix

        check_suffix(plot)
        refuse_existing(plot, force)
    with Reader(opened, name=None if file != STREAM else "standard input") as reader:
        usage = read_usage(reader)
    if json_lines:
        for record in json_records(usage):
            console.emit(record)
    elif csv:
        for line in csv_lines(usage):
            sys.stdout.write(line + "\n")
    else:
        _print(usage)
    if plot is not None:
        from ..report.plots import save_usage_plot

        save_usage_plot(usage, plot)
        console.line(f"plot: {plot}")


def _print(usage: Usage) -> None:
    from rich.console import Console as RichConsole
    from rich.text import Text

    from ..report import Look, plot_lines, summary
    from .console import one_line

    out = RichConsole(highlight=False, soft_wrap=True)
    out.print(Text(one_line(usage.name), "bold"))
    for what, text in summary(usage):
        out.print(Text.assemble((f"  {what:<9}", "bright_black"), text))
    if len(usage.blocks) < 2:
        return
    out.print()
    height = max(6, min(12, (out.height - LINES_OF_TEXT) // 2 * 2)) if out.is_terminal else 8
    unicode = (out.encoding or "").lower().startswith("utf")
    for line in plot_lines(usage, Look(out.width, height, unicode)):
        out.print(Text.assemble(*line))
