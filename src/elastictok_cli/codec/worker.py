"""What runs in a process of `jobs`: takes tasks from a pipe, sends results into it. Loads nothing until it knows how
many threads it may use.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import sys
from multiprocessing.connection import Connection
from typing import Any

# What goes through the pipe. To the process: THREADS with their number, at any time; PART ..., then START.
PART, START, THREADS = "part", "start", "threads"
# From it, for every task: RESULT ..., then DONE or FAILED with the error.
RESULT, DONE, FAILED = "result", "done", "failed"

# Libraries that otherwise start a thread for each core, in every process.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def main(connection: Connection, job: bytes) -> None:
    """Work until the other end of the pipe is closed. job: a pickled `jobs.Job`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a terminal; the first one decides
    for name in _THREAD_VARIABLES:
        os.environ[name] = "1"
    with contextlib.suppress(EOFError, OSError):  # the process that started this one has ended, or wants no more
        try:
            work = _Work(connection, pickle.loads(job))
        except Exception as error:
            connection.send((FAILED, _portable(error)))
        else:
            work.serve()


def use_threads(threads: int) -> None:
    """Set how many threads torch uses from now on in this process, if it is loaded at all."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(threads)


class _Work:
    def __init__(self, connection: Connection, job: Any) -> None:
        self.connection, self.job = connection, job
        self.count = 1

    def serve(self) -> None:
        parts: list[Any] = []
        while True:
            kind, value = self.connection.recv()
            if kind == THREADS:
                self.count = value
            elif kind == PART:
                parts.append(value)
            else:
                done, parts = parts, []
                self._task(done)

    def _task(self, parts: list[Any]) -> None:
        try:
            self.job.run(parts, self.threads, lambda value: self.connection.send((RESULT, value)))
        except (EOFError, BrokenPipeError):
            raise
        except Exception as error:
            self.connection.send((FAILED, _portable(error)))
        else:
            self.connection.send((DONE, None))

    def threads(self) -> int:
        """How many the task may use now."""
        while self.connection.poll():
            kind, value = self.connection.recv()
            assert kind == THREADS, "only the number of threads is told in the middle of a task"
            self.count = value
        return self.count


def _portable(error: Exception) -> Exception:
    """An error that survives the pipe, with where it came from."""
    import traceback

    error.add_note("in another process:\n" + "".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # whatever a class of some library cannot do when it is pickled
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
