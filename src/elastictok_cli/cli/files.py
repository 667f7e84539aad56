"""Names on the command line: pipes, default names of outputs, and what may not be read or written."""

from __future__ import annotations

import atexit
import sys
from pathlib import Path
from typing import BinaryIO

from ..codec.outputs import check_output
from ..errors import InputError, UsageError
from .streams import is_closed

STREAM = "-"


def source_of(name: str) -> str | BinaryIO:
    """What to read: a path that exists; standard input or another pipe, which can be read once."""
    if name == STREAM:
        if is_closed(0):
            raise UsageError("standard input is closed; give a file, or pipe one in")
        if sys.stdin.isatty():
            raise UsageError("standard input is a terminal; give a file, or pipe one in")
        return sys.stdin.buffer
    if _is_stream(name):
        # Opened here: FFmpeg would wait for its other end, and hear no signal meanwhile.
        pipe = open(name, "rb")  # noqa: SIM115 - closed with the process, as standard input is
        atexit.register(pipe.close)
        return pipe
    check_file(name)
    return name


def check_file(name: str) -> None:
    """Raises InputError or UsageError unless it is a file, which can be read more than once."""
    if not name:
        raise UsageError("the input's name is empty; name a file")
    if "://" in name:
        raise InputError(f"{name}: is an address; download it first, or 'elastictok batch' encodes what is behind it")
    path = Path(name)
    if path.is_dir():
        raise InputError(f"{name}: is a folder, not a file")
    if not path.exists():
        raise InputError(f"{name}: there is no such file")
    if path.is_fifo():
        raise UsageError(f"{name}: is a pipe, which can be read only once, and this command reads twice; name a file")


def _is_stream(name: str) -> bool:
    return name == STREAM or Path(name).is_fifo()


def target_of(output: str | None, source: str, ending: str, force: bool, json_lines: bool = False) -> str:
    """The output's name: as given, or the source's with another ending, beside it; "-" if the source is a pipe.

    Raises OutputError if it exists (unless force), UsageError if it is the source or cannot be a stream.
    """
    if output == "":
        raise UsageError("-o: the name is empty; name a file, or leave -o out")
    if output is None:
        output = STREAM if _is_stream(source) else str(Path(source).with_suffix("")) + ending
    if output == STREAM:
        if is_closed(1):
            raise UsageError("standard output is closed; -o FILE names an output")
        if sys.stdout.isatty():
            raise UsageError("standard output is a terminal; -o FILE names an output")
        if json_lines:
            raise UsageError("--json and -o - both write to standard output; use one of them")
        return output
    check_output(output, *([] if _is_stream(source) else [source]), overwrite=force)
    return output
