"""Tokens as numpy arrays: all that was in the file, back to the same bytes, and nothing else is believed."""

from __future__ import annotations

import io
import json
import math
import pickle
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elastictok_cli.container import Reader, Writer, etok_of, is_token_file, save_tokens, token_arrays
from elastictok_cli.errors import DamagedFile, InputError, UnsupportedFile

GOLDEN = Path(__file__).parents[1] / "golden"
SILENT = ["v1-fsq-vfr", "v1-vae-still"]


def arrays_of(name: str) -> dict[str, Any]:
    with Reader(GOLDEN / f"{name}.etok") as reader:
        return token_arrays(reader)


def saved(path: Path, arrays: dict[str, Any]) -> Path:
    with path.open("wb") as file:
        save_tokens(file, arrays)
    return path


@pytest.mark.parametrize("name", SILENT)
def test_back_to_the_same_bytes(name: str, tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", arrays_of(name))
    assert is_token_file(path) and not is_token_file(GOLDEN / f"{name}.etok")
    assert etok_of(path) == (GOLDEN / f"{name}.etok").read_bytes()


def test_numpy_reads_it_without_pickle_and_finds_every_token(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", arrays_of("v1-fsq-sound"))
    with Reader(GOLDEN / "v1-fsq-sound.etok") as reader, np.load(path, allow_pickle=False) as found:
        blocks = list(reader.blocks())
        assert found["counts"].tolist() == [[tile.count for tile in block.tiles] for block in blocks]
        assert found["steps"].shape == found["counts"].shape == (len(blocks), reader.header.geometry.tiles)
        assert found["values"].dtype == np.uint16 and len(found["values"]) == found["counts"].sum()
        assert len(found["pts"]) == reader.frames
        said = json.loads(str(found["header"]))
        assert (said["model"], said["syntax"], said["time_base"]) == (
            reader.header.model,
            "fsq/1",
            str(reader.header.time_base),
        )


def test_sound_is_left_out(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", arrays_of("v1-fsq-sound"))
    with Reader(etok_of(path)) as back, Reader(GOLDEN / "v1-fsq-sound.etok") as before:
        assert before.header.audio and not back.header.audio
        assert [gop.digest for gop in back.gops()] == [gop.digest for gop in before.gops()]


def test_the_same_arrays_are_the_same_bytes(tmp_path: Path) -> None:
    arrays = arrays_of("v1-fsq-vfr")
    one, two = (saved(tmp_path / name, arrays).read_bytes() for name in ("a.npz", "b.npz"))
    assert one == two


def test_other_tokens_may_be_put_in_their_place(tmp_path: Path) -> None:
    arrays = arrays_of("v1-fsq-vfr")
    arrays["values"] = (arrays["values"] + 1) % 64000
    arrays["values"] = np.append(arrays["values"], [7]).astype(np.int64)  # and another integer type
    arrays["counts"][-1, -1] += 1
    with Reader(etok_of(saved(tmp_path / "a.npz", arrays))) as reader:
        assert np.array_equal(token_arrays(reader)["values"], arrays["values"])


WRONG: list[tuple[str, Any, str]] = [
    ("counts", lambda a: a + 1, "add up to"),
    ("counts", lambda a: -a, "add up to"),
    ("counts", lambda a: a.astype(float), "counts is float64"),
    ("counts", lambda a: a[:, :0], "tiles"),
    ("values", lambda a: a[:-1], "add up to"),
    ("values", lambda a: np.full(len(a), 64000, np.uint16), "0 .. 63999"),
    ("values", lambda a: a.astype(np.float32), "are no codes"),
    ("frames", lambda a: a + 1, "times for"),
    ("frames", lambda a: a * 0, "times for"),
    ("gop", lambda a: a[::-1] - a[-1] - a, "not in order"),
    ("gop", lambda a: a * 0, "frames"),
    ("gop", lambda a: a[1:], "gop of shape"),
    ("mse", lambda a: a * np.nan, "not a mean squared error"),
    ("steps", lambda a: a.astype(np.int64) + 2**40, "steps must be 0 .. 0"),
    ("pts", lambda a: a + 2**60, "range"),
    ("head", lambda a: a[:-3], "header"),
    ("format", lambda a: a + 1, "newer"),
    ("met", lambda a: a.astype(np.int8), "met is int8"),
]


@pytest.mark.parametrize(("key", "change", "text"), WRONG)
def test_arrays_that_do_not_fit_together_are_one_line(key: str, change: Any, text: str, tmp_path: Path) -> None:
    arrays = arrays_of("v1-fsq-vfr")
    arrays[key] = change(arrays[key])
    path = saved(tmp_path / "a.npz", arrays)
    with pytest.raises((DamagedFile, UnsupportedFile), match=text) as error:
        etok_of(path, "a.npz")
    assert str(error.value).startswith("a.npz") and "\n" not in str(error.value)


@pytest.mark.parametrize("change", [lambda a: a.reshape(-1)[0], lambda a: a[:, :3], lambda a: a.astype(np.int16)])
def test_values_that_are_no_vectors_are_damaged(change: Any, tmp_path: Path) -> None:
    arrays = arrays_of("v1-vae-still")
    arrays["values"] = change(arrays["values"])
    with pytest.raises(DamagedFile, match="are no tokens of"):
        etok_of(saved(tmp_path / "a.npz", arrays))


def test_numbers_that_wrap_are_not_believed(tmp_path: Path) -> None:
    arrays = arrays_of("v1-fsq-vfr")
    arrays["frames"], arrays["pts"] = np.full(4, 1 << 62, np.int64), arrays["pts"][:0]
    with pytest.raises(DamagedFile, match="times for"):
        etok_of(saved(tmp_path / "a.npz", arrays))
    arrays = arrays_of("v1-fsq-vfr")
    arrays["gop"] = arrays["gop"].astype(np.int64)
    arrays["gop"][0], arrays["gop"][-1] = 1 << 62, -(1 << 63)
    with pytest.raises(DamagedFile, match="not in order"):
        etok_of(saved(tmp_path / "a.npz", arrays))


def test_a_file_that_was_not_measured_comes_back_and_claims_no_error(tmp_path: Path) -> None:
    with Reader(GOLDEN / "v1-fsq-vfr.etok") as reader:
        header = replace(reader.header, target="tokens", target_value=8.0, threshold=4.0, extra={"measured": False})
        out = io.BytesIO()
        writer = Writer(out, header)
        for gop in reader.gops():
            rows = ([replace(tile, mse=math.nan) for tile in block.tiles] for block in gop.blocks)
            blocks = [replace(block, tiles=tuple(row)) for block, row in zip(gop.blocks, rows, strict=True)]
            writer.write_gop(replace(gop, blocks=tuple(blocks)))
        writer.finish()
    with Reader(out.getvalue()) as reader:
        arrays = token_arrays(reader)
    assert np.isnan(arrays["mse"]).all()
    assert etok_of(saved(tmp_path / "a.npz", arrays)) == out.getvalue()
    arrays["mse"][0, 0] = 0.5
    with pytest.raises(DamagedFile, match="not a mean squared error"):
        etok_of(saved(tmp_path / "a.npz", arrays))


@pytest.mark.parametrize("key", ["counts", "values", "head"])
def test_a_missing_array_is_named(key: str, tmp_path: Path) -> None:
    arrays = arrays_of("v1-fsq-vfr")
    del arrays[key]
    with pytest.raises(DamagedFile, match=f"{key}.npy"):
        etok_of(saved(tmp_path / "a.npz", arrays))


def test_a_pickle_is_never_opened(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (pytest.fail, ("a pickle ran",))

    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "|O", "fortran_order": False, "shape": (1,)})
    saved(tmp_path / "a.npz", arrays_of("v1-fsq-vfr"))
    with zipfile.ZipFile(tmp_path / "a.npz") as good, zipfile.ZipFile(tmp_path / "b.npz", "w") as bad:
        for name in good.namelist():
            data = good.read(name) if name != "values.npy" else head.getvalue() + pickle.dumps(Evil())
            bad.writestr(name, data)
    with pytest.raises(DamagedFile, match="objects"):
        etok_of(tmp_path / "b.npz")


def test_a_shape_without_its_bytes_allocates_nothing(tmp_path: Path) -> None:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<u2", "fortran_order": False, "shape": (1 << 50,)})
    saved(tmp_path / "a.npz", arrays_of("v1-fsq-vfr"))
    with zipfile.ZipFile(tmp_path / "a.npz") as good, zipfile.ZipFile(tmp_path / "b.npz", "w") as bad:
        for name in good.namelist():
            bad.writestr(name, good.read(name) if name != "values.npy" else head.getvalue())
    with pytest.raises(DamagedFile, match="0 bytes for an array"):
        etok_of(tmp_path / "b.npz")


def test_every_damaged_byte_is_noticed_or_harmless(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", arrays_of("v1-vae-still"))
    data, good = path.read_bytes(), (GOLDEN / "v1-vae-still.etok").read_bytes()
    noticed = 0
    for at in range(0, len(data), 7):
        changed = bytearray(data)
        changed[at] ^= 0x55
        path.write_bytes(changed)
        try:
            assert etok_of(path) == good  # a byte of the zip that nobody needs, or of an array for people
        except (DamagedFile, UnsupportedFile, InputError):
            noticed += 1
    assert noticed > len(data) // 7 // 3


def test_cut_off_anywhere_is_damaged(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.npz", arrays_of("v1-vae-still"))
    data = path.read_bytes()
    for length in range(0, len(data), 97):
        path.write_bytes(data[:length])
        with pytest.raises(DamagedFile):
            etok_of(path)


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        etok_of(tmp_path / "none.npz")
