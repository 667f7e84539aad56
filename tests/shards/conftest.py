"""Shards of random tokens: clips of many lengths and tilings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from elastictok_cli.data.sequence import Vocabulary
from elastictok_cli.data.shards import Index, ShardWriter

ABOUT = {"model": "m", "model_digest": "00", "syntax": "fsq/1", "channels": 1, "block_frames": 4}
CODES = Vocabulary(64000)


def counts(number: int) -> npt.NDArray[np.int64]:
    """Of sample `number`: one to six blocks of one to three tiles, with up to 40 tokens each."""
    rng = np.random.default_rng([8, number])
    blocks, tiles = rng.integers(1, 7), 1 + number % 3
    return rng.integers(0, 41, (blocks, tiles))


def tokens(number: int, kind: str = "fsq") -> npt.NDArray[Any]:
    """Of sample `number`."""
    rng = np.random.default_rng([7, number])
    length = int(counts(number).sum())
    if kind == "vae":
        return rng.integers(-128, 128, (length, 3)).astype(np.int8)
    return rng.integers(0, 64000, length).astype(np.uint16)


def ids(number: int, kind: str = "fsq") -> npt.NDArray[Any]:
    """The sequence of sample `number`, put together one by one."""
    values = tokens(number, kind)
    if kind == "vae":
        return values
    found, rest = [CODES.begin_clip], values.tolist()
    for count in counts(number).reshape(-1).tolist():
        found += [CODES.begin_block, *rest[:count], CODES.end_block]
        rest = rest[count:]
    return np.array(found)


def write(folder: Path, samples: int = 300, kind: str = "fsq", each: int = 2000, **options: Any) -> Index:
    about, vocabulary = (ABOUT | {"channels": 3}, Vocabulary(0)) if kind == "vae" else (ABOUT, CODES)
    with ShardWriter(str(folder / "%05d.tar"), about, vocabulary, each, **options) as writer:
        for number in range(samples):
            writer.add(f"clips/v1.0/{number:03d}", tokens(number, kind), counts(number), {"number": number})
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
