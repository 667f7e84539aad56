"""Mark what each thread is working on, so that a profiler can add up time by stage (`bench/sampler.py`).

    with stage(MOTION_ESTIMATION):
        ...

A mark costs less than a microsecond on entry and exit together. It changes nothing but the thread's own entry here.
"""

from __future__ import annotations

from threading import get_ident
from types import TracebackType

READING = "reading"
SEARCH = "search"
MODEL = "model"
MOTION_ESTIMATION = "motion estimation"
MEASURING = "measuring"
ENTROPY_CODING = "entropy coding"
OTHER = "other"
STAGES = (READING, MOTION_ESTIMATION, MODEL, MEASURING, SEARCH, ENTROPY_CODING, OTHER)

_current: dict[int, str | None] = {}  # by thread id


def stage(name: str | None) -> _Stage:
    """Return a context manager: inside it, the current thread works on `name`; after it, on what it did before.

    Use None while the thread only waits for other threads. Do not `yield` inside: the mark would stay on while the
    reader of the generator works.
    """
    return _Stage(name)


class _Stage:
    __slots__ = ("_name", "_outer", "_thread")

    def __init__(self, name: str | None) -> None:
        self._name = name

    def __enter__(self) -> None:
        self._thread = get_ident()
        self._outer = _current.get(self._thread)
        _current[self._thread] = self._name

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._outer is None:
            _current.pop(self._thread, None)  # threads come and go; their entries must not pile up
        else:
            _current[self._thread] = self._outer


def current_stages() -> dict[int, str]:
    """Return the stage of every thread that is in one, by thread id."""
    return {thread: name for thread, name in list(_current.items()) if name is not None}
