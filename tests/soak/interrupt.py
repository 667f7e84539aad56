"""Encode and decode stopped at random moments: what is left behind, and whether the work goes on to the same bytes.

    python -m soak.interrupt --kills 100        (in tests/)

Each round starts a command and ends it after a number of blocks and a few milliseconds more, or at any time since its
start. SIGKILL: no half file under the final name, the input as it was, and `encode --resume` makes the file of an
uninterrupted run, byte by byte. SIGINT and SIGTERM: exit code 130 or 143, one line, and a folder as it was before. No
process stays behind.
"""

from __future__ import annotations

import argparse
import collections
import hashlib
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np

GENTLE = {signal.SIGINT: 130, signal.SIGTERM: 143}
FRAMES = 48
MARK = "ELASTICTOK_SOAK"


def write_clip(path: Path) -> None:
    """Two seconds of 64x48 that move, with sound: six GOPs of one block."""
    y, x = np.mgrid[0:48, 0:64]
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=25, options={"crf": "12", "threads": "1"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        tone = file.add_stream("aac", rate=48000, layout="mono")
        for t in range(FRAMES):
            waves = [127 + 100 * np.sin(x / (4 + c) + y / 7 + t * 0.5 + c) for c in range(3)]
            file.mux(video.encode(av.VideoFrame.from_ndarray(np.stack(waves, axis=-1).astype(np.uint8), "rgb24")))
        file.mux(video.encode(None))
        for n in range(FRAMES * 48000 // 25 // 1024):
            wave = (0.2 * np.sin(np.arange(1024 * n, 1024 * n + 1024) / 20)).astype(np.float32)
            piece = av.AudioFrame.from_ndarray(wave[None], "fltp", "mono")
            piece.sample_rate, piece.pts = 48000, 1024 * n
            file.mux(tone.encode(piece))
        file.mux(tone.encode(None))


@dataclass
class Stage:
    """A folder with a clip, and what encode and decode make of it when nobody stops them."""

    folder: Path
    clip: Path = field(init=False)
    whole: bytes = field(init=False)
    shown: str = field(init=False)
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clip, self.etok, self.video = (self.folder / name for name in ("clip.mp4", "clip.etok", "shown.mkv"))
        write_clip(self.clip)
        self.sum = digest(self.clip)
        for name in ("encode", "decode"):
            began = time.monotonic()
            subprocess.run(self.command(name), check=True, capture_output=True)
            self.seconds[name] = time.monotonic() - began
        self.whole, self.shown = self.etok.read_bytes(), pictures(self.video)
        self.ready(None)

    def command(self, name: str, *more: str) -> list[str]:
        start = [sys.executable, "-m", "elastictok_cli", name, "--json", "--jobs", "1"]
        if name == "encode":
            return [*start, str(self.clip), "-o", str(self.etok), "--gop", "1", "--threshold", "0.003", *more]
        return [*start, str(self.etok), "-o", str(self.video), "--codec", "ffv1", *more]

    def ready(self, name: str | None) -> None:
        """A folder with nothing but what `name` needs."""
        for path in self.folder.iterdir():
            if path != self.clip:
                path.unlink()
        if name == "decode":
            self.etok.write_bytes(self.whole)

    def left(self) -> list[str]:
        """Names of all that lies there."""
        return sorted(path.name for path in self.folder.iterdir())


def pictures(path: Path) -> str:
    """All frames of a video, their times, and its sound. Not its bytes: Matroska puts a random number in each file."""
    total = hashlib.sha256()
    with av.open(str(path)) as file:
        for packet in file.demux():
            if packet.stream.type == "audio":
                total.update(bytes(packet))
                continue
            for frame in packet.decode():
                total.update(f"{frame.pts}".encode() + frame.to_ndarray(format="rgb24").tobytes())
    return total.hexdigest()


def is_whole(stage: Stage, name: str) -> bool:
    """Whether what lies under the final name is what it must be."""
    return stage.etok.read_bytes() == stage.whole if name == "encode" else pictures(stage.video) == stage.shown


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _listens() -> None:
    """A shell starts jobs of the background deaf to Ctrl-C, and children inherit that."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def stop(command: Sequence[str], number: signal.Signals, blocks: int | None, delay_s: float) -> tuple[int, str, str]:
    """Run and send a signal, so many blocks after the start (None: at once) and so many seconds later. Returns the
    exit code, stderr, and the mark that its processes carry."""
    mark = secrets.token_hex(8)
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, MARK: mark},
        preexec_fn=_listens,
    ) as process:
        assert process.stdout is not None
        seen = 0
        while blocks is not None and seen < blocks and (line := process.stdout.readline()):
            seen += '"block"' in line
        time.sleep(delay_s)
        process.send_signal(number)
        _, said = process.communicate()
    return process.returncode, said, mark


def remaining(mark: str, patience_s: float = 10.0) -> int:
    """Processes with this mark that do not end; 0 where the system cannot tell."""
    until = time.monotonic() + patience_s
    while True:
        found = 0
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                found += f"{MARK}={mark}".encode() in path.read_bytes()
            except OSError:
                continue
        if not found or time.monotonic() > until:
            return found
        time.sleep(0.1)


def killed(stage: Stage, name: str, blocks: int | None, delay_s: float, more: Sequence[str] = ()) -> str:
    """One SIGKILL, and what must hold after it. Returns what the moment hit."""
    stage.ready(name)
    options = [*more, "--resume"] if name == "encode" else list(more)
    code, _, mark = stop(stage.command(name, *options), signal.SIGKILL, blocks, delay_s)
    target = stage.etok if name == "encode" else stage.video
    assert code in (0, -signal.SIGKILL), code
    assert digest(stage.clip) == stage.sum, "the input is not what it was"
    assert remaining(mark) == 0, "a process stays behind"
    was = "over" if target.exists() else "part" if len(stage.left()) > 1 + (name == "decode") else "nothing"
    if target.exists():
        assert is_whole(stage, name), "half a file under the final name"
    if name == "encode":
        again = subprocess.run(stage.command(name, *options, "-f"), capture_output=True, text=True, check=False)
        assert again.returncode == 0, again.stderr
        assert is_whole(stage, name), "the resumed file is another"
        assert stage.left() == ["clip.etok", "clip.mp4"], stage.left()
    else:
        assert stage.etok.read_bytes() == stage.whole, "the input is not what it was"
    return was


def ended(stage: Stage, name: str, number: signal.Signals, blocks: int | None, delay_s: float, more: Sequence[str] = ()
          ) -> str:  # fmt: skip
    """One SIGINT or SIGTERM, and what must hold after it."""
    stage.ready(name)
    before = stage.left()
    code, said, mark = stop(stage.command(name, *more), number, blocks, delay_s)
    assert digest(stage.clip) == stage.sum, "the input is not what it was"
    assert remaining(mark) == 0, "a process stays behind"
    if stage.left() != before:  # stopped between the renaming and the end, or not at all
        target = stage.etok if name == "encode" else stage.video
        assert stage.left() == sorted([*before, target.name]), stage.left()
        assert is_whole(stage, name), "half a file under the final name"
        return "over"
    # -number: before this program listens. -SIGINT: the moment fell into code that Python runs from a string (it makes
    # dataclasses so); under `python -m` it then ends itself by that signal, whatever the program says.
    assert code in (GENTLE[number], -number, -signal.SIGINT), (code, said[-2000:])
    return "nothing" if code == -number else "part"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    chance, seen, failures = random.Random(chosen.seed), collections.Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder:
        stage = Stage(Path(folder))
        print(f"whole: {len(stage.whole)} bytes; {stage.seconds}", flush=True)
        for number in range(chosen.kills):
            for signal_ in (signal.SIGKILL, chance.choice(sorted(GENTLE))):
                name = chance.choice(("encode", "encode", "decode"))
                blocks = chance.choice((None, None, *range(1, 6)))
                delay_s = chance.uniform(0, 1.05 * stage.seconds[name]) if blocks is None else chance.uniform(0, 0.08)
                more = ("--jobs", chance.choice(("1", "1", "2")))
                try:
                    if signal_ is signal.SIGKILL:
                        hit = killed(stage, name, blocks, delay_s, more)
                    else:
                        hit = ended(stage, name, signal_, blocks, delay_s, more)
                except AssertionError as error:
                    failures += 1
                    print(f"error: {number} {signal_.name} {name} {more} {blocks} {delay_s:.3f}: {error}", flush=True)
                    continue
                seen[f"{signal_.name} {name}: {hit}"] += 1
    for what, count in sorted(seen.items()):
        print(f"{what:24} {count}")
    print(f"{chosen.kills} kills and as many gentle signals, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
