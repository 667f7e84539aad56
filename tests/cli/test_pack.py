"""`elastictok pack` on real files of two models."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest

import elastictok_cli as et
from elastictok_cli.cli.app import main
from elastictok_cli.data import TokenBatches

from .conftest import FRAMES, Run
from .originals import write_original

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="module")
def fsq(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(.etok, weights) of a tiny model whose tokens are codes: ten blocks of two frames, two tiles each."""
    folder = tmp_path_factory.mktemp("fsq")
    weights = write_original(folder)
    options = ["--size", "40x32", "--model", str(weights), "-t", "0.6", "--no-audio", "-q"]
    assert main(["encode", str(clip), "-o", str(folder / "in.etok"), *options]) == 0
    return folder / "in.etok", weights


def test_what_a_batch_holds_decodes_to_the_video_it_was_made_of(
    run: Run, fsq: tuple[Path, Path], tmp_path: Path
) -> None:
    etok, weights = fsq
    (tmp_path / "in/sub").mkdir(parents=True)
    shutil.copy(etok, tmp_path / "in/a.etok")
    shutil.copy(etok, tmp_path / "in/sub/a.etok")
    said = run("pack", tmp_path / "in", "-o", tmp_path / "shards/%05d.tar")
    assert said.code == 0 and "of 2 files in 2 samples, 1 shard" in said.err
    dataset = TokenBatches(tmp_path / "shards", shuffle=False)
    (batch,) = dataset
    assert dataset.index.said["vocabulary"] == 64_004 and batch["block_ids"].max() == 9 and batch["tile_ids"].max() == 1
    for row in range(2):
        values, counts = dataset.vocabulary.split(batch["tokens"][row])
        codes = et.Codes.from_values(values, counts, (FRAMES, 32, 40, 3), model=weights)
        with et.open_etok(etok, et.load_model(weights)) as file:
            wanted = file[:]
        assert (et.Tokenizer.from_pretrained(weights).decode(codes) == wanted).all()
    said_of = dataset.described(1)
    assert said_of["key"] == "sub/a" and said_of["tiles"] == [1, 2] and said_of["frames"] == FRAMES
    assert said_of["times"] == pytest.approx([2 * block / 25 for block in range(10)])
    assert np.array_equal(said_of["counts"], dataset.index.counts_of(1))


def test_decisions_of_a_codec_are_packed_only_when_asked_for(run: Run, etok: Path, model: str, tmp_path: Path) -> None:
    said = run("pack", etok, "-o", tmp_path / "%d.tar", "--model", model)
    assert (
        (said.code, said.err.count("\n")) == (2, 1) and "--syntax-tokens" in said.err and not list(tmp_path.iterdir())
    )
    assert run("pack", etok, "-o", tmp_path / "%d.tar", "--model", model, "--syntax-tokens").code == 0
    (batch,) = TokenBatches(tmp_path)
    with et.open_etok(etok, et.load_model(model)) as file:
        wanted = np.concatenate([block.values for block in file.tokens()])
    ids = batch["tokens"][0]
    assert np.array_equal(ids[ids < 1 << 16], wanted)


def test_names_that_differ_in_a_dot_alone_stay_apart(run: Run, tmp_path: Path) -> None:
    (tmp_path / "in/a.b").mkdir(parents=True)
    (tmp_path / "in/a_b").mkdir()
    for name in ("a.b.etok", "a_b.etok", "a.b/c.etok", "a_b/c.etok"):
        shutil.copy(GOLDEN / "v1-fsq-sound.etok", tmp_path / "in" / name)
    assert run("pack", tmp_path / "in", "-o", tmp_path / "%d.tar").code == 0
    with tarfile.open(tmp_path / "0.tar") as tar:
        names = tar.getnames()
    assert len(names) == len(set(names)) and sum(name.endswith(".json") for name in names) == 4
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


def test_programs_are_told_what_was_packed(run: Run, fsq: tuple[Path, Path], tmp_path: Path) -> None:
    said = json.loads(run("pack", fsq[0], "-o", tmp_path / "%d.tar", "--json").out)
    assert said["type"] == "pack" and said["name"] == str(tmp_path)
    assert (said["files"], said["files_failed"], said["samples"], said["shards"]) == (1, 0, 1, 1)
    assert said["bytes"] == (tmp_path / "0.tar").stat().st_size
