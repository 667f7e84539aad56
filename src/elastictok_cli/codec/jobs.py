"""Work in several processes whose results come in the order of the work, in bounded memory.

    for message in in_order(parts, job, jobs=2, threads=2): ...

A thread for each process takes the next task, sends it, and passes on what the process sends back. Not
`concurrent.futures`: its processes can neither be ended in the middle of a task (Ctrl-C), nor tell how far they are,
nor be told to use more threads once others have nothing left to do.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from ..container import Header
from ..errors import ElasticTokError, UsageError
from ..models.base import TokenModel
from . import worker
from .worker import DONE, FAILED, PART, RESULT, START, THREADS

MOST_BYTES = 1 << 29  # of frames in memory, where nobody asked for a number of jobs
# Of all frames, for each process: it takes a second to start, these take several to encode or to decode.
LEAST_TO_ENCODE, LEAST_TO_DECODE = 1 << 21, 1 << 25
MOST_WHY = 160  # characters of an error's text
AHEAD = 2  # tasks that may be begun beside those in the processes, before the oldest is finished
# Kinds of messages beside the processes' own: one that needed no work, and that there are no more tasks.
_HERE, _LAST = "here", "last"


class Job(Protocol):
    """What a process does with a task; pickled once."""

    def run(self, parts: Iterable[Any], threads: Callable[[], int], send: Callable[[Any], None]) -> None:
        """Send the results of a task, one after the other. threads: how many it may use now; it may change."""
        ...


@dataclass(frozen=True, eq=False)
class Part:
    """A piece of a task; pieces of the same task follow each other."""

    task: int
    value: Any


@dataclass(frozen=True, eq=False)
class Here:
    """No work: a message that has its place between the results."""

    value: Any


@dataclass(frozen=True, eq=False)
class Early:
    """A result before its turn, only to be told; it comes again."""

    value: Any


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_counts(**counts: int) -> None:
    """Raises UsageError for a number of jobs or threads that does nothing."""
    for name, count in counts.items():
        if count < 1:
            raise UsageError(f"{name}={count}: must be 1 or more")


def jobs_for(header: Header, model: TokenModel, frames: int | None, decoding: bool = False) -> int:
    """How many processes are worth it: one for each core, but no more than there are GOPs or enough pixels. One for a
    model that takes long to load, and for pictures so large that the GOPs at hand would fill the memory. frames: None
    if unknown.
    """
    gop_pixels = header.block_frames * header.gop_blocks * header.coded_size[0] * header.coded_size[1]
    if model.spec.slow or 3 * gop_pixels * (cores() + AHEAD) > MOST_BYTES:
        return 1
    if frames is None:
        return cores()
    pixels = frames * header.coded_size[0] * header.coded_size[1]
    least = LEAST_TO_DECODE if decoding else LEAST_TO_ENCODE
    return max(1, min(cores(), -(-pixels // gop_pixels), pixels // least))


def in_order(parts: Iterator[Part | Here], job: Job, jobs: int, threads: int) -> Generator[Any, None, None]:
    """What `job` sends for every task, task after task; and an `Early` for each result that comes before its turn.

    parts: read in threads, one at a time, as processes become free. At most `jobs` + 2 tasks are between being begun
    and being finished. threads: of all processes together; those that still work share them. An error of
    `parts` or of a task comes in its place. Raises ElasticTokError if a process dies. Closing it ends the processes.
    """
    crew = _Crew(parts, job, jobs, threads)
    try:
        yield from crew.messages()
    finally:
        crew.close()


class _Crew:
    def __init__(self, parts: Iterator[Part | Here], job: Job, jobs: int, threads: int) -> None:
        self.parts, self.threads = parts, threads
        self.job = pickle.dumps(job)
        self.out: queue.Queue[tuple[int, str, Any]] = queue.Queue()  # number of the task, kind, value
        self.room = threading.Semaphore(jobs + AHEAD)
        self.taking, self.telling = threading.Lock(), threading.Lock()
        self.begun = 0  # how many tasks there were
        self.held: Part | Here | BaseException | None = None  # read already, and belongs to the next one
        self.over = False  # there are no more
        self.stop = False
        self.active = jobs  # processes that have, or may get, work
        self.processes: list[Process] = []
        self.crew = [threading.Thread(target=self._serve, name=f"elastictok-job-{i}") for i in range(jobs)]
        for thread in self.crew:
            thread.daemon = True
            thread.start()

    def messages(self) -> Iterator[Any]:
        """In the order of tasks."""
        waiting: dict[int, deque[tuple[str, Any]]] = {}
        turn = 0
        while True:
            number, kind, value = self.out.get()
            if number > turn and kind == RESULT:
                yield Early(value)
            waiting.setdefault(number, deque()).append((kind, value))
            while waiting.get(turn):
                kind, value = waiting[turn].popleft()
                if kind == _LAST:
                    return
                if kind == FAILED:
                    raise value
                if kind != DONE:
                    yield value
                if kind in (DONE, _HERE):
                    del waiting[turn]
                    turn += 1
                if kind == DONE:
                    self.room.release()

    def close(self) -> None:
        """End the processes at once, whatever they do, and wait for the threads."""
        self.stop = True
        for _ in self.crew:
            self.room.release()
        with self.telling:
            for process in self.processes:
                process.kill()
        for thread in self.crew:
            thread.join()

    # --- in the threads

    def _serve(self) -> None:
        """Take tasks and have them done, until there are no more."""
        process: Process | None = None
        try:
            while (task := self._take()) is not None:
                number, parts = task
                try:
                    if process is None:
                        process = self._start()
                    process.begin(parts)
                    del parts, task  # the process has them now
                    while (message := process.receive())[0] == RESULT:
                        self.out.put((number, *message))
                    self.out.put((number, *message))
                except Exception as error:
                    if process is None:
                        error = ElasticTokError(f"{error}; --jobs 1 does without it")
                    elif isinstance(error, (EOFError, OSError)):
                        error = self._died(process)
                    else:
                        process.kill()
                    self.out.put((number, FAILED, error))
                    return
        finally:
            if process is not None:
                with self.telling:
                    self.processes.remove(process)
                process.end()
            self._share(leaving=True)

    def _take(self) -> tuple[int, list[Any]] | None:
        """The next task, with its number; None if there are no more, or all is to stop."""
        self.room.acquire()
        with self.taking:
            try:
                parts = None if self.over or self.stop else self._read()
            except BaseException as error:  # raised in its place by `messages`
                self.over = True
                self.out.put((self.begun, FAILED, error))
                return None
            if parts is None:
                if not self.over:
                    self.over = True
                    self.out.put((self.begun, _LAST, None))
                self.room.release()  # for another thread, to see the same
                return None
            self.begun += 1
            return self.begun - 1, parts

    def _read(self) -> list[Any] | None:
        """All parts of the next task."""
        found: list[Any] = []
        number: int | None = None
        while not self.stop:
            part, self.held = self.held or self._next(), None
            if isinstance(part, Part) and number in (None, part.task):
                number = part.task
                found.append(part.value)
            elif found:
                self.held = part
                return found
            elif isinstance(part, Here):
                self.out.put((self.begun, _HERE, part.value))
                self.begun += 1
            elif isinstance(part, BaseException):
                raise part
            else:
                return None
        return None

    def _next(self) -> Part | Here | BaseException | None:
        """What comes next, None at the end. An error waits for its turn like anything else."""
        try:
            return next(self.parts, None)
        except BaseException as error:
            return error

    def _start(self) -> Process:
        process = Process(self.job)
        with self.telling:
            self.processes.append(process)
            if self.stop:
                process.kill()
        self._share()
        return process

    def _share(self, leaving: bool = False) -> None:
        """Tell the processes how many threads each may use."""
        with self.telling:
            self.active -= leaving
            for process in self.processes:
                process.tell(max(1, self.threads // max(1, self.active)))

    def _died(self, process: Process) -> ElasticTokError:
        return ElasticTokError(f"one of the processes at work ended ({process.end()}); --jobs 1 does without them")


class Process:
    """One process and the pipe to it. job: a pickled `Job`. Raises ElasticTokError if it cannot be started."""

    def __init__(self, job: bytes) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=worker.main, args=(other, job), daemon=True)
        try:
            self.process.start()
        except Exception as error:  # no memory; or this is a process of a pool, or a script without a main guard
            self.pipe.close()
            why = " ".join(str(error).split())[:MOST_WHY]
            raise ElasticTokError(f"no other process can be started: {why}") from error
        finally:
            other.close()
        self.sending = threading.Lock()

    def begin(self, parts: Iterable[Any]) -> None:
        """Send a task. Raises OSError if the process is not there any more."""
        with self.sending:
            for part in parts:
                self.pipe.send((PART, part))
            self.pipe.send((START, None))

    def tell(self, threads: int) -> None:
        """How many threads it may use from now on."""
        with self.sending, contextlib.suppress(OSError):
            self.pipe.send((THREADS, threads))

    def receive(self) -> tuple[str, Any]:
        """RESULT, DONE or FAILED, and what goes with it. Raises EOFError or OSError if the process has ended."""
        message: tuple[str, Any] = self.pipe.recv()
        return message

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()

    def end(self) -> str:
        """Close the pipe and wait; says how the process ended."""
        self.pipe.close()
        self.process.join()
        code = self.process.exitcode or 0
        if code == -9:
            return "killed; often the system does that when memory runs out"
        return f"signal {-code}" if code < 0 else f"exit code {code}"
