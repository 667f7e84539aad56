"""Makes the modules of the recipe importable by their plain names, as they import each other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "weights" / "recipe"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """One thread for these tests: with tiny tensors, two would mostly wait for each other.

    A training run also flushes denormal numbers to zero; this is undone for the tests after it.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
    torch.set_flush_denormal(False)
