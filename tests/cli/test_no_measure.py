"""`encode --tokens N --no-measure`: tokens alone; nothing is reconstructed, and nobody claims an error."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from elastictok_cli.container import Reader
from elastictok_cli.models.elastic.network import Elastic

from .conftest import Run
from .originals import write_original

PART = ["--size", "40x32", "--duration", "0.4", "--tokens", "8"]


@pytest.fixture(scope="module")
def fsq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_original(tmp_path_factory.mktemp("fsq"))


@pytest.fixture
def unmeasured(run: Run, fsq: Path, clip: Path, tmp_path: Path) -> Path:
    path = tmp_path / "a.etok"
    assert run("encode", clip, "-o", path, "--model", fsq, *PART, "--no-measure", "-q").code == 0
    return path


def tokens_of(path: Path) -> list[tuple[int, ...]]:
    with Reader(path) as reader:
        return [(*(tile.count for tile in block.tiles), gop.digest) for gop in reader.gops() for block in gop.blocks]


def test_the_decoder_never_runs_and_the_tokens_are_the_same(
    run: Run, fsq: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured, quick = tmp_path / "m.etok", tmp_path / "q.etok"
    assert run("encode", clip, "-o", measured, "--model", fsq, *PART).code == 0

    def never(*_: Any) -> Any:
        raise AssertionError("the decoder ran")

    monkeypatch.setattr(Elastic, "decode", never)
    said = run("encode", clip, "-o", quick, "--model", fsq, *PART, "--no-measure")
    assert said.code == 0 and "quality not measured" in said.err
    assert tokens_of(quick) == tokens_of(measured)
    with Reader(quick) as reader:
        assert not reader.header.is_measured
        assert all(math.isnan(tile.mse) and tile.met for gop in reader.gops() for b in gop.blocks for tile in b.tiles)


def test_it_decodes_to_the_same_pictures_and_is_measured_afterwards(
    run: Run, fsq: Path, clip: Path, unmeasured: Path, tmp_path: Path
) -> None:
    measured = tmp_path / "m.etok"
    run("encode", clip, "-o", measured, "--model", fsq, *PART, "-q")
    for path in (unmeasured, measured):
        assert run("decode", path, "-o", path.with_suffix(".y4m"), "--model", fsq).code == 0
    assert unmeasured.with_suffix(".y4m").read_bytes() == measured.with_suffix(".y4m").read_bytes()
    said = run("verify", unmeasured, "--model", fsq, "--source", clip)
    assert said.code == 0 and "blocks measured again" in said.err and " dB" in said.err


def test_stats_says_so_and_json_has_null(run: Run, fsq: Path, unmeasured: Path, tmp_path: Path) -> None:
    said = run("stats", unmeasured)
    assert said.code == 0 and "not measured" in said.out and "nan" not in said.out.lower()
    records = [json.loads(line) for line in run("stats", unmeasured, "--json").out.splitlines()]
    kinds = {record["type"] for record in records if "mse" in record}
    assert kinds == {"block", "total"}
    assert all(record["mse"] is None and record["psnr_db"] is None for record in records if "mse" in record)
    assert run("stats", unmeasured, "--plot", tmp_path / "a.svg").code == 0
    assert "not measured" in (tmp_path / "a.svg").read_text()
    assert run("stats", unmeasured, "--html", tmp_path / "a.html").code == 0
    assert "NaN" not in (tmp_path / "a.html").read_text()
    assert run("stats", unmeasured, "--csv").out.splitlines()[1].count(",,") == 1, "mse and psnr_db are empty"


def test_a_batch_and_shards_keep_it(run: Run, fsq: Path, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = run("batch", clip, "-o", out, "--model", fsq, *PART, "--no-measure", "-j", "1")
    assert said.code == 0
    (row,) = map(json.loads, (out / "results.jsonl").read_text().splitlines())
    assert row["mse"] is None and row["tokens"] > 0
    assert "1 unchanged" in run("batch", clip, "-o", out, "--model", fsq, *PART, "--no-measure", "-j", "1").err
    assert run("pack", out, "-o", tmp_path / "s/%05d.tar").code == 0


def test_any_other_goal_needs_measuring(run: Run, clip: Path, tmp_path: Path) -> None:
    for goal in ([], ["--psnr", "30"], ["--target-size", "10kB"]):
        said = run("encode", clip, "-o", tmp_path / "a.etok", *goal, "--no-measure")
        assert said.code == 2 and said.err.count("\n") == 1
        assert "--no-measure is for a fixed number of --tokens" in said.err
