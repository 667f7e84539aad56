"""The recipe is no package: its modules import each other by their plain names, as when they are run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "weights" / "recipe"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny tensors: two threads would mostly wait for each other, for minutes on a busy machine.

    A training run also tells the processor to take the tiniest numbers for zero: not so for the tests behind it.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)
