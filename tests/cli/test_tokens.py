"""`elastictok tokens`, and decode of what it writes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import av
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

import elastictok_cli as et
from elastictok_cli.container import Reader

from .conftest import Run, process
from .originals import write_original


@pytest.fixture(scope="module", params=["fsq", "vae"])
def coded(request: pytest.FixtureRequest, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(.etok, weights) of an original model, two tiles."""
    from elastictok_cli.cli.app import main

    folder = tmp_path_factory.mktemp(request.param)
    weights = write_original(folder, request.param)
    part = ["--size", "40x32", "--duration", "0.3", "-t", "0.6", "-q"]
    assert main(["encode", str(clip), "-o", str(folder / "in.etok"), "--model", str(weights), *part]) == 0
    return folder / "in.etok", weights


def test_tokens_decode_to_the_same_pictures(run: Run, coded: tuple[Path, Path], tmp_path: Path) -> None:
    etok, weights = coded
    npz = tmp_path / "in.tokens.npz"
    said = run("tokens", etok, "-o", npz)
    assert said.code == 0, said.err
    assert "note: the sound stays in the .etok file" in said.err
    for number, source in enumerate([etok, npz]):
        frames = tmp_path / str(number) / "%03d.png"
        assert run("decode", source, "-o", frames, "--model", weights, "-q").code == 0
    pictures = [[p.read_bytes() for p in sorted((tmp_path / n).iterdir())] for n in "01"]
    assert pictures[0] == pictures[1] and len(pictures[0]) == 8


