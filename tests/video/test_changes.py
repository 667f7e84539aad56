"""What changes on the way through a video is followed, and no pixel comes from memory that nobody wrote."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elastictok_cli.video import open_source
from elastictok_cli.video.geometry import turn

from .clips import Pixels, write_video
from .odd import joined, turned

PLAIN = {"codec": "libx264"}
INTERLACED = {"codec": "libx264", "options": {"x264-params": "tff=1"}}
# Each is a recording, the next one behind it in the same file.
CHANGES: dict[str, list[dict[str, Any]]] = {
    "larger": [PLAIN, {**PLAIN, "size": (128, 96)}],
    "smaller": [{**PLAIN, "size": (128, 96)}, PLAIN],
    "odd size": [PLAIN, {**PLAIN, "size": (61, 45), "pixel_format": "yuv444p"}, PLAIN],
    "8 to 10 bit": [PLAIN, {**PLAIN, "pixel_format": "yuv420p10le"}],
    "10 to 8 bit": [{**PLAIN, "pixel_format": "yuv420p10le"}, PLAIN],
    "4:2:0 to 4:4:4": [PLAIN, {**PLAIN, "pixel_format": "yuv444p"}],
    "4:4:4 to 4:2:2": [{**PLAIN, "pixel_format": "yuv444p"}, {**PLAIN, "pixel_format": "yuv422p"}],
    "limited to full range": [{**PLAIN, "tags": (2, 2, 5, 1)}, {**PLAIN, "tags": (2, 2, 5, 2)}],
    "BT.601 to BT.709": [{**PLAIN, "tags": (2, 2, 5, 1)}, {**PLAIN, "tags": (2, 2, 1, 1)}],
    "interlaced to progressive": [INTERLACED, {"codec": "libx264"}],
    "progressive to interlaced": [{"codec": "libx264"}, INTERLACED],
    "interlaced, larger": [INTERLACED, {**INTERLACED, "size": (96, 64)}],
    "interlaced, smaller": [{**INTERLACED, "size": (128, 96)}, INTERLACED],
    "interlaced, 4:2:0 to 4:2:2": [INTERLACED, {**INTERLACED, "pixel_format": "yuv422p"}],
    "interlaced, smaller, larger, progressive": [
        {**INTERLACED, "size": (96, 64)},
        INTERLACED,
        {**INTERLACED, "size": (128, 96)},
        {"codec": "libx264", "size": (96, 64)},
    ],
}


def frames_of(path: Path, size: str = "64x48") -> tuple[list[Pixels], list[str]]:
    with open_source(path, size=size) as source:
        return [frame.rgb for frame in source.frames()], source.notes


def parts_of(kinds: list[dict[str, Any]], folder: Path) -> list[Path]:
    """One recording for each kind."""
    return [write_video(folder / f"part{number}.ts", 6, **kind) for number, kind in enumerate(kinds)]


@pytest.mark.parametrize("name", CHANGES)
def test_each_part_is_shown_as_it_is_alone(tmp_path: Path, name: str) -> None:
    parts = parts_of(CHANGES[name], tmp_path)
    frames, _ = frames_of(joined(tmp_path / "all.ts", parts))
    alone = [frame for part in parts for frame in frames_of(part)[0]]
    assert len(frames) == len(alone) == 6 * len(parts)
    differing = [n for n, (a, b) in enumerate(zip(frames, alone, strict=True)) if not np.array_equal(a, b)]
    # Fields are filled from the frames on both sides, and where nothing but the field order changes those are there.
    assert differing == ([5] if name == "interlaced to progressive" else [])


@pytest.mark.parametrize(
    ("name", "note"),
    [
        ("larger", "the picture changes its size to 128x96; all frames are coded at 64x48"),
        ("limited to full range", "the colour matrix or range changes on the way; each frame is shown by its own"),
    ],
)
def test_a_change_is_noted(tmp_path: Path, name: str, note: str) -> None:
    _, notes = frames_of(joined(tmp_path / "all.ts", parts_of(CHANGES[name], tmp_path)))
    assert note in notes


def test_other_primaries_are_noted(tmp_path: Path) -> None:
    kinds = [{**PLAIN, "tags": (1, 1, 1, 1)}, {**PLAIN, "tags": (9, 16, 9, 1)}]
    _, notes = frames_of(joined(tmp_path / "all.ts", parts_of(kinds, tmp_path)))
    assert any("primaries or transfer change" in note for note in notes)


@pytest.mark.parametrize("first", [0, 90, 180, 270])
def test_a_camera_that_is_turned_on_the_way_stays_upright(tmp_path: Path, first: int) -> None:
    plain = write_video(tmp_path / "plain.ts", 6, size=(64, 64))
    parts = [turned(plain, tmp_path / f"part{n}.ts", angle) for n, angle in enumerate((first, 90, 180, 270))]
    frames, notes = upright_frames(joined(tmp_path / "all.ts", parts))
    alone = [frame for part in parts for frame in upright_frames(part)[0]]
    assert np.array_equal(frames, alone) and len(frames) == 24
    assert "the video is turned on the way; all its frames are given the same way up" in notes


def upright_frames(path: Path) -> tuple[list[Pixels], list[str]]:
    """As a player shows them."""
    with open_source(path, size="source") as source:
        return [turn(frame.rgb, source.info.rotation) for frame in source.frames()], source.notes


POISONED = """
import hashlib, sys
from elastictok_cli.video import open_source
digest = hashlib.sha256()
with open_source(sys.argv[1], size="64x48") as source:
    for frame in source.frames():
        digest.update(frame.rgb.tobytes())
print(digest.hexdigest())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc fills what is allocated, others do not")
def test_what_memory_held_before_is_never_seen(tmp_path: Path) -> None:
    fields = {"codec": "mpeg2video", "options": {"flags": "+ildct+ilme", "field_order": "tt"}}
    kinds = [{**fields, "size": size} for size in ((160, 128), (240, 96), (96, 160))]
    path = joined(tmp_path / "all.ts", parts_of(kinds, tmp_path))
    seen = set()
    for poison in ("1", "170"):
        result = subprocess.run(
            [sys.executable, "-c", POISONED, str(path)],
            env={**os.environ, "MALLOC_PERTURB_": poison},
            capture_output=True,
            text=True,
            check=True,
        )
        seen.add(result.stdout)
    assert len(seen) == 1
