"""Gathers the commands, and turns whatever they raise into one line and an exit code.

Command modules import only typer and this folder at their top: what is heavy (torch, numba, PyAV, matplotlib,
numpy) they import when called, so `--help` answers at once. A test holds that.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from . import batch, bench, compare, conformance, decode, encode, info, pack, stats, tokens, verify, weights
from .console import Interrupted, drop_stdout, fail
from .signals import Stopping
from .streams import open_closed

EXIT_CODES = (
    "Exit codes: 0 done, 1 other error, 2 wrong option or value, 3 not a video, 4 damaged file, 5 newer file "
    "or unknown model, 6 cannot write, 7 threshold missed, 8 only a part could be read, 130 interrupted, "
    "143 terminated."
)

INTERRUPTED = 130
READER_GONE = 141  # as the shell has it for a program that SIGPIPE ends

HELP = """Video as tokens: as many per block of frames as its pictures need, and no more.

[bold]elastictok encode in.mp4 --threshold 0.007[/bold]   video to tokens: in.etok\n
[bold]elastictok stats in.etok[/bold]                     where the tokens went\n
[bold]elastictok decode in.etok[/bold]                    tokens to video: in.decoded.mp4"""

app = typer.Typer(
    name="elastictok",
    help=HELP,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
app.command(no_args_is_help=True)(encode.encode)
app.command(no_args_is_help=True)(decode.decode)
app.command(no_args_is_help=True)(batch.batch)
app.command(no_args_is_help=True)(stats.stats)
app.command(no_args_is_help=True)(compare.compare)
app.command(no_args_is_help=True)(bench.bench)
app.command(no_args_is_help=True)(info.info)
app.command(no_args_is_help=True)(verify.verify)
app.command(no_args_is_help=True)(conformance.conformance)
app.command(no_args_is_help=True)(tokens.tokens)
app.command(no_args_is_help=True)(pack.pack)
app.add_typer(weights.app, name="weights")


def _version(wanted: bool) -> None:
    if wanted:
        from .version import lines

        sys.stdout.write("\n".join(lines()) + "\n")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Tool, format, model, libraries; then exit."),
    ] = False,
) -> None:
    """What stands before the command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. arguments: those of the process, unless given."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    open_closed()
    stopping = Stopping()
    try:
        with stopping:
            code = _run(arguments)
    except (KeyboardInterrupt, Interrupted) as error:
        interrupted = error if isinstance(error, Interrupted) else Interrupted("interrupted")
        interrupted.exit_code = stopping.exit_code
        return fail(interrupted, "--debug" in arguments, "--json" in arguments)
    return code


def _run(arguments: list[str]) -> int:
    debug, json_lines = "--debug" in arguments, "--json" in arguments
    try:
        result = app(args=arguments, prog_name="elastictok", standalone_mode=False)
        sys.stdout.flush()
        if result == INTERRUPTED:  # typer's word for a KeyboardInterrupt; no command here returns a number
            raise KeyboardInterrupt
        return result if isinstance(result, int) else 0
    except SystemExit as stopped:  # completion; or typer's way out where the reader of a pipe has gone
        if isinstance(stopped.__context__, BrokenPipeError):
            return READER_GONE
        return stopped.code if isinstance(stopped.code, int) else 0
    except BrokenPipeError:
        drop_stdout()  # `elastictok stats x.etok --json | head -1`: the reader has seen enough
        return READER_GONE
    except typer.Abort:  # and older ones
        raise KeyboardInterrupt from None
    except Interrupted:
        raise
    except Exception as error:
        if isinstance(error.__cause__, BrokenPipeError):  # `elastictok decode x.etok -o - | true`
            drop_stdout()
            return READER_GONE
        return fail(error, debug, json_lines)
