"""Which stage a thread is in, by the functions on its stack."""

from __future__ import annotations

import sys
import threading
from types import FrameType

import numpy as np

from elastictok_cli.bench.sampler import Sampler, resident_bytes, stage_of
from elastictok_cli.codec.choose import Candidates
from elastictok_cli.models.nano.search import encoder as nano
from elastictok_cli.search import Span, run, strategy


def test_the_innermost_room_of_the_package_counts() -> None:
    seen: list[FrameType] = []

    def measure(effort: int) -> float:
        seen.append(sys._getframe())
        return 1 / effort

    run(strategy("fast")(Span(1, 64, log=True), 0.1, None), measure)
    assert stage_of(seen[0]) == "search"
    assert stage_of(sys._getframe()) is None  # nothing of the package


def test_the_bundled_model_is_split_into_motion_and_the_rest() -> None:
    """Its functions that look for vectors have names that say so."""
    names = [name for name in vars(nano) if callable(getattr(nano, name))]
    motion = {"search_motion", "_search_coarsely", "_phases"}
    assert motion <= set(names)
    for function, stage in ((nano.search_motion, "motion"), (nano.encode_block, "model"), (Candidates.error, "rest")):
        frame = _Frame(function.__code__)
        assert stage_of(frame) == stage  # type: ignore[arg-type]


class _Frame:
    """As much of a frame as is looked at."""

    f_back = None

    def __init__(self, code: object) -> None:
        self.f_code = code


def test_a_thread_that_waits_does_nothing() -> None:
    blocked, go = threading.Event(), threading.Event()
    frames: list[FrameType] = []

    def wait() -> None:
        blocked.set()
        go.wait()

    thread = threading.Thread(target=wait)
    thread.start()
    blocked.wait()
    while not frames or frames[0].f_code.co_name != "wait":
        frames = [sys._current_frames()[thread.ident or 0]]
    assert stage_of(frames[0]) is None
    go.set()
    thread.join()


def test_memory_is_that_of_the_process() -> None:
    before = resident_bytes()
    with Sampler() as sampler:
        block = np.ones(40_000_000, np.uint8)
        while sampler.peak_bytes is None and before is not None:
            pass
    after = resident_bytes()
    assert before is None or (after is not None and after - before > 30_000_000 and block[0] == 1)
    assert sampler.seconds.keys() <= set()
