"""The files that commands of the pages are given: short clips made of the example clip, and files with faults."""

from __future__ import annotations

import contextlib
import shutil
from fractions import Fraction
from pathlib import Path

import av

from elastictok_cli.cli.app import main

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "demo.mp4"
FRAMES, WIDTH, HEIGHT = 12, 160, 90
DURATION_S = 0.48


def fill(folder: Path) -> None:
    """Videos, a picture and a document, as a reader of the pages has them."""
    short = folder / "in.mp4"
    _shorten(short)
    for name in ("long.mp4", "clips/a.mp4", "clips/b.mp4", "videos/a.mp4", "videos/day2/b.mp4"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(short, folder / name)
    with av.open(str(short)) as file:
        next(file.decode(video=0)).to_image().save(folder / "photo.jpg")
    (folder / "notes.txt").write_text("Ask the camera team for the second take.\n", encoding="utf-8")


def add_etok(folder: Path) -> None:
    """What an earlier command left there: in.etok and coarse.etok of in.mp4, and their tokens."""
    with contextlib.chdir(folder):
        for name, threshold in (("in.etok", "0.007"), ("coarse.etok", "0.015"), ("fine.etok", "0.003")):
            assert main(["encode", "in.mp4", "-o", name, "--threshold", threshold, "-q"]) == 0


def add_faults(folder: Path) -> None:
    """Files that are refused, each for one reason."""
    golden = ROOT / "tests" / "golden"
    shutil.copy(golden / "v1-fsq-sound.etok", folder / "other-model.etok")
    whole = (folder / "in.etok").read_bytes()
    (folder / "cut.etok").write_bytes(whole[: len(whole) // 2])
    at = len(whole) // 8  # in the first GOP
    (folder / "damaged.etok").write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "old.tokens.npz").write_bytes(b"PK\x03\x04 not an archive")
    _shorten(folder / "other.mp4", rate=30)
    _sound_only(folder / "sound.m4a")
    whole = (folder / "in.mp4").read_bytes()
    (folder / "cut.mp4").write_bytes(whole[: len(whole) * 2 // 3])


def _shorten(path: Path, rate: int = 25) -> None:
    index_first = {"movflags": "faststart"}
    with av.open(str(EXAMPLE)) as file, av.open(str(path), "w", options=index_first) as out:
        video = out.add_stream("libx264", rate=rate, options={"crf": "18", "threads": "1"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        sound = out.add_stream_from_template(file.streams.audio[0])
        for number, frame in zip(range(FRAMES), file.decode(video=0), strict=False):
            small = frame.reformat(width=WIDTH, height=HEIGHT, format="yuv420p")
            small.pts, small.time_base = number, Fraction(1, rate)
            out.mux(video.encode(small))
        out.mux(video.encode(None))
        _copy_sound(file, out, sound)


def _sound_only(path: Path) -> None:
    with av.open(str(EXAMPLE)) as file, av.open(str(path), "w") as out:
        _copy_sound(file, out, out.add_stream_from_template(file.streams.audio[0]))


def _copy_sound(file: av.container.InputContainer, out: av.container.OutputContainer, stream: av.AudioStream) -> None:
    file.seek(0)
    for packet in file.demux(audio=0):
        if packet.dts is None or packet.pts * packet.time_base >= DURATION_S:
            return
        packet.stream = stream
        out.mux(packet)
