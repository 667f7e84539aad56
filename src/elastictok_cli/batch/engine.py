"""Who does the tasks of a batch, and the engine for this machine: processes that are kept, with a task at a time."""

from __future__ import annotations

import pickle
import queue
import threading
from collections.abc import Iterator
from typing import Protocol

from ..codec.settings import EncodeSettings
from ..codec.worker_process import DONE, FAILED, RESULT
from ..codec.workers import Worker
from ..errors import ElasticTokError
from ..models.base import TokenModel
from .work import BatchJob, Failed, Outcome, Progress, Task

Answer = tuple[Task, Outcome | Progress]


class Engine(Protocol):
    """Takes tasks in any number and answers in any order. workers: how many it does at once."""

    workers: int

    def submit(self, task: Task) -> None: ...

    def answers(self) -> Iterator[Answer]:
        """Those that there are, at least one; waits for it. An outcome ends its task."""
        ...

    def close(self) -> None:
        """Stop whatever is being done, at once."""
        ...


class LocalEngine:
    """Processes on this machine. One that dies (no memory, a fault in a decoder) is replaced; its task is `Failed`."""

    def __init__(self, settings: EncodeSettings, model: TokenModel, workers: int) -> None:
        self.workers = workers
        self._job = pickle.dumps(BatchJob(settings, model))
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._out: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._stop = False
        self._processes: list[Worker] = []
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    def submit(self, task: Task) -> None:
        """See `Engine`."""
        self._tasks.put(task)

    def answers(self) -> Iterator[Answer]:
        """See `Engine`."""
        yield self._out.get()
        while not self._out.empty():
            yield self._out.get()

    def close(self) -> None:
        """See `Engine`."""
        self._stop = True
        with self._lock:
            for process in self._processes:
                process.kill()
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        process: Worker | None = None
        while (task := self._tasks.get()) is not None and not self._stop:
            try:
                process = process or self._started()
            except ElasticTokError as error:
                self._out.put((task, Failed(f"{task.source}: {error}", 1, again=True)))
                continue
            try:
                self._do(process, task)
            except (EOFError, OSError):
                self._ended(process)
                text = f"{task.source}: the process at work on it ended ({process.end()})"
                self._out.put((task, Failed(text, 1, again=True)))
                process = None
        if process is not None:
            self._ended(process)
            process.end()

    def _do(self, process: Worker, task: Task) -> None:
        process.begin([task])
        while True:
            kind, value = process.receive()
            if kind == RESULT:
                self._out.put((task, value))
            elif kind == FAILED:
                self._out.put((task, Failed(f"{task.source}: {value}", 1)))
                return
            elif kind == DONE:
                return

    def _started(self) -> Worker:
        process = Worker(self._job)
        with self._lock:
            self._processes.append(process)
            if self._stop:
                process.kill()
        return process

    def _ended(self, process: Worker) -> None:
        with self._lock:
            self._processes.remove(process)
