"""The engine above one machine: Ray (extra `ray`), on a cluster of the user's or one that it starts here.

The job with the model's weights is put into Ray's object store once, from which each node copies it once. Every node
needs elastictok and the same view of inputs and outputs: shared folders, or URLs for inputs. What a lost node was
doing, Ray does again on another one; a file appears by rename, so it is whole or not there.
"""

from __future__ import annotations

import os
import socket
from collections import deque
from collections.abc import Iterator
from typing import Any

from ..codec.settings import EncodeSettings
from ..codec.worker_process import use_threads
from ..errors import UsageError
from ..models.base import TokenModel
from .engine import Answer
from .work import BatchJob, Failed, Outcome, Task, do

LOST = 3  # how often Ray does a task again whose node or process was lost, before it is Failed


class RayEngine:
    """Runs the tasks of a batch on a Ray cluster.

    address: HOST:PORT of a cluster, or "auto"; None starts Ray on this machine for the time of the batch. jobs: tasks
    at once; None for one per processor of the cluster. Raises UsageError if Ray is not installed or cannot be reached.
    """

    def __init__(self, settings: EncodeSettings, model: TokenModel, jobs: int | None, address: str | None) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent to anyone without being asked for
        try:
            import ray
        except ImportError:
            raise UsageError("`engine` ray: Ray is not installed; pip install 'elastictok[ray]' brings it") from None
        self._ray: Any = ray
        try:
            if address is None:
                ray.init(address="local", num_cpus=jobs, include_dashboard=False, log_to_driver=False)
            else:
                _check(address)
                ray.init(address=address, log_to_driver=False)
        except (OSError, ValueError, RuntimeError) as error:
            raise UsageError(f"`address` {address}: {str(error).splitlines()[0]}") from None
        self.nodes = sum(bool(node["Alive"]) for node in self._ray.nodes())
        self.workers = jobs or max(1, int(self._ray.cluster_resources().get("CPU", 1)))
        self._piece: Any = ray.remote(num_cpus=1, max_retries=LOST)(_piece)
        self._job = ray.put(BatchJob(settings, model))
        self._waiting: deque[Task] = deque()
        self._begun: dict[Any, Task] = {}

    def submit(self, task: Task) -> None:
        """See `engine.Engine`."""
        self._waiting.append(task)

    def answers(self) -> Iterator[Answer]:
        """See `engine.Engine`."""
        while self._waiting and len(self._begun) < self.workers:
            task = self._waiting.popleft()
            self._begun[self._piece.remote(self._job, task)] = task
        ready, _ = self._ray.wait(list(self._begun), num_returns=1)
        for reference in ready:
            task = self._begun.pop(reference)
            try:
                yield task, self._ray.get(reference)
            except self._ray.exceptions.RayError as error:
                why = str(error).strip().splitlines()[0]
                yield task, Failed(f"{task.source}: lost on the cluster: {why}", 1, again=True)

    def close(self) -> None:
        """See `engine.Engine`. A Ray that was started for the batch ends with it."""
        for reference in self._begun:
            self._ray.cancel(reference, force=True)
        self._ray.shutdown()


def _check(address: str) -> None:
    """Raises OSError if nobody listens there: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), timeout=10).close()


def _piece(job: BatchJob, task: Task) -> Outcome:
    use_threads(1)
    return do(task, job.settings, job.model.with_threads(1), lambda progress: None)
