"""Run tasks in several processes, with their results in the order of the tasks, in bounded memory.

    for message in in_order(parts, job, jobs=2, threads=2):
        ...

A thread for each process takes the next task, sends it, and passes on what the process sends back. This is not
`concurrent.futures`, because its processes can neither be stopped within a task (Ctrl-C), nor report progress, nor use
more threads once other processes have no work left.
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
from ..errors import ElasticTokError
from ..models.base import TokenModel
from . import worker_process
from .worker_process import DONE, FAILED, PART, RESULT, START, THREADS

MAX_BYTES = 1 << 29  # of frames in memory, where the user gave no number of jobs
# Pixels of all frames for each process: it takes a second to start, these take several to encode or to decode.
MIN_PIXELS_TO_ENCODE, MIN_PIXELS_TO_DECODE = 1 << 21, 1 << 25
MAX_ERROR_TEXT = 160  # characters
AHEAD = 2  # tasks that may be started beside those in the processes, before the oldest task is finished
# Kinds of messages beside those that processes send: a `Passthrough`, and the end of all tasks.
_PASSTHROUGH, _END = "passthrough", "end"


class Job(Protocol):
    """What a process does with each task. It is pickled once."""

    def run(self, parts: Iterable[Any], threads: Callable[[], int], send: Callable[[Any], None]) -> None:
        """Do one task and `send` its results.

        parts: of the task. threads: returns how many threads the task may use now; the number may change.
        """
        ...


@dataclass(frozen=True, eq=False)
class Part:
    """A part of a task. The parts of a task, which have the same number, follow each other."""

    task: int
    value: Any


@dataclass(frozen=True, eq=False)
class Passthrough:
    """A message that needs no work and keeps its place between the results."""

    value: Any


@dataclass(frozen=True, eq=False)
class OutOfOrder:
    """A result before its turn, to show progress. The result comes again in its turn."""

    value: Any


def cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def jobs_for(header: Header, model: TokenModel, frames: int | None, decoding: bool = False) -> int:
    """Return how many processes are worth it.

    One for each core, but not more than there are GOPs, and each must have enough pixels to work on. One only for a
    model that is slow to load, and for pictures so large that the GOPs of all processes would fill the memory.
    frames: of the video, None if unknown.
    """
    gop_pixels = header.block_frames * header.gop_blocks * header.coded_size[0] * header.coded_size[1]
    if model.spec.slow or 3 * gop_pixels * (cores() + AHEAD) > MAX_BYTES:
        return 1
    if frames is None:
        return cores()
    pixels = frames * header.coded_size[0] * header.coded_size[1]
    min_pixels = MIN_PIXELS_TO_DECODE if decoding else MIN_PIXELS_TO_ENCODE
    return max(1, min(cores(), -(-pixels // gop_pixels), pixels // min_pixels))


def in_order(parts: Iterator[Part | Passthrough], job: Job, jobs: int, threads: int) -> Generator[Any, None, None]:
    """Yield the results of all tasks, task after task, and an `OutOfOrder` for each result before its turn.

    parts: read in threads, one at a time, when a process is free. At most `jobs` + 2 tasks are started and not
    finished. threads: of all processes together; those that still have work share them. Raises an error of `parts` or
    of a task in its place, and ElasticTokError if a process dies. Closing the generator ends the processes.
    """
    pool = WorkerPool(parts, job, jobs, threads)
    try:
        yield from pool.messages()
    finally:
        pool.close()


class WorkerPool:
    """The processes of `in_order`, and a thread for each. Arguments as there."""

    def __init__(self, parts: Iterator[Part | Passthrough], job: Job, jobs: int, threads: int) -> None:
        self.parts, self.threads = parts, threads
        self.job = pickle.dumps(job)
        self.results: queue.Queue[tuple[int, str, Any]] = queue.Queue()  # number of the task, kind, value
        self.slots = threading.Semaphore(jobs + AHEAD)  # for tasks that are started and not finished
        self.read_lock = threading.Lock()  # for `parts` and the three attributes below
        self.started = 0  # tasks
        self.held: Part | Passthrough | BaseException | None = None  # was read, and belongs to the next task
        self.exhausted = False  # `parts` has no more tasks
        self.stopping = False
        self.workers_lock = threading.Lock()  # for the two attributes below
        self.active = jobs  # processes that have work or may get some
        self.workers: list[Worker] = []
        self.servers = [threading.Thread(target=self._serve, name=f"elastictok-job-{i}") for i in range(jobs)]
        for server in self.servers:
            server.daemon = True
            server.start()

    def messages(self) -> Iterator[Any]:
        """Yield the results in the order of the tasks."""
        waiting: dict[int, deque[tuple[str, Any]]] = {}
        turn = 0
        while True:
            number, kind, value = self.results.get()
            if number > turn and kind == RESULT:
                yield OutOfOrder(value)
            waiting.setdefault(number, deque()).append((kind, value))
            while waiting.get(turn):
                kind, value = waiting[turn].popleft()
                if kind == _END:
                    return
                if kind == FAILED:
                    raise value
                if kind != DONE:
                    yield value
                if kind in (DONE, _PASSTHROUGH):
                    del waiting[turn]
                    turn += 1
                if kind == DONE:
                    self.slots.release()

    def close(self) -> None:
        """End the processes at once, even within a task, and wait for the threads."""
        self.stopping = True
        for _ in self.servers:
            self.slots.release()
        with self.workers_lock:
            for worker in self.workers:
                worker.kill()
        for server in self.servers:
            server.join()

    # --- in the threads

    def _serve(self) -> None:
        """Take tasks and give them to one process, until there are no more."""
        worker: Worker | None = None
        try:
            while (task := self._take()) is not None:
                number, parts = task
                try:
                    if worker is None:
                        worker = self._start_worker()
                    worker.begin(parts)
                    del parts, task  # the process has a copy; this one would only take memory
                    while (message := worker.receive())[0] == RESULT:
                        self.results.put((number, *message))
                    self.results.put((number, *message))
                except Exception as error:
                    if worker is None:
                        error = ElasticTokError(f"{error}; `jobs` 1 does without it")
                    elif isinstance(error, (EOFError, OSError)):
                        error = self._died(worker)
                    else:
                        worker.kill()
                    self.results.put((number, FAILED, error))
                    return
        finally:
            if worker is not None:
                with self.workers_lock:
                    self.workers.remove(worker)
                worker.end()
            self._share_threads(leaving=True)

    def _take(self) -> tuple[int, list[Any]] | None:
        """Return the next task with its number, or None if there are no more or the pool is being closed."""
        self.slots.acquire()
        with self.read_lock:
            try:
                parts = None if self.exhausted or self.stopping else self._read_task()
            except BaseException as error:  # raised in its place by `messages`
                self.exhausted = True
                self.results.put((self.started, FAILED, error))
                return None
            if parts is None:
                if not self.exhausted:
                    self.exhausted = True
                    self.results.put((self.started, _END, None))
                self.slots.release()  # for another thread, which finds the same
                return None
            self.started += 1
            return self.started - 1, parts

    def _read_task(self) -> list[Any] | None:
        """Read all parts of the next task; None at the end. Put any `Passthrough` before it into its place."""
        found: list[Any] = []
        number: int | None = None
        while not self.stopping:
            part, self.held = self.held or self._read_part(), None
            if isinstance(part, Part) and number in (None, part.task):
                number = part.task
                found.append(part.value)
            elif found:
                self.held = part
                return found
            elif isinstance(part, Passthrough):
                self.results.put((self.started, _PASSTHROUGH, part.value))
                self.started += 1
            elif isinstance(part, BaseException):
                raise part
            else:
                return None
        return None

    def _read_part(self) -> Part | Passthrough | BaseException | None:
        """Read the next part; None at the end. An error is returned: it is raised when its turn comes."""
        try:
            return next(self.parts, None)
        except BaseException as error:
            return error

    def _start_worker(self) -> Worker:
        worker = Worker(self.job)
        with self.workers_lock:
            self.workers.append(worker)
            if self.stopping:
                worker.kill()
        self._share_threads()
        return worker

    def _share_threads(self, leaving: bool = False) -> None:
        """Set how many threads each process may use. leaving: one process fewer has work."""
        with self.workers_lock:
            self.active -= leaving
            for worker in self.workers:
                worker.set_threads(max(1, self.threads // max(1, self.active)))

    def _died(self, worker: Worker) -> ElasticTokError:
        return ElasticTokError(f"one of the processes at work ended ({worker.end()}); `jobs` 1 does without them")


class Worker:
    """One process and the pipe to it. job: a pickled `Job`. Raises ElasticTokError if the process cannot be started."""

    def __init__(self, job: bytes) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy locks that other threads hold
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=worker_process.main, args=(other, job), daemon=True)
        try:
            self.process.start()
        except Exception as error:  # no memory; or this is a process of a pool, or a script without a main guard
            self.pipe.close()
            why = " ".join(str(error).split())[:MAX_ERROR_TEXT]
            raise ElasticTokError(f"no other process can be started: {why}") from error
        finally:
            other.close()
        self.send_lock = threading.Lock()

    def begin(self, parts: Iterable[Any]) -> None:
        """Send a task. Raises OSError if the process has ended."""
        with self.send_lock:
            for part in parts:
                self.pipe.send((PART, part))
            self.pipe.send((START, None))

    def set_threads(self, threads: int) -> None:
        """Set how many threads the process may use from now on."""
        with self.send_lock, contextlib.suppress(OSError):
            self.pipe.send((THREADS, threads))

    def receive(self) -> tuple[str, Any]:
        """Return the next message: RESULT, DONE or FAILED, and its value.

        Raises EOFError or OSError if the process has ended.
        """
        message: tuple[str, Any] = self.pipe.recv()
        return message

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()

    def end(self) -> str:
        """Close the pipe, wait for the process, and return how it ended."""
        self.pipe.close()
        self.process.join()
        code = self.process.exitcode or 0
        if code == -9:
            return "killed; often the system does that when memory runs out"
        return f"signal {-code}" if code < 0 else f"exit code {code}"
