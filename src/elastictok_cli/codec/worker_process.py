"""The code that runs in each process of `workers`: take tasks from a pipe, send their results into it.

It is a module of its own because it must load no library before it has set how many threads libraries may use.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

# Messages to the process: THREADS with their number, at any time; for each task one PART or more, then START.
PART, START, THREADS = "part", "start", "threads"
# Messages from the process, for each task: one RESULT or more, then DONE, or FAILED with the error.
RESULT, DONE, FAILED = "result", "done", "failed"

# Libraries that would otherwise start a thread for each core, in every process.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def main(connection: Connection, job: bytes) -> None:
    """Do tasks until the other end of the pipe is closed. job: a pickled `workers.Job`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the first one decides
    for name in _THREAD_VARIABLES:
        os.environ[name] = "1"
    with contextlib.suppress(EOFError, OSError):  # the process that started this one has ended or closed the pipe
        try:
            server = _Server(connection, pickle.loads(job))
        except Exception as error:
            connection.send((FAILED, _portable(error)))
        else:
            server.serve()


def use_threads(threads: int) -> None:
    """Set how many threads torch uses in this process from now on, if it is loaded."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(threads)


class _Server:
    def __init__(self, connection: Connection, job: Any) -> None:
        self.connection, self.job = connection, job
        self.count = 1  # threads

    def serve(self) -> None:
        parts: list[Any] = []
        while True:
            kind, value = self.connection.recv()
            if kind == THREADS:
                self.count = value
            elif kind == PART:
                parts.append(value)
            else:
                task, parts = parts, []
                self._run(task)

    def _run(self, task: list[Any]) -> None:
        try:
            self.job.run(task, self.threads, lambda value: self.connection.send((RESULT, value)))
        except (EOFError, BrokenPipeError):
            raise
        except Exception as error:
            self.connection.send((FAILED, _portable(error)))
        else:
            self.connection.send((DONE, None))

    def threads(self) -> int:
        """Return how many threads the task may use now."""
        while self.connection.poll():
            kind, value = self.connection.recv()
            assert kind == THREADS, "within a task, only the number of threads is sent"
            self.count = value
        return self.count


def _portable(error: Exception) -> Exception:
    """Return an error that can be sent through the pipe, with the traceback of this process as a note."""
    import traceback

    error.add_note("in another process:\n" + "".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # some libraries' classes cannot be pickled, for any reason
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
