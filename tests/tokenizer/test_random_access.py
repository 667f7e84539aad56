"""Frames of a file by number and by time: the right ones, and no byte more than their GOPs are read."""

from __future__ import annotations

import io
from pathlib import Path

import fsspec
import numpy as np
import pytest
from codec.conftest import moving, write_clip
from codec.dct import DctModel

import elastictok_cli as et
from elastictok_cli.container.framing import CHUNK_EXTRA
from elastictok_cli.errors import DamagedFile, InputError, UsageError

MODEL = DctModel()  # GOPs of three blocks of two frames


class Counting(io.BytesIO):
    """A file object that counts the bytes that are read from it."""

    count = 0

    def read(self, size: int | None = -1) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """17 frames at 25 a second in three GOPs, with sound between them."""
    folder = tmp_path_factory.mktemp("access")
    clip = write_clip(folder / "clip.mkv", moving(17), sound=True)
    et.encode(clip, folder / "clip.etok", model=MODEL, target=0.004, size="source")
    return (folder / "clip.etok").read_bytes()


@pytest.fixture(scope="module")
def frames(data: bytes) -> np.ndarray:
    with et.open_etok(data, MODEL) as file:
        return np.stack([rgb for _, rgb in file.frames()])


def test_frames_by_number(data: bytes, frames: np.ndarray) -> None:
    with et.open_etok(data, MODEL) as file:
        assert len(file) == 17
        for numbers in ([0, 16, 7], [7, 7, 6], [-1, 3], range(2, 15), np.array([4, 12]), []):
            found = file.frames_at(numbers)
            np.testing.assert_array_equal(found, frames[np.array(numbers, int)])
            assert found.dtype == np.uint8 and found.shape[1:] == (22, 30, 3)
        np.testing.assert_array_equal(file[5], frames[5])
        np.testing.assert_array_equal(file[-2], frames[-2])
        for part in (slice(3, 9), slice(None, None, 5), slice(-3, None), slice(9, 3, -2)):
            np.testing.assert_array_equal(file[part], frames[part])
        np.testing.assert_array_equal(np.stack(list(file)), frames)  # type: ignore[call-overload]
        with pytest.raises(IndexError):
            file[17]
        with pytest.raises(UsageError, match="there is no frame 17; it has 17, counted from 0"):
            file.frames_at([3, 17])
        with pytest.raises(UsageError, match="no frame -18"):
            file.frames_at([-18])


def test_frames_by_time(data: bytes, frames: np.ndarray) -> None:
    with et.open_etok(data, MODEL) as file:
        times = {0: 0, 0.039: 0, 0.04: 1, 0.25: 6, 0.24: 6, 0.239: 5, 0.679: 16}
        np.testing.assert_array_equal(file.frames_played_at(list(times)), frames[list(times.values())])
        for outside in (-0.01, 0.68, 9.0):
            with pytest.raises(UsageError, match="no frame is shown at"):
                file.frames_played_at([outside])


def test_only_the_gops_that_are_needed_are_read(data: bytes) -> None:
    source = Counting(data)
    with et.open_etok(source, MODEL) as file:
        gops = [entry.length + CHUNK_EXTRA for entry in file.reader.index]
        opened = source.count
        assert opened < len(data) - sum(gops), "opening reads header and index, no GOP and no sound"
        file.frames_at([7])
        second = source.count - opened
        assert gops[1] <= second <= gops[1] + 64
        file.frames_at([11, 6])
        assert source.count == opened + second, "the last GOP is kept"
        file.frames_at([16, 8])
        assert source.count <= opened + second + gops[2] + 64, "the kept one first, then the third"
        before = source.count
        file.frames_played_at([0.5, 0.6])
        assert source.count == before


def test_blocks_behind_the_frame_are_not_decoded(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[int] = []
    reconstruct = DctModel.reconstruct
    monkeypatch.setattr(DctModel, "reconstruct", lambda *given: shown.append(1) or reconstruct(*given))
    with et.open_etok(data, MODEL) as file:
        file.frames_at([6])
        first = len(shown)
        assert first == 1
        file.frames_at([9])
        assert len(shown) > first
        for _ in range(3):
            before = len(shown)
            file.frames_at([6, 7, 8, 9])
            assert len(shown) == before, "no block is decoded twice"


def test_a_url_and_a_path(data: bytes, frames: np.ndarray, tmp_path: Path) -> None:
    with fsspec.open("memory://access/clip.etok", "wb") as file:
        file.write(data)
    (tmp_path / "clip.etok").write_bytes(data)
    for source in ("memory://access/clip.etok", tmp_path / "clip.etok"):
        with et.open_etok(source, MODEL) as opened:
            np.testing.assert_array_equal(opened.frames_at([9]), frames[[9]])
    with pytest.raises(InputError, match="there is no such file"):
        et.open_etok("memory://access/none.etok")
    with pytest.raises(UsageError, match="nothing://clip.etok"):
        et.open_etok("nothing://clip.etok")


def test_damage_is_one_line_and_spares_the_other_gops(data: bytes, frames: np.ndarray) -> None:
    with et.open_etok(data, MODEL) as file:
        at = file.reader.index[1].offset + 40
    broken = bytearray(data)
    broken[at] ^= 1
    with et.open_etok(bytes(broken), MODEL) as file:
        np.testing.assert_array_equal(file.frames_at([0, 16]), frames[[0, 16]])
        with pytest.raises(DamagedFile, match="GOP 1 .* fails its checksum"):
            file.frames_at([7])
    with et.open_etok(bytes(broken), MODEL, recover=True) as file:
        assert len(file) == 11
        np.testing.assert_array_equal(file[6], frames[12])