def test_a_table_has_a_row_for_each_tile_and_decodes_to_the_same_pictures(
    run: Run, coded: tuple[Path, Path], tmp_path: Path
) -> None:
    etok, weights = coded
    table, bare, npz = tmp_path / "in.parquet", tmp_path / "bare.parquet", tmp_path / "bare.npz"
    assert run("tokens", etok, "-o", table, "-q").code == 0
    read = pyarrow.parquet.read_table(table)
    rows = read.to_pylist()
    with et.open_etok(etok, et.load_model(weights)) as file:
        assert [row["tokens"] for row in rows] == [block.values.tolist() for block in file.tokens()]
        records, header = list(file.blocks()), file.header
        assert {row["file_digest"] for row in rows} == {file.reader.digest.hex()}
    assert [(row["block"], row["tile"]) for row in rows] == [(i // 2, i % 2) for i in range(2 * len(records))]
    assert [row["mse"] for row in rows] == [tile.mse for record in records for tile in record.tiles]
    assert rows[2]["first_frame"] == 2 and len(rows[2]["pts"]) == 2 and rows[2]["time_base"] == str(header.time_base)
    assert (rows[0]["model_digest"], rows[0]["count"]) == (header.model_digest.hex(), len(rows[0]["tokens"]))

    shuffled = read.take(np.random.default_rng(0).permutation(len(read)))
    pyarrow.parquet.write_table(shuffled.select(["tokens", "block", "tile", "frames", "height", "width"]), bare)
    values = np.concatenate([row["tokens"] for row in rows])
    np.savez(npz, values=values, counts=[row["count"] for row in rows], shape=(8, 32, 40, 3))
    for number, source in enumerate([etok, table, bare, npz]):
        said = run("decode", source, "-o", tmp_path / str(number) / "%03d.png", "--model", weights, "-q")
        assert said.code == 0, said.err
    shown = [[np.asarray(Image.open(p)) for p in sorted((tmp_path / n).iterdir())] for n in "0123"]
    assert len(shown[0]) == 8 and all(np.array_equal(each, shown[0]) for each in shown[1:])


def test_times_of_a_table_come_back(run: Run, coded: tuple[Path, Path], tmp_path: Path) -> None:
    etok, weights = coded
    assert run("tokens", etok, "-o", tmp_path / "a.parquet", "-q").code == 0
    assert run("decode", tmp_path / "a.parquet", "-o", tmp_path / "a.mp4", "--model", weights, "-q").code == 0
    with av.open(str(tmp_path / "a.mp4")) as file:
        assert [float(frame.time or 0) for frame in file.decode(video=0)] == pytest.approx([i / 25 for i in range(8)])


def test_bare_tokens_that_do_not_fit_are_one_line(run: Run, coded: tuple[Path, Path], tmp_path: Path) -> None:
    etok, weights = coded
    path, table = tmp_path / "a.npz", tmp_path / "a.parquet"

    def refused(source: Path, *options: str | Path) -> str:
        said = run("decode", source, "-o", tmp_path / "out.mp4", *options)
        assert (said.code, said.err.count("\n")) == (2, 1), said.err
        return said.err

    np.savez(path, values=np.zeros(9, np.int64), counts=[4, 5], shape=(2, 32, 40, 3))
    assert "does not say which model's tokens it has" in refused(path)
    np.savez(path, values=np.zeros(9, np.int64), counts=[4, 4], shape=(2, 32, 40, 3))
    assert "values has 9 tokens, and counts adds up to 8" in refused(path, "--model", weights) or "vae" in str(weights)
    np.savez(path, values=np.zeros(9, np.int64), counts=[4, 5], shape=(1, 2, 32, 40, 3))
    assert "that of one clip is needed" in refused(path, "--model", weights)
    assert run("tokens", etok, "-o", table, "-q").code == 0
    whole = pyarrow.parquet.read_table(table)
    pyarrow.parquet.write_table(whole.drop_columns(["frames"]), table)
    assert "has no column frames" in refused(table, "--model", weights)
    pyarrow.parquet.write_table(whole.slice(1), table)
    assert "every tile of every block is needed once" in refused(table, "--model", weights)
    other = whole.set_column(1, "file_digest", pyarrow.array([str(i // 2) for i in range(len(whole))]))
    pyarrow.parquet.write_table(other, table)
    assert "take those of one clip" in refused(table, "--model", weights)
    other = whole.set_column(3, "model_digest", pyarrow.array(["00" * 16] * len(whole)))
    pyarrow.parquet.write_table(other, table)
    assert "are of other weights" in refused(table, "--model", weights)
    assert run("tokens", etok, "--to", "csv").code == 2


def test_a_damaged_table_is_one_line(run: Run, coded: tuple[Path, Path], tmp_path: Path) -> None:
    etok, weights = coded
    table = tmp_path / "a.parquet"
    assert run("tokens", etok, "-o", table, "-q").code == 0
    whole = table.read_bytes()
    for damaged in (whole[:-1], whole[:100], whole[:4], whole[:40] + bytes(400) + whole[440:]):
        table.write_bytes(damaged)
        said = run("decode", table, "-o", tmp_path / "out.mp4", "--model", weights)
        assert said.code in (2, 4) and said.err.count("\n") == 1, said.err


def test_default_name_existing_output_and_no_weights_needed(run: Run, coded: tuple[Path, Path], tmp_path: Path) -> None:
    source = Path(shutil.copy(coded[0], tmp_path / "in.etok"))
    assert run("tokens", source, "-q").code == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.etok", "in.tokens.npz"]
    before = (tmp_path / "in.tokens.npz").read_bytes()
    assert run("tokens", source, "-q").code == 6
    assert run("tokens", source, "-q", "-f").code == 0
    assert (tmp_path / "in.tokens.npz").read_bytes() == before


def test_the_bundled_models_tokens_have_places_and_need_the_etok(
    run: Run, etok: Path, model: str, tmp_path: Path
) -> None:
    npz = tmp_path / "a.npz"
    assert run("tokens", etok, "-o", npz, "--model", model, "-q").code == 0
    with np.load(npz, allow_pickle=False) as found, Reader(etok) as reader:
        assert found["values"].shape == found["places"].shape == (sum(b.count for b in reader.blocks()),)
        assert found["steps"][:, 0].tolist() == [block.tiles[0].qindex for block in reader.blocks()]
    said = run("decode", npz, "-o", tmp_path / "a.mp4")
    assert said.code == 5
    assert said.err.count("\n") == 1 and "are decoded from their .etok file" in said.err


def test_a_pipe_gives_the_same_bytes(coded: tuple[Path, Path], run: Run, tmp_path: Path) -> None:
    assert run("tokens", coded[0], "-o", tmp_path / "a.npz", "-q").code == 0
    said = process("tokens", "-", "-q", stdin=coded[0].read_bytes())
    assert (said.returncode, said.stdout) == (0, (tmp_path / "a.npz").read_bytes())


def test_a_zip_of_something_else_is_one_line(run: Run, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", nothing=np.zeros(3))
    said = run("decode", tmp_path / "a.npz")
    assert said.code == 4
    assert said.err.count("\n") == 1 and "not a file of 'elastictok tokens'" in said.err


def test_programs_are_told_what_was_written(run: Run, etok: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.npz"
    said = json.loads(run("tokens", etok, "-o", out, "--json").out)
    with np.load(out) as arrays:
        assert said["arrays"] == sorted(arrays.files)
        assert (said["tokens"], said["blocks"]) == (len(arrays["values"]), len(arrays["counts"]))
    assert (said["type"], said["name"], said["bytes"]) == ("tokens", str(out), out.stat().st_size)
    assert run("tokens", etok, "-o", "-", "--json").code == 2  # both want standard output
