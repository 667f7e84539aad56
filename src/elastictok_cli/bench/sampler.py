"""Sample where the time goes, and the memory: a thread reads the stages of all threads, 200 times a second.

The code marks its stages itself (`stages.py`). Sampling changes nothing of what it measures and costs about one per
cent.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self

from ..stages import current_stages

EVERY_S = 0.005
_STATM = Path("/proc/self/statm")


class Sampler:
    """A context manager that samples this process.

    seconds: by stage, all threads added up. peak_bytes: the most resident memory of the process that was seen; None
    where the system does not report it.
    """

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.peak_bytes: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        last = time.perf_counter()
        while not self._stop.wait(EVERY_S):
            now = time.perf_counter()
            for stage in current_stages().values():
                self.seconds[stage] += now - last  # type: ignore[assignment]  # seconds, not counts
            last = now
            memory = resident_bytes()
            if memory is not None:
                self.peak_bytes = max(self.peak_bytes or 0, memory)


def resident_bytes() -> int | None:
    """Return the resident memory of this process at this moment; None where the system does not report it."""
    try:
        pages = int(_STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    import resource

    return pages * resource.getpagesize()
