"""`elastictok tokens`, and decode of what it writes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

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
