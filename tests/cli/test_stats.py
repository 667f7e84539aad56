"""`elastictok stats` and `info` on golden files: what they print is what is committed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from elastictok_cli.container import Reader, Writer

from .conftest import Run, process

GOLDEN = Path(__file__).parents[1] / "golden"
EXPECTED = Path(__file__).parent / "expected"
FILES = sorted(path.name for path in GOLDEN.glob("*.etok"))


@pytest.fixture(autouse=True)
def in_golden(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that names in the output are the same everywhere."""
    monkeypatch.chdir(GOLDEN)


@pytest.mark.parametrize("command", ["stats", "info"])
@pytest.mark.parametrize("name", ["v1-fsq-sound.etok", "v1-fsq-vfr.etok", "v1-vae-still.etok"])
def test_output_is_as_it_was(run: Run, command: str, name: str, same_as_file: Callable[[str, Path], None]) -> None:
    said = run(command, name)
    assert (said.code, said.err) == (0, "")
    same_as_file(said.out, EXPECTED / f"{command}-{Path(name).stem}.txt")


@pytest.mark.parametrize(("side", "tiles"), [(64, "1 tile of 64x64"), (32, "4 tiles of 32x32")])
def test_info_counts_tiles(run: Run, tmp_path: Path, side: int, tiles: str) -> None:
    path = tmp_path / "a.etok"
    with Reader(FILES[0]) as reader:
        header = replace(reader.header, coded_size=(64, 48), tile_hw=(side, side), multiple=side)
    with open(path, "wb") as out, Writer(out, header) as writer:
        writer.finish()
    assert run("info", path).out.splitlines()[1].endswith(f", in {tiles}")


def test_a_pipe_can_be_looked_at() -> None:
    data = (GOLDEN / FILES[0]).read_bytes()
    said = process("stats", "-", "--json", stdin=data)
    total = json.loads(said.stdout.splitlines()[-1])
    assert said.returncode == 0
    assert total["type"] == "total" and total["bytes"] == len(data)


def test_the_plot_is_written_where_asked_and_not_over_something(run: Run, tmp_path: Path) -> None:
    out = tmp_path / "a.svg"
    assert run("stats", FILES[0], "--plot", out).code == 0
    before = out.read_bytes()
    said = run("stats", FILES[0], "--plot", out)
    assert said.code == 6 and out.read_bytes() == before
    assert run("stats", FILES[0], "--plot", out, "-f").code == 0


def test_csv_is_for_spreadsheets(run: Run) -> None:
    said = run("stats", FILES[0], "--csv")
    lines = said.out.splitlines()
    assert lines[0].startswith("index,gop,first_frame,frames,time_s,tokens,")
    assert len({line.count(",") for line in lines}) == 1


def test_info_as_json_tells_whether_the_model_is_here(run: Run, etok: Path) -> None:
    said = run("info", etok, "--json")
    record = json.loads(said.out)
    assert record["model_here"] is True and record["model"] == "elastictok-nano"
    assert sum(record["parts"].values()) == record["bytes"] == etok.stat().st_size
    assert json.loads(run("info", GOLDEN / FILES[0], "--json").out)["model_here"] is False


@pytest.mark.parametrize("command", ["stats", "info"])
def test_a_damaged_file_is_exit_code_4(run: Run, tmp_path: Path, command: str) -> None:
    data = (GOLDEN / FILES[0]).read_bytes()
    path = tmp_path / "a.etok"
    path.write_bytes(data[: len(data) // 2])
    said = run(command, path)
    assert said.code == 4
    assert said.err.startswith(f"error: {path}: ") and "--recover" in said.err


@pytest.mark.parametrize("command", ["stats", "info"])
def test_a_file_that_is_not_there_is_exit_code_3(run: Run, tmp_path: Path, command: str) -> None:
    said = run(command, tmp_path / "a.etok")
    assert (said.code, said.err.count("\n")) == (3, 1)
