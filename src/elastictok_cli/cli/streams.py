"""Standard input, output and error that were closed before the program started (`>&-`)."""

from __future__ import annotations

import contextlib
import os
import sys

_closed: set[int] = set()
_MODES = {0: ("stdin", "r"), 1: ("stdout", "w"), 2: ("stderr", "w")}


def open_closed() -> None:
    """Put the null device where a standard stream is closed: the next file to be opened would get its number, and
    what libraries print would go into that file. Results go nowhere then, as was asked for."""
    for number, (name, mode) in _MODES.items():
        if getattr(sys, name) is None:  # as Python leaves it where there is no such stream
            _closed.add(number)
            with contextlib.suppress(OSError):
                while os.open(os.devnull, os.O_RDWR) < number:
                    pass  # a lower number was free; it is filled as well
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - the process closes it
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError):  # another's object in its place
            # The bytes of a name that are no UTF-8 are printed as they are; what an encoding lacks, as its number.
            utf8 = stream.encoding.lower() in ("utf-8", "utf8")
            stream.reconfigure(errors="surrogateescape" if utf8 else "backslashreplace")  # type: ignore[union-attr]


def is_closed(number: int) -> bool:
    """Whether 0 (input), 1 (output) or 2 (error) was closed when the program started."""
    return number in _closed
