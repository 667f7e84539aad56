"""Jobs for the tests of `codec/workers.py`, in a module that other processes can load."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from elastictok_cli.errors import InputError

Send = Callable[[Any], None]


@dataclass(frozen=True)
class Echo:
    """Sends back every part. slow: a part that is sent back only when the file `gate` exists."""

    slow: Any = None
    gate: str = ""

    def run(self, parts: Iterable[Any], threads: Callable[[], int], send: Send) -> None:
        for part in parts:
            while part == self.slow and not os.path.exists(self.gate):
                time.sleep(0.01)
            send(part)


class Dies:
    """Ends its process in the middle of a task."""

    def run(self, parts: Iterable[Any], threads: Callable[[], int], send: Send) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Fails:
    """Raises for the part 3."""

    def run(self, parts: Iterable[Any], threads: Callable[[], int], send: Send) -> None:
        for part in parts:
            if part == 3:
                raise InputError("no three")
            send(part)


class Looks:
    """Sends which libraries its process has loaded, and how many threads it may use once it may use `until`."""

    def run(self, parts: Iterable[Any], threads: Callable[[], int], send: Send) -> None:
        import sys

        (until,) = parts
        while threads() < until:
            time.sleep(0.01)
        send((sorted({"torch", "av", "rich", "typer"} & sys.modules.keys()), os.environ["OMP_NUM_THREADS"], threads()))
