"""Where the time goes, and the memory: a thread that looks, some hundred times a second, what every other thread does.

It changes nothing of what it looks at and costs about one per cent. What a thread does is told by the innermost
function of this package on its stack; a thread that waits for another does nothing.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

EVERY_S = 0.005
STAGES = ("reading", "motion", "model", "measuring", "search", "entropy coding", "rest")
_MOTION = re.compile("motion|coarse|phases|small")  # functions of the bundled model's encoder that look for vectors
_ROOMS = {
    "video": "reading",
    "search": "search",
    "container": "entropy coding",
    "metrics": "measuring",
    "codec": "rest",
}
_WAITS = ("threading.py", "queue.py", "thread.py", "selectors.py")
_PACKAGE = Path(__file__).parents[1].name
_STATM = Path("/proc/self/statm")


class Sampler:
    """A context manager. seconds: by stage, all threads added up. peak_bytes: resident memory of the process, the
    most that was seen; None where the system does not tell."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self.peak_bytes: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        own, last = threading.get_ident(), time.perf_counter()
        while not self._stop.wait(EVERY_S):
            now = time.perf_counter()
            for ident, frame in sys._current_frames().items():
                if ident != own and (stage := stage_of(frame)) is not None:
                    self.seconds[stage] += now - last  # type: ignore[assignment]  # seconds, not counts
            last = now
            memory = resident_bytes()
            if memory is not None:
                self.peak_bytes = max(self.peak_bytes or 0, memory)


def stage_of(frame: FrameType | None) -> str | None:
    """The stage that a thread is in; None if it waits, or runs nothing of this package but the benchmark."""
    if frame is not None and Path(frame.f_code.co_filename).name in _WAITS:
        return None
    while frame is not None:
        parts = Path(frame.f_code.co_filename).parts
        if _PACKAGE in parts:
            inside = parts[len(parts) - 1 - parts[::-1].index(_PACKAGE) + 1 :]
            room = inside[0].removesuffix(".py")
            if room == "models":
                return "motion" if _MOTION.search(frame.f_code.co_name) else "model"
            if room in _ROOMS:
                return _ROOMS[room]
            if room != "kernels":  # those belong to whoever calls them
                return None
        frame = frame.f_back
    return None


def resident_bytes() -> int | None:
    """Memory of this process at this moment."""
    try:
        pages = int(_STATM.read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return None
    import resource

    return pages * resource.getpagesize()
