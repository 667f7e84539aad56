"""A small real clip with sound, the same clip encoded, and a way to run commands as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from safetensors.numpy import save_file

from elastictok_cli.cli.app import main
from elastictok_cli.models.nano.weights import Weights

WIDTH, HEIGHT, FRAMES, RATE = 72, 50, 20, 25


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where weights of the user's own are: a model that has learned nothing, so that no test waits for training.

    Its contexts start without knowledge; everything else about it is the real model.
    """
    folder = tmp_path_factory.mktemp("home")
    said = {"model": "elastictok-nano", "syntax": "nano/5", "generation": "0"}
    contexts, mixers = Weights.untrained().tables
    save_file({"contexts": contexts, "mixers": mixers}, folder / "plain.safetensors", metadata=said)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELASTICTOK_HOME", str(folder))
        yield folder


@pytest.fixture(scope="session")
def model(home: Path) -> str:
    """What to give to --model."""
    return str(home / "plain.safetensors")


def write_clip(path: Path, frames: int = FRAMES) -> Path:
    """Stripes that move, then rest, in H.264, with a tone in AAC."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=RATE, options={"crf": "10", "threads": "1"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        tone = file.add_stream("aac", rate=48000, layout="mono")
        for number in range(frames):
            phase = min(number, frames // 2)
            waves = [127 + 100 * np.sin(x / (4 + c) + y / 7 + phase * 0.5 + c) for c in range(3)]
            frame = av.VideoFrame.from_ndarray(np.stack(waves, axis=-1).astype(np.uint8), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        for number in range(frames * 48000 // RATE // 1024):
            at = np.arange(number * 1024, number * 1024 + 1024)
            piece = av.AudioFrame.from_ndarray((0.2 * np.sin(at / 20)).astype(np.float32)[None], "fltp", "mono")
            piece.sample_rate, piece.pts, piece.time_base = 48000, number * 1024, Fraction(1, 48000)
            file.mux(tone.encode(piece))
        file.mux(tone.encode(None))
    return path


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 frames: two blocks and a half."""
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4")


@pytest.fixture(scope="session")
def etok(clip: Path, model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The clip encoded at the default threshold."""
    path = tmp_path_factory.mktemp("etok") / "clip.etok"
    assert main(["encode", str(clip), "-o", str(path), "--model", model, "-q"]) == 0
    return path


class Run:
    """Calls the command line in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *arguments: str | Path) -> Ran:
        self.capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = self.capsys.readouterr()
        return Ran(code, said.out, said.err)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """run("stats", path) -> Ran. 80 columns, no colours."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    return Run(capsys)


def process(*arguments: str | Path, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The same in a process of its own, for streams."""
    return subprocess.run(
        [sys.executable, "-m", "elastictok_cli", *map(str, arguments)],
        input=stdin,
        capture_output=True,
        env={**os.environ, **environment},
        check=False,
    )
