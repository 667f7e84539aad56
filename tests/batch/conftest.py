"""Tiny clips, and the small model of the codec's tests, which other processes must find too."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[1]))  # `codec.dct`, here and in the processes that inherit it


def write_clip(path: Path, frames: int = 4, seed: int = 0, side: int = 16, sound: bool = False) -> Path:
    """Lossless (FFV1): something that moves, in noise."""
    rng = np.random.default_rng(seed)
    with av.open(str(path), "w") as file:
        video = file.add_stream("ffv1", rate=25)
        video.width = video.height = side
        video.pix_fmt = "bgr0"
        tone = file.add_stream("pcm_s16le", rate=8000, layout="mono") if sound else None
        y, x = np.mgrid[0:side, 0:side]
        for number in range(frames):
            waves = np.stack([127 + 90 * np.sin(x / (3 + c) + y / 5 + number / 3 + seed) for c in range(3)], -1)
            rgb = np.clip(waves + rng.normal(0, 4, (side, side, 3)), 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            file.mux(video.encode(frame))
            if tone is not None:
                piece = av.AudioFrame.from_ndarray(np.full((1, 320), number, np.int16), "s16", "mono")
                piece.sample_rate, piece.pts, piece.time_base = 8000, number * 320, Fraction(1, 8000)
                file.mux(tone.encode(piece))
        file.mux(video.encode(None))
    return path


@pytest.fixture
def make() -> Callable[..., Path]:
    """make(path, frames, seed, side, sound): a clip."""
    return write_clip


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Path]:
    """Three clips in folders, one text file, one picture of nothing."""
    root = tmp_path / "in"
    for number, name in enumerate(("a.mkv", "sub/b.mkv", "sub/deep/c.mkv")):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        write_clip(root / name, seed=number)
    (root / "notes.txt").write_text("no video")
    yield root
