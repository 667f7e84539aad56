"""Files that were cut short: those that end in the middle, and those that say nothing of their end."""

from __future__ import annotations

from pathlib import Path

import pytest

from elastictok_cli.video import open_source

from .clips import write_video


def cut(path: Path, share: float) -> Path:
    data = path.read_bytes()
    short = path.with_name(f"cut{path.suffix}")
    short.write_bytes(data[: int(share * len(data))])
    return short


def read(path: Path) -> tuple[int, bool]:
    """How many frames there are, and whether something is missing."""
    with open_source(path) as source:
        return sum(1 for _ in source.frames()), source.truncated


@pytest.mark.parametrize("ending", ["mkv", "webm"])
@pytest.mark.parametrize("share", [0.6, 0.8, 0.97])
def test_a_matroska_file_of_half_a_second_that_was_cut_is_told(tmp_path: Path, ending: str, share: float) -> None:
    path = write_video(tmp_path / f"a.{ending}", 12, codec="ffv1" if ending == "mkv" else "libvpx-vp9", size=(128, 96))
    assert read(path) == (12, False)
    frames, is_cut = read(cut(path, share))
    assert 0 < frames <= 12 and is_cut


def test_a_live_stream_says_nothing_of_its_end(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", 12, codec="ffv1", container_options={"live": "1"})
    assert read(path) == (12, False)
    assert read(cut(path, 0.6))[1] is False
