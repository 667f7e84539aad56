"""What a person or a program reads: notes and errors on stderr, results on stdout, sizes in words."""

from __future__ import annotations

import json
import logging
import math
import os
import re
import sys
import traceback
from collections.abc import Mapping
from typing import IO, TYPE_CHECKING, Any

from .. import units
from ..errors import ElasticTokError
from ..units import clock, plural, size

if TYPE_CHECKING:
    from rich.console import Console as RichConsole

__all__ = ["Console", "Interrupted", "clock", "explain", "fail", "one_line", "paint", "plural", "size"]

ISSUE_HINT = "this is a fault in elastictok, not in what you did; --debug shows where"


class Interrupted(Exception):
    """Ctrl-C or another signal (`signals`), after cleaning up. The message says what became of the output."""

    exit_code = 130


class Console:
    """stderr for people, stdout for results.

    quiet: errors only. verbose: the log too. json_lines: objects on stdout.
    """

    def __init__(self, quiet: bool = False, verbose: bool = False, json_lines: bool = False) -> None:
        self.quiet, self.verbose, self.json_lines = quiet, verbose, json_lines
        self._live: RichConsole | None = None  # while a bar is drawn, lines go above it
        self._told: set[str] = set()
        if verbose:
            logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
            logging.getLogger("elastictok_cli").setLevel(logging.DEBUG)

    def above(self, live: RichConsole | None) -> None:
        """Print lines above this live display from now on; None: straight to stderr."""
        self._live = live

    def note(self, text: str) -> None:
        """Something the user should know; each text once."""
        if text not in self._told:
            self._told.add(text)
            self.line(text, "note")

    def line(self, text: str, label: str = "") -> None:
        """One line on stderr, unless quiet."""
        if self.quiet:
            return
        text = one_line(text)
        if self._live is not None:
            from rich.text import Text

            start = Text.assemble((f"{label}:", "yellow"), " ") if label else Text()
            self._live.print(Text.assemble(start, text), soft_wrap=True)
        else:
            _write_stderr(f"{paint(f'{label}:', '33')} {text}" if label else text)

    def emit(self, record: Mapping[str, Any]) -> None:
        """One JSON object on a line of stdout. What JSON has no number for (NaN, infinity) becomes null."""
        sys.stdout.write(json.dumps(_finite(record), allow_nan=False) + "\n")
        sys.stdout.flush()

    @property
    def shows_bar(self) -> bool:
        """A terminal that can redraw a line, and nothing else is written to it."""
        if self.quiet or (self.json_lines and sys.stdout.isatty()):
            return False
        return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def drop_stdout() -> None:
    """The reader of the pipe has gone; Python would complain at exit about what is still to be written."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fail(error: BaseException, debug: bool = False, json_lines: bool = False) -> int:
    """Print an error as one line (with debug after its traceback); returns the exit code."""
    if debug and not isinstance(error, Interrupted):
        traceback.print_exception(error)
    text, code = explain(error)
    if text:
        if json_lines:
            try:
                Console().emit({"type": "error", "exit_code": code, "text": text})
            except OSError:  # its reader has gone, or its disk is full
                drop_stdout()
        label = "" if isinstance(error, Interrupted) else paint("error:", "1;31") + " "
        _write_stderr(label + text)
    return code


def explain(error: BaseException) -> tuple[str, int]:
    """(one line, exit code) of anything that a command may raise."""
    if isinstance(error, (ElasticTokError, Interrupted)):
        return one_line(str(error)), error.exit_code
    if hasattr(error, "format_message"):  # typer's own: a wrong option or command
        text, context = str(error.format_message()), getattr(error, "ctx", None)
        command = context.command_path if context else "elastictok"
        if type(error).__name__ == "NoArgsIsHelpError":
            return text, 2
        return one_line(f"{text.rstrip('.')}{'' if text.endswith('?') else ';'} see '{command} --help'"), 2
    if isinstance(error, MemoryError):
        return "out of memory; --size N codes smaller pictures", 1
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return one_line(f"{where}{error.strerror}"), 6
    return one_line(f"{type(error).__name__}: {error}; {ISSUE_HINT}"), 1


# Options whose name on the command line is not the name in Python with dashes.
_SPELLED = {"gop_blocks": "--gop", "overwrite": "-f", "output": "-o", "measure": "--no-measure"}


def as_options(text: str) -> str:
    """Options that the program names in backticks, as the command line spells them: `target_size` is --target-size."""
    return re.sub("`([a-z][a-z_]*)`", lambda m: _SPELLED.get(m[1], "--" + m[1].replace("_", "-")), text)


def one_line(text: str) -> str:
    """As `units.one_line`, with options as the command line spells them."""
    return units.one_line(as_options(text))


def paint(text: str, code: str, stream: IO[str] | None = None) -> str:
    """In colour, where there are colours."""
    stream = stream or sys.stderr
    plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb" or not stream.isatty()
    return text if plain else f"\x1b[{code}m{text}\x1b[0m"


def _write_stderr(text: str) -> None:
    encoding = sys.stderr.encoding or "utf-8"
    sys.stderr.write(text.encode(encoding, "replace").decode(encoding) + "\n")
    sys.stderr.flush()


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value
