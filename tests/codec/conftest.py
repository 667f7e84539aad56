"""Small real clips: moving, static, with cuts, made with PyAV so that what is read has been through a
codec."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

WIDTH, HEIGHT = 30, 22  # no multiples of anything


def moving(frames: int, seed: int = 0, width: int = WIDTH, height: int = HEIGHT) -> npt.NDArray[np.uint8]:
    """Something smooth that moves, then rests, then is cut to something else: (T, H, W, 3)."""
    rng = np.random.default_rng(seed)
    shown = []
    y, x = np.mgrid[0:height, 0:width]
    for t in range(frames):
        part, phase = divmod(t, max(1, frames // 2))
        phase = min(phase, frames // 4)
        waves = [127 + 90 * np.sin(x / (3 + c + 2 * part) + y / (5 + part) + phase * 0.4 + c) for c in range(3)]
        shown.append(np.stack(waves, axis=-1) + rng.normal(0, 4, (height, width, 3)))
    clip: npt.NDArray[np.uint8] = np.clip(np.stack(shown), 0, 255).astype(np.uint8)
    return clip


def write_clip(
    path: Path, frames: npt.NDArray[np.uint8], rate: int = 25, sound: bool = False, codec: str = "ffv1"
) -> Path:
    """Lossless video (FFV1) or libx264, and a tone if asked for."""
    with av.open(str(path), "w") as file:
        video = file.add_stream(codec, rate=rate, options={"slices": "4"} if codec == "ffv1" else {})
        video.width, video.height = frames.shape[2], frames.shape[1]
        video.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p"
        tone = file.add_stream("pcm_s16le", rate=8000, layout="mono") if sound else None
        for number, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, rate)
            file.mux(video.encode(frame))
            if tone is not None:
                samples = (8000 * np.sin(np.arange(320) / 5 + number)).astype(np.int16)
                piece = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "mono")
                piece.sample_rate, piece.pts, piece.time_base = 8000, number * 320, Fraction(1, 8000)
                file.mux(tone.encode(piece))
        file.mux(video.encode(None))
        if tone is not None:
            file.mux(tone.encode(None))
    return path


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """17 frames: two GOPs of three blocks of two frames, two blocks and a half."""
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mkv", moving(17))


@pytest.fixture(scope="session")
def loud_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with sound."""
    return write_clip(tmp_path_factory.mktemp("clip") / "loud.mkv", moving(17), sound=True)
