"""`elastictok pack` on real files of two models."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

from elastictok_cli.api import open_etok
from elastictok_cli.data import TokenBatches
from elastictok_cli.models.registry import load

from .conftest import Run

GOLDEN = Path(__file__).parents[1] / "golden"


def test_the_tokens_of_a_folder_are_all_in_the_shards(run: Run, etok: Path, model: str, tmp_path: Path) -> None:
    (tmp_path / "in/sub").mkdir(parents=True)
    shutil.copy(etok, tmp_path / "in/a.etok")
    shutil.copy(etok, tmp_path / "in/sub/a.etok")
    said = run("pack", tmp_path / "in", "-o", tmp_path / "shards/%05d.tar", "--model", model)
    assert said.code == 0 and "of 2 files in 2 samples, 1 shard" in said.err
    dataset = TokenBatches(tmp_path / "shards", shuffle=False, tokens_per_batch=1 << 20)
    (batch,) = dataset
    with open_etok(etok, load(model)) as file:
        blocks = list(file.tokens())
    wanted = np.concatenate([block.values for block in blocks])
    for row in range(2):
        assert np.array_equal(batch["tokens"][row, : batch["lengths"][row]], wanted)
    said_of = dataset.described(1)
    assert said_of["key"] == "sub/a/000000"
    assert [counts[0] for counts in said_of["counts"]] == [len(block.values) for block in blocks]
    assert "places" in batch


def test_names_that_differ_in_a_dot_alone_stay_apart(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in/a.b").mkdir(parents=True)
    (tmp_path / "in/a_b").mkdir()
    for name in ("a.b.etok", "a_b.etok", "a.b/c.etok", "a_b/c.etok"):
        shutil.copy(GOLDEN / "v1-fsq-sound.etok", tmp_path / "in" / name)
    assert run("pack", tmp_path / "in", "-o", tmp_path / "%d.tar").code == 0
    with tarfile.open(tmp_path / "0.tar") as tar:
        names = tar.getnames()
    assert len(names) == len(set(names)) and sum(name.endswith("/000000.json") for name in names) == 4
    assert all(name.count(".") == 1 + name.endswith(".npy") for name in names)


@pytest.mark.parametrize("name", ["v1-fsq-sound", "v1-vae-still"])
def test_plain_tokens_need_no_weights(run: Run, name: str, tmp_path: Path) -> None:
    said = run("pack", GOLDEN / f"{name}.etok", "-o", tmp_path / "%03d.tar")
    assert said.code == 0
    (batch,) = TokenBatches(tmp_path, tokens_per_batch=1 << 20)
    assert batch["tokens"].dtype == (np.int8 if "vae" in name else np.int32)


def test_two_models_do_not_mix(run: Run, tmp_path: Path) -> None:
    files = [GOLDEN / "v1-fsq-sound.etok", GOLDEN / "v1-vae-still.etok"]
    said = run("pack", *files, "-o", tmp_path / "%03d.tar")
    assert said.code == 2 and "pack each model by itself" in said.err
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_left_out_and_named(run: Run, tmp_path: Path) -> None:
    whole = (GOLDEN / "v1-fsq-sound.etok").read_bytes()
    (tmp_path / "a.etok").write_bytes(whole)
    (tmp_path / "b.etok").write_bytes(whole[:-30])
    said = run("pack", tmp_path, "-o", tmp_path / "shards/%03d.tar")
    assert said.code == 8
    assert "note: left out: " in said.err and "b.etok: incomplete" in said.err


def test_a_pattern_without_a_number_and_an_empty_folder_are_one_line(run: Run, tmp_path: Path) -> None:
    said = run("pack", GOLDEN / "v1-fsq-sound.etok", "-o", tmp_path / "a.tar")
    assert (said.code, said.err.count("\n")) == (2, 1) and "shards/%05d.tar" in said.err
    said = run("pack", tmp_path, "-o", tmp_path / "%d.tar")
    assert said.code == 3 and "no .etok file in it" in said.err


def test_programs_are_told_what_was_packed(run: Run, etok: Path, tmp_path: Path) -> None:
    said = json.loads(run("pack", etok, "-o", tmp_path / "%d.tar", "--json").out)
    assert said["type"] == "pack" and said["name"] == str(tmp_path)
    assert (said["files"], said["files_failed"], said["samples"], said["shards"]) == (1, 0, 1, 1)
    assert said["bytes"] == (tmp_path / "0.tar").stat().st_size
