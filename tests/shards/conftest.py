"""Shards of random tokens, of many lengths."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from elastictok_cli.data.shards import Index, ShardWriter

ABOUT = {"model": "m", "model_digest": "00", "syntax": "fsq/1", "dtype": "uint16", "channels": 1, "places": False}


def tokens(number: int, kind: str = "fsq") -> npt.NDArray[Any]:
    """Of sample `number`; from 0 to 199 of them."""
    rng = np.random.default_rng([7, number])
    length = int(rng.integers(0, 200))
    if kind == "vae":
        return rng.integers(-128, 128, (length, 3)).astype(np.int8)
    return rng.integers(0, 64000, length).astype(np.uint16)


def write(folder: Path, samples: int = 300, kind: str = "fsq", each: int = 2000, **options: Any) -> Index:
    about = {**ABOUT, "places": kind == "nano"}
    if kind == "vae":
        about |= {"dtype": "int8", "channels": 3}
    with ShardWriter(str(folder / "%05d.tar"), about, each, **options) as writer:
        for number in range(samples):
            values = tokens(number, kind)
            places = np.arange(len(values), dtype=np.uint32) * 70_000 if kind == "nano" else None
            writer.add(f"clips/v1.0/{number:03d}", values, places, {"number": number})
        return writer.finish()


@pytest.fixture
def shards() -> Callable[..., Index]:
    """shards(folder, samples, kind, each): writes them."""
    return write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 samples in about 15 shards."""
    path = tmp_path_factory.mktemp("shards")
    write(path)
    return path
