from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from elastictok_cli.video import SinkOptions, open_sink, open_source
from elastictok_cli.video.orientation import matrix_orientation, upright

from .clips import Pixels, add_exif, picture, write_picture


def still(path: Path, size: str = "source") -> tuple[Pixels, list[str]]:
    with open_source(path, size=size) as source:
        assert source.info.is_still and source.info.frames_estimate == 1
        (frame,) = source.frames()
        assert frame.pts == 0 and source.info.coded_size == (frame.rgb.shape[1], frame.rgb.shape[0])
        return frame.rgb, source.notes


def test_a_png_comes_through_exactly_and_back(tmp_path: Path) -> None:
    path = write_picture(tmp_path / "a.png", picture(0, 33, 21), "rgb24")
    assert np.array_equal(still(path)[0], picture(0, 33, 21))
    out = tmp_path / "b.png"
    with open_source(path, size="source") as source, open_sink(out, SinkOptions(), source.info) as sink:
        for frame in source.frames():
            sink.write(frame.pts, frame.rgb)
    assert np.array_equal(still(out)[0], picture(0, 33, 21))


def test_grey_keeps_its_full_range(tmp_path: Path) -> None:
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)
    rgb, _ = still(write_picture(tmp_path / "a.png", grey, "gray"))
    assert np.array_equal(rgb, np.repeat(grey[..., None], 3, axis=2))


def test_alpha_is_laid_on_white_with_a_note(tmp_path: Path) -> None:
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[:8] = (10, 20, 30, 255)
    rgb, notes = still(write_picture(tmp_path / "a.png", rgba, "rgba"))
    assert rgb[0, 0].tolist() == [10, 20, 30] and rgb[12, 0].tolist() == [255, 255, 255]
    assert "transparent pixels are laid on white" in notes


def test_sixteen_bits_become_eight_with_a_note(tmp_path: Path) -> None:
    deep = picture(0, 16, 16).astype(np.uint16) * 257
    rgb, notes = still(write_picture(tmp_path / "a.png", deep, "rgb48be"))
    assert np.abs(rgb.astype(int) - picture(0, 16, 16)).max() <= 1
    assert "16-bit samples are coded as 8-bit" in notes


@pytest.mark.parametrize("name", ["a.jpg", "a.webp", "a.tif"])
@pytest.mark.parametrize("held", range(1, 9))
def test_a_picture_is_turned_upright_as_exif_says(tmp_path: Path, held: int, name: str) -> None:
    seen = picture(0, 32, 24)
    stored = {
        1: seen,
        2: seen[:, ::-1],
        3: seen[::-1, ::-1],
        4: seen[::-1],
        5: seen.swapaxes(0, 1),
        6: np.rot90(seen, 1),  # shown by turning it clockwise, so stored turned the other way
        7: np.rot90(seen, 1)[:, ::-1][::-1].swapaxes(0, 1)[::-1].swapaxes(0, 1),
        8: np.rot90(seen, -1),
    }[held]
    if held == 7:
        stored = seen[::-1, ::-1].swapaxes(0, 1)
    path = add_exif(write_picture(tmp_path / name, np.ascontiguousarray(stored), "rgb24"), held)
    rgb, notes = still(path)
    assert rgb.shape == seen.shape and np.abs(rgb.astype(int) - seen).mean() < 4
    assert bool(notes) == (held != 1)


def test_sizes_of_a_turned_still_are_those_upright(tmp_path: Path) -> None:
    path = add_exif(write_picture(tmp_path / "a.jpg", picture(0, 64, 32), "rgb24"), 6)
    rgb, _ = still(path, size="20x50")
    assert rgb.shape == (50, 20, 3)


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"II*\0\xff\xff\xff\xff",
        b"XX*\0\0\0\0\0",
        b"II*\0",
        b"MM\0*\0\0\0\x08\0",
        struct.pack("<2sHIH", b"II", 42, 8, 500),  # more entries than there are
        struct.pack("<2sHIHHHIHH", b"II", 42, 8, 1, 0x0112, 3, 1, 9, 0),  # there is no ninth
    ],
)
def test_broken_exif_counts_as_upright(tmp_path: Path, exif: bytes) -> None:
    data = write_picture(tmp_path / "a.jpg", picture(0, 32, 24), "rgb24").read_bytes()
    body = b"Exif\0\0" + exif
    (tmp_path / "b.jpg").write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:])
    rgb, notes = still(tmp_path / "b.jpg")
    assert np.array_equal(rgb, still(tmp_path / "a.jpg")[0]) and notes == []


def test_every_display_matrix_has_the_orientation_that_undoes_it() -> None:
    corners = np.arange(6, dtype=np.uint8).reshape(2, 3, 1).repeat(3, 2)
    one = 1 << 16
    matrix = struct.pack("=9i", 0, one, 0, -one, 0, 0, 0, 0, 1 << 30)  # a phone held upright: 90 clockwise
    assert matrix_orientation(matrix) == 6
    assert np.array_equal(upright(corners, 6), np.rot90(corners, -1))
    assert matrix_orientation(struct.pack("=9i", -one, 0, 0, 0, one, 0, 0, 0, 1 << 30)) == 2
