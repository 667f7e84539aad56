"""SIGTERM, and SIGHUP of a terminal that closes, end a command as Ctrl-C does: cleaned up, and with a word."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self

NAMES = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class Stopping:
    """While it is entered, these signals raise KeyboardInterrupt once; what is left undone then cleans up after itself.

    exit_code: what the shell expects of a program that was stopped so.
    """

    def __init__(self) -> None:
        self.exit_code = 128 + signal.SIGINT
        self._before: dict[signal.Signals, Any] = {}
        self._over = False

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # no other may
            for number in (getattr(signal, name) for name in NAMES if hasattr(signal, name)):
                if signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP, and so does what it starts
                    self._before[number] = signal.signal(number, self._stop)
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
        for number, handler in self._before.items():
            signal.signal(number, handler)
