"""Run a generator in a thread, a little ahead of its reader, so that reading and coding overlap."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

from ..stages import READING, stage

Item = TypeVar("Item")


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def read_ahead(items: Iterator[Item], depth: int = 1) -> Generator[Item, None, None]:
    """Yield `items` in their order, and raise their error in its place.

    depth: items that may wait for the reader; one more is being made. Closing the generator stops the thread and waits
    for it, so that a file under `items` may then be closed.
    """
    waiting: queue.Queue[Item | _End] = queue.Queue(max(1, depth))
    stop = threading.Event()

    def put(item: Item | _End) -> bool:
        while not stop.is_set():
            # The time-out only limits how long a reader that stopped early waits for this thread.
            with contextlib.suppress(queue.Full):
                waiting.put(item, timeout=0.05)
                return True
        return False

    def work() -> None:
        error: BaseException | None = None
        end = _End(None)
        try:
            while True:
                with stage(READING):
                    item = next(items, end)
                if item is end or not put(item):
                    break
        except BaseException as caught:  # handed to the reader, which raises it
            error = caught
        finally:
            if isinstance(items, Generator):
                items.close()
            put(_End(error))

    thread = threading.Thread(target=work, name="elastictok-read-ahead", daemon=True)
    thread.start()
    try:
        while True:
            item = waiting.get()
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        stop.set()
        thread.join()
