"""Run a generator in a thread, a little ahead of whoever reads it, so that reading and coding overlap.

Order, items and errors are those of the generator itself. Its memory is `depth` items and the one in the
making.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

Item = TypeVar("Item")


class _End:
    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(items: Iterator[Item], depth: int = 1) -> Generator[Item, None, None]:
    """Yield `items`. Closing it stops the thread and waits for it, so that a file under `items` may then be
    closed."""
    waiting: queue.Queue[Item | _End] = queue.Queue(max(1, depth))
    stop = threading.Event()

    def put(item: Item | _End) -> bool:
        while not stop.is_set():
            # The time-out only bounds how long a reader that gave up has to wait for this thread.
            with contextlib.suppress(queue.Full):
                waiting.put(item, timeout=0.05)
                return True
        return False

    def work() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not put(item):
                    break
        except BaseException as caught:  # handed to the reader, which raises it
            error = caught
        finally:
            if isinstance(items, Generator):
                items.close()
            put(_End(error))

    thread = threading.Thread(target=work, name="elastictok-ahead", daemon=True)
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
