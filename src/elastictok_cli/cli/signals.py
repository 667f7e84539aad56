"""Signals: SIGTERM and SIGHUP end a command as Ctrl-C does; SIGUSR1, and SIGINFO (Ctrl-T), print how far it is."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

NAMES = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP
ASKING = ("SIGUSR1", "SIGINFO")  # Windows has neither; SIGINFO is Ctrl-T on macOS and BSD

_answers: list[Callable[[], str]] = []  # of the runs that are shown, the innermost last


@contextmanager
def answer_with(state: Callable[[], str]) -> Iterator[None]:
    """A context manager: a signal that asks for progress is answered with the line that `state` returns."""
    _answers.append(state)
    try:
        yield
    finally:
        _answers.remove(state)


def _answer(number: int, frame: FrameType | None) -> None:
    """Write the state to stderr at once: past its buffer, which the interrupted code may be writing to."""
    text = _answers[-1]() if _answers else "nothing is coded yet"
    clear = "\r\x1b[K" if sys.stderr.isatty() else ""  # the bar, which is drawn again
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"{clear}{text}\n".encode(errors="replace"))


class Stopping:
    """A context manager: the signals in NAMES raise KeyboardInterrupt once, those in ASKING are answered.

    The interrupt lets unfinished work be cleaned up.

    exit_code: what the shell expects of a program that was stopped so.
    """

    def __init__(self) -> None:
        self.exit_code = 128 + signal.SIGINT
        self._before: dict[signal.Signals, Any] = {}
        self._asked: dict[signal.Signals, Any] = {}
        self._over = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # no other may
            for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
                if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP, and so does what it starts
                    self._before[number] = signal.signal(number, self._stop)
            for number in (getattr(signal, name) for name in ASKING if hasattr(signal, name)):
                self._asked[number] = signal.signal(number, _answer)
        return self

    def _stop(self, number: int, frame: FrameType | None) -> None:
        if self._over:
            return  # the command has ended by itself
        self.exit_code = 128 + number
        for other in self._before:
            signal.signal(other, signal.SIG_IGN)  # a second one must not interrupt the cleaning
        raise KeyboardInterrupt

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        for number, handler in {**self._before, **self._asked}.items():
            signal.signal(number, handler)
