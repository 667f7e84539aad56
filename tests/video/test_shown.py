"""What is shown of a picture: crops of the container, transparency beside the packets, which track is the video."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elastictok_cli.errors import InputError
from elastictok_cli.video import open_source
from elastictok_cli.video.integrity import damaged_ogg_pages

from . import odd
from .clips import Pixels, picture, write_video


def frames_of(path: Path) -> tuple[list[Pixels], list[str]]:
    with open_source(path, size="source") as source:
        return [frame.rgb for frame in source.frames()], source.notes


# numerator and denominator: width, height, how far the middle is to the right and down; then left, top, right, bottom
APERTURES = [
    ((48, 1, 40, 1, 0, 1, 0, 1), (8, 4, 8, 4)),
    ((48, 1, 40, 1, -8, 1, 4, 1), (0, 8, 16, 0)),
    ((63, 1, 48, 1, -1, 2, 0, 1), (0, 0, 1, 0)),
    ((96, 2, 120, 3, 0, 1, 0, 1), (8, 4, 8, 4)),
    ((123, 2, 48, 1, 0, 1, 0, 1), (1, 0, 2, 0)),  # as FFmpeg rounds it
    ((64, 1, 48, 1, 0, 1, 0, 1), (0, 0, 0, 0)),
]
# No aperture at all: no denominator, larger than the picture, beside it, nothing left.
NONSENSE = [
    (48, 0, 40, 1, 0, 1, 0, 1),
    (80, 1, 40, 1, 0, 1, 0, 1),
    (48, 1, 40, 1, 200, 1, 0, 1),
    (0, 1, 0, 1, 0, 1, 0, 1),
    (-48, 1, 40, 1, 0, 1, 0, 1),
]


@pytest.mark.parametrize(("fields", "crop"), APERTURES)
def test_a_clean_aperture_is_what_is_shown(
    tmp_path: Path, fields: tuple[int, ...], crop: tuple[int, int, int, int]
) -> None:
    whole, _ = frames_of(write_video(tmp_path / "whole.mp4", 4))
    left, top, right, bottom = crop
    path = odd.with_clap(tmp_path / "a.mp4", fields)
    frames, notes = frames_of(path)
    expected = [frame[top : 48 - bottom, left : 64 - right] for frame in whole]
    assert frames[0].shape == expected[0].shape and len(frames) == 4 and notes == []
    # Chroma at the new edge has other neighbours.
    assert max(float(np.abs(a.astype(int) - b).mean()) for a, b in zip(frames, expected, strict=True)) < 1
    with open_source(path) as source:
        assert source.info.source_size == (64 - left - right, 48 - top - bottom)


@pytest.mark.parametrize("fields", NONSENSE)
def test_a_clean_aperture_that_makes_no_sense_is_none(tmp_path: Path, fields: tuple[int, ...]) -> None:
    whole, _ = frames_of(write_video(tmp_path / "whole.mp4", 4))
    frames, _ = frames_of(odd.with_clap(tmp_path / "a.mp4", fields))
    assert np.array_equal(frames, whole)


def test_pixel_crop_of_matroska_is_obeyed(tmp_path: Path) -> None:
    whole, _ = frames_of(write_video(tmp_path / "whole.mkv", 4))
    path = odd.with_pixel_crop(tmp_path / "a.mkv", (2, 4, 6, 8))
    frames, _ = frames_of(path)
    with open_source(path) as source:
        assert source.info.sar == 1 and source.info.source_size == (56, 36)
    expected = [frame[4:40, 2:58] for frame in whole]
    assert len(frames) == 4 and frames[0].shape == (36, 56, 3)
    assert max(float(np.abs(a.astype(int) - b).mean()) for a, b in zip(frames, expected, strict=True)) < 1


def test_a_pixel_crop_of_nothing_is_none(tmp_path: Path) -> None:
    frames, _ = frames_of(odd.with_pixel_crop(tmp_path / "a.mkv", (0, 0, 0, 0)))
    assert frames[0].shape == (48, 64, 3)


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libvpx"])
def test_transparency_beside_the_packets_is_laid_on_white(tmp_path: Path, codec: str) -> None:
    frames, notes = frames_of(odd.transparent_vp9(tmp_path / "a.webm", codec))
    assert len(frames) == 6 and notes == ["transparent pixels are laid on white"]
    for frame in frames:
        assert frame[8:40, 2:28].min() > 245
        assert np.abs(frame[8:40, 36:62].astype(int) - (200, 30, 30)).mean() < 12


def test_a_larger_track_of_one_picture_is_not_the_video(tmp_path: Path) -> None:
    with open_source(odd.with_a_large_picture(tmp_path / "a.mkv"), size="source") as source:
        frames = list(source.frames())
    assert len(frames) == 12 and frames[0].rgb.shape == (48, 64, 3)
    assert np.abs(frames[5].rgb.astype(int) - picture(5)).mean() < 6
    assert source.notes == ["left out: stream 0 (video 320x240)"]


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.mov"])
def test_sound_with_a_cover_that_is_not_marked_is_no_video(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="sound with a cover picture; there is no video in it"):
        open_source(odd.sound_with_a_picture(tmp_path / name, 1))
    with open_source(odd.sound_with_a_picture(tmp_path / name, 2)) as source:
        assert len(list(source.frames())) == 2


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("slices", [4, 9])
def test_a_damaged_slice_of_ffv1_is_reported(tmp_path: Path, slices: int) -> None:
    options = {"level": "3", "slices": str(slices), "slicecrc": "1"}
    path = write_video(tmp_path / "a.mkv", 4, codec="ffv1", options=options)
    with open_source(path) as source:
        list(source.frames())
    assert not source.truncated and source.notes == []
    flip(path, path.stat().st_size * 3 // 5)
    with open_source(path) as source:
        assert len(list(source.frames())) == 4
    assert source.truncated
    assert source.notes == ["1 frame is damaged; it is coded as the decoder repaired what it could"]


def test_ffv1_without_checksums_is_not_called_damaged(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", 4, codec="ffv1", options={"level": "3", "slices": "4", "slicecrc": "0"})
    with open_source(path) as source:
        list(source.frames())
    assert not source.truncated


def test_damaged_and_missing_pages_of_ogg_are_reported(tmp_path: Path) -> None:
    path = write_video(
        tmp_path / "a.ogg", 25, codec="libvpx", options={"b": "500k"}, container_options={"page_duration": "80000"}
    )
    data = path.read_bytes()
    pages = [at for at in range(len(data)) if data.startswith(b"OggS", at)]
    assert len(pages) > 6 and damaged_ogg_pages(str(path), 0, len(data)) == 0
    with open_source(path) as source:
        list(source.frames())
    assert not source.truncated
    path.write_bytes(data[: pages[5]] + data[pages[6] :])
    assert damaged_ogg_pages(str(path), 0, len(data)) == 1
    with open_source(path) as source:
        list(source.frames())
    assert source.truncated
    path.write_bytes(data)
    flip(path, pages[5] + 40)
    with open_source(path) as source:
        list(source.frames())
    assert source.truncated and any("1 page of the file is damaged or missing" in note for note in source.notes)
