"""The sampler adds up seconds by stage, and sees the memory of the process."""

from __future__ import annotations

import threading

import numpy as np

from elastictok_cli.bench.sampler import Sampler, resident_bytes
from elastictok_cli.stages import MODEL, stage


def test_a_sampler_adds_up_the_threads_that_are_in_a_stage() -> None:
    go, ready = threading.Event(), threading.Barrier(3)

    def work(name: str | None) -> None:
        with stage(name):
            ready.wait()
            go.wait()

    threads = [threading.Thread(target=work, args=(name,)) for name in (MODEL, None)]
    for thread in threads:
        thread.start()
    ready.wait()
    with Sampler() as sampler:
        while not sampler.seconds[MODEL]:
            pass
    go.set()
    for thread in threads:
        thread.join()
    assert set(sampler.seconds) == {MODEL}


def test_memory_is_that_of_the_process() -> None:
    before = resident_bytes()
    with Sampler() as sampler:
        block = np.ones(40_000_000, np.uint8)
        while sampler.peak_bytes is None and before is not None:
            pass
    after = resident_bytes()
    assert before is None or (after is not None and after - before > 30_000_000 and block[0] == 1)
    assert not sampler.seconds
