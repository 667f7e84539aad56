"""`elastictok stats`: where the tokens went. From the containers alone, without a model but for --heat and --html."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from ..codec.outputs import check_output
from . import options as opt
from .console import Console, one_line, size
from .files import STREAM, check_file, source_of

if TYPE_CHECKING:
    from ..report import Usage

LINES_OF_TEXT = 17  # prompt, title, table, axis, legend: the rest of the terminal's height is for the bars
LABEL_WIDTH = 12  # columns
LEAST_WANTED = ("% of most", "missed", "bpp")  # columns that go first where there is no room
DRAW = "Pictures and pages"


def stats(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE.etok ...", help="One or several .etok files, or - for standard input.")
    ],
    plot: Annotated[
        str | None,
        typer.Option("--plot", metavar="FILE", help="Tokens, PSNR, bytes: .png, .svg or .pdf.", rich_help_panel=DRAW),
    ] = None,
    heat: Annotated[
        str | None,
        typer.Option(
            "--heat", metavar="FILE", help="Tokens by place in the picture, as a heat map.", rich_help_panel=DRAW
        ),
    ] = None,
    rates: Annotated[
        str | None,
        typer.Option(
            "--rates", metavar="FILE", help="Candidates that 'encode --keep-curves' kept.", rich_help_panel=DRAW
        ),
    ] = None,
    html: Annotated[
        str | None,
        typer.Option("--html", metavar="FILE", help="Everything on one page, with values.", rich_help_panel=DRAW),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            "--source",
            metavar="VIDEO",
            help="The encoded video: its cuts are marked; --heat and --html show it.",
            rich_help_panel=DRAW,
        ),
    ] = None,
    decoded: Annotated[
        str | None,
        typer.Option(
            "--decoded", metavar="VIDEO", help="The decoded video: --heat and --html show it.", rich_help_panel=DRAW
        ),
    ] = None,
    theme: Annotated[
        str | None,
        typer.Option(
            "--theme",
            metavar="NAME",
            help="light or dark (default of a page: the reader's setting).",
            autocompletion=opt.complete_theme,
            rich_help_panel=DRAW,
        ),
    ] = None,
    model: opt.Model = None,
    json_lines: opt.Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="One line per block on stdout.")] = False,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Report tokens per block over time, quality and size. Only --heat and --html need the model.

    [bold]elastictok stats in.etok[/bold]                      summary and plot\n
    [bold]elastictok stats a.etok b.etok --plot ab.svg[/bold]  two in one picture\n
    [bold]elastictok stats in.etok --html in.html[/bold]       one page; --source adds a player\n
    [bold]elastictok stats in.etok --json | tail -1[/bold]     the totals for a program
    """
    from ..container import Reader
    from ..errors import UsageError
    from ..report import csv_lines, json_records, read_usage

    console = Console(quiet, json_lines=json_lines)
    if csv and json_lines:
        raise UsageError("--json and --csv both write to standard output; use one of them")
    if files.count(STREAM) > 1 or (STREAM in files and (heat or html)):
        raise UsageError("standard input can be read only once, and --heat and --html need two reads; name the file")
    outputs = {"--plot": plot, "--heat": heat, "--rates": rates, "--html": html}
    _check(files, outputs, source, decoded, theme, force)
    usages = []
    for file in files:
        opened = source_of(file)
        with Reader(opened, name=None if file != STREAM else "standard input") as reader:
            usages.append(read_usage(reader))
    for number, usage in enumerate(usages):
        if json_lines:
            for record in json_records(usage):
                console.emit(record)
        elif csv:
            for line in csv_lines(usage, named=len(usages) > 1, head=number == 0):
                sys.stdout.write(line + "\n")
        elif not quiet:
            _print(usage, number)
    if len(usages) > 1 and not (json_lines or csv or quiet):
        _print_together(usages)
    if any(outputs.values()):
        from .stats_pictures import Pictures

        drawn = Pictures(files, usages, source, decoded, theme, model, console)
        for option, name in outputs.items():
            if name is not None:
                drawn.write(option, name)
                console.line(f"{option.strip('-')}: {name}")


def _check(
    files: Sequence[str],
    outputs: dict[str, str | None],
    source: str | None,
    decoded: str | None,
    theme: str | None,
    force: bool,
) -> None:
    """Everything that can be said before any file is read."""
    from pathlib import Path

    from ..errors import UsageError
    from ..report.figures import check_suffix
    from ..report.theme import theme_of

    if theme is not None:
        theme_of(theme)
    for video in (source, decoded):
        if video is not None:
            check_file(video)
    inputs = [Path(name).resolve() for name in (*files, source, decoded) if name not in (None, STREAM)]
    taken: set[Path] = set()
    for option, name in outputs.items():
        if name is None:
            continue
        if option != "--html":
            check_suffix(name, option)
        elif Path(name).suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"--html {name}: its ending must be .html")
        path = Path(name).resolve()
        if path in inputs or path in taken:
            raise UsageError(f"{option} {name}: is a file that is read or written already; name another")
        taken.add(path)
        check_output(name, overwrite=force)


def _print(usage: Usage, number: int) -> None:
    from rich.console import Console as RichConsole
    from rich.text import Text

    from ..report import Look, plot_lines, summary

    out = RichConsole(highlight=False, soft_wrap=True)
    if number:
        out.print()
    out.print(Text(one_line(usage.name), "bold"))
    for label, text in summary(usage):
        for number, part in enumerate(_wrapped(text, out.width - LABEL_WIDTH)):
            shown = f"  {label if number == 0 else ''}".ljust(LABEL_WIDTH)
            out.print(Text.assemble((shown, "bright_black"), part))
    if len(usage.blocks) < 2:
        return
    out.print()
    height = max(6, min(12, (out.height - LINES_OF_TEXT) // 2 * 2)) if out.is_terminal else 8
    unicode = (out.encoding or "").lower().startswith("utf")
    for line in plot_lines(usage, Look(out.width, height, unicode)):
        out.print(Text.assemble(*line))


def _wrapped(text: str, width: int) -> list[str]:
    """In lines of at most `width`; what stands three spaces apart is broken only there."""
    from textwrap import wrap

    fields = text.split("   ")
    if len(fields) > 1:
        text = "   ".join(field.replace(" ", "\N{NO-BREAK SPACE}") for field in fields)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in wrap(text, max(20, width))]


def _print_together(usages: Sequence[Usage]) -> None:
    """One line per file, to compare them. A narrow terminal gets fewer columns."""
    from rich.console import Console as RichConsole

    from ..metrics import quality_text

    rows = []
    for usage in usages:
        share = 100 * usage.tokens / max(1, usage.max_tokens)
        rows.append(
            {
                "file": one_line(usage.name),
                "threshold": "" if usage.header.target == "tokens" else f"{usage.header.threshold:.4g}",
                "tokens": f"{usage.tokens:,}",
                "% of most": f"{share:.3g}",
                "PSNR dB": quality_text(usage.mse).removesuffix(" dB"),
                "missed": f"{usage.missed:,}",
                "size": size(usage.bytes),
                "bpp": f"{usage.bpp:.4f}",
            }
        )
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
    for name in LEAST_WANTED:
        if sum(widths.values()) + 2 * (len(widths) - 1) > RichConsole().width:
            del widths[name]
    sys.stdout.write("\n")
    for row in [{name: name for name in widths}, *rows]:
        cells = [row[name].rjust(width) for name, width in widths.items() if name != "file"]
        sys.stdout.write("  ".join([row["file"].ljust(widths["file"]), *cells]).rstrip() + "\n")
