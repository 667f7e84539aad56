"""Inputs with something odd about them, all the way: encode, verify against the source, decode."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from video.clips import _Tone, picture, write_video

from elastictok_cli.container import Reader, check_file

from .running import Run


@dataclass(frozen=True)
class Odd:
    """make: writes it. frames: that there must be. note: what must be said of it. options: of encode."""

    name: str
    make: Callable[[Path], Any]
    frames: int = 12
    note: str = ""
    options: Sequence[str] = ()
    times: Sequence[Fraction] | None = None
    tracks: int = 0
    suffix: str = ".mkv"
    code: int = 0


def joined(path: Path, sizes: Sequence[tuple[int, int]]) -> None:
    """Recordings one behind the other in one transport stream: times start again, and so may the size."""
    parts = [write_video(path.with_name(f"part{n}.ts"), 6, size=size).read_bytes() for n, size in enumerate(sizes)]
    path.write_bytes(b"".join(parts))
    for n in range(len(sizes)):
        path.with_name(f"part{n}.ts").unlink()


def large(path: Path) -> None:
    """3840x2160, two frames."""
    y, x = np.mgrid[0:2160, 0:3840]
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 3840, 2160, "yuvj420p"
        for number in range(2):
            rgb = np.stack([(x + 40 * number) >> 4, y >> 4, (x + y) >> 5], axis=-1).astype(np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        file.mux(stream.encode(None))


def long_sound(path: Path) -> None:
    """Half a second of video, two of sound."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        tone = _Tone(file, "aac")
        for number in range(12):
            frame = av.VideoFrame.from_ndarray(picture(number), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
        tone.until(2.0)
        tone.finish()


def subtitled(path: Path) -> None:
    """A track of subtitles beside the video."""
    plain, words = write_video(path.with_name("plain.mkv")), path.with_name("words.srt")
    words.write_text("1\n00:00:00,000 --> 00:00:00,400\nhello\n")
    with av.open(str(plain)) as video, av.open(str(words)) as text, av.open(str(path), "w") as file:
        tracks = [(source, source.streams[0]) for source in (video, text)]
        copies = [file.add_stream_from_template(stream) for _, stream in tracks]
        for (source, stream), copy in zip(tracks, copies, strict=True):
            for packet in source.demux(stream):
                if packet.size:
                    packet.stream = copy
                    file.mux(packet)
    plain.unlink()
    words.unlink()


def twentyfifths(*numbers: int) -> list[Fraction]:
    return [Fraction(number, 25) for number in numbers]


GAPS = (0, 1, 2, 3, 12, 13, 14, 40, 41, 42, 43, 44)
NEGATIVE = {"avoid_negative_ts": "disabled"}
INPUTS = [
    Odd("4K", large, 2, "3840x2160 is coded at", suffix=".mov"),
    Odd("8x8", lambda p: write_video(p, size=(8, 8))),
    Odd("2x2", lambda p: write_video(p, size=(2, 2), codec="ffv1", pixel_format="bgr0")),
    Odd("one frame", lambda p: write_video(p, 1), 1, times=twentyfifths(0)),
    Odd("grey", lambda p: write_video(p, codec="ffv1", pixel_format="gray")),
    Odd("grey and alpha", lambda p: write_video(p, codec="png", pixel_format="ya8"), 12, "", suffix=".mov"),
    Odd("alpha", lambda p: write_video(p, codec="png", pixel_format="rgba"), 12, "", suffix=".mov"),
    Odd("three channels", lambda p: write_video(p, codec="png", pixel_format="rgb24"), suffix=".mov"),
    Odd(
        "1000 fps", lambda p: write_video(p, time_base=Fraction(1, 1000), pts=range(12)),
        times=[Fraction(n, 1000) for n in range(12)],
    ),
    Odd("a fine clock", lambda p: write_video(p, time_base=Fraction(1, 1_000_000), pts=[n * 40_000 for n in range(12)]),
        suffix=".mov", times=twentyfifths(*range(12))),
    Odd("negative times", lambda p: write_video(p, pts=range(-5, 7), container_options=NEGATIVE)),
    Odd("a clock that starts again", lambda p: joined(p, [(64, 48), (64, 48)]), 12, suffix=".ts",
        times=twentyfifths(*range(12))),
    Odd("a size that changes", lambda p: joined(p, [(64, 48), (32, 32)]), 12, "the picture changes its size to 32x32",
        suffix=".ts"),
    Odd("missing frames", lambda p: write_video(p, pts=GAPS), times=twentyfifths(*GAPS)),
    Odd("long sound", long_sound, 12, tracks=1, suffix=".mp4"),
    Odd("two tracks of sound", lambda p: write_video(p, sound="aac libopus"), 12, tracks=2),
    Odd("subtitles", subtitled, 12, "left out: stream 1 (subtitles"),
]  # fmt: skip


@pytest.mark.parametrize("odd", INPUTS, ids=lambda odd: odd.name)
def test_an_odd_input_comes_through(odd: Odd, run: Run, tmp_path: Path) -> None:
    path, etok, output = tmp_path / f"in{odd.suffix}", tmp_path / "out.etok", tmp_path / "out.mkv"
    odd.make(path)
    before = path.read_bytes()
    said = run("encode", path, "-o", etok, "--tokens", "40", "--jobs", "1", *odd.options)
    assert said.code == odd.code, said.err
    assert odd.note in said.err, said.err
    assert "fault" not in said.err
    with Reader(etok) as reader:
        assert reader.frames == odd.frames and check_file(reader) == []
        header = reader.header
        pts = [int(tick) for gop in reader.gops() for tick in gop.pts]
        assert all(a < b for a, b in zip(pts, pts[1:], strict=False))
        if odd.times is not None:
            assert [round((tick - pts[0]) * header.time_base, 6) for tick in pts] == [round(t, 6) for t in odd.times]
        assert len(header.audio) == odd.tracks
    checked = run("verify", etok, "--source", path)
    assert checked.code == 0, checked.err
    shown = run("decode", etok, "-o", output, "--codec", "ffv1", "--jobs", "1")
    assert shown.code == 0, shown.err
    with av.open(str(output)) as file:
        assert len(file.streams.audio) == odd.tracks
        assert sum(1 for _ in file.decode(video=0)) == odd.frames
    assert path.read_bytes() == before
    assert sorted(left.name for left in tmp_path.iterdir()) == sorted([path.name, etok.name, output.name])
