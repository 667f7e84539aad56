"""Original models on the command line: time and memory told before, every candidate while, precision kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from elastictok_cli.cli import forecast as module
from elastictok_cli.cli.console import Console
from elastictok_cli.cli.forecast import evaluations, forecast, machine_bytes
from elastictok_cli.container import Header, Reader

from .conftest import FRAMES, Run
from .originals import write_original


@pytest.fixture(scope="module")
def fsq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_original(tmp_path_factory.mktemp("fsq"))


@pytest.fixture(scope="module")
def etok(fsq: Path, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from elastictok_cli.cli.app import main

    path = tmp_path_factory.mktemp("etok") / "a.etok"
    part = ["--size", "40x32", "--duration", "0.3", "-q"]
    assert main(["encode", str(clip), "-o", str(path), "--model", str(fsq), "-t", "0.9", *part]) == 0
    return path


def said_of(model: str) -> Callable[[str], list[str]]:
    return lambda err: [line for line in err.splitlines() if line.startswith(f"{model}: about ")]


def test_the_time_is_estimated_before_an_encode_and_a_decode(
    run: Run, fsq: Path, etok: Path, clip: Path, tmp_path: Path
) -> None:
    estimates = said_of("tiny-fsq")
    said = run("encode", clip, "-o", tmp_path / "a.etok", "--model", fsq, "-t", "0.9", "--size", "40x32")
    (line,) = estimates(said.err)
    assert "for 10 blocks of 2 tiles" in line and "tries of" in line
    said = run("decode", etok, "-o", tmp_path / "a.mp4", "--model", fsq)
    (line,) = estimates(said.err)
    assert "for 4 blocks of 2 tiles" in line and "tries" not in line


def test_the_bundled_model_needs_no_estimate(run: Run, clip: Path, model: str, tmp_path: Path) -> None:
    said = run("encode", clip, "-o", tmp_path / "a.etok", "--model", model, "-v")
    assert said.code == 0
    assert " blocks of " not in said.err and " try 1" not in said.err


def test_verbose_tells_every_candidate_as_it_is_measured(run: Run, fsq: Path, clip: Path, tmp_path: Path) -> None:
    options = ["--model", fsq, "-t", "0.9", "--size", "40x32", "--duration", "0.3"]
    said = run("encode", clip, "-o", tmp_path / "a.etok", *options, "-v")
    assert said.code == 0
    lines = [line for line in said.err.splitlines() if line.startswith("block ")]
    assert any(line.startswith("block 4 tile 2/2 try 1: ") and ", mse 0." in line for line in lines)
    quiet = run("encode", clip, "-o", tmp_path / "b.etok", *options)
    assert " try 1" not in quiet.err


def test_more_tiles_than_the_memory_holds_are_refused_with_a_way_out(
    run: Run, fsq: Path, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "machine_bytes", lambda: 100_000)
    big = ["encode", clip, "-o", tmp_path / "a.etok", "--model", fsq, "--size", "40x32"]
    said = run(*big)
    assert said.code == 2
    (line,) = said.err.splitlines()
    assert line.startswith("error: tiny-fsq needs ") and "--size 32x32 has one tile" in line
    assert list(tmp_path.iterdir()) == []
    assert run(*big, "--gop", "1", "-q").code == 0, "a GOP of one block remembers nothing"


class Slow:
    """Costs, as an original model tells them."""

    past_bytes, device_bytes = 1000, None

    class spec:
        slow = True
        gop_blocks = 4

    def evaluation_s(self) -> float:
        return 3.0


HEADER = Header(
    tool="t", model="slow", model_digest=bytes(16), generation=1, syntax="fsq/1", block_frames=4, gop_blocks=4,
    coded_size=(512, 256), display_size=(512, 256), source_size=(512, 256), time_base=Fraction(1, 25),
    multiple=256, tile_hw=(256, 256), max_tokens=1024, search="binary",
)  # fmt: skip


def test_the_estimate_is_candidates_times_tiles_times_blocks(capsys: pytest.CaptureFixture[str]) -> None:
    slow: Any = Slow()
    forecast(slow, HEADER, 9, False, Console())
    tries = evaluations(HEADER)
    assert 9 <= tries <= 11  # bisection of 1024
    minutes, seconds = divmod(round(3 * 2 * 3.0 * tries), 60)
    assert f"slow: about {minutes}:{seconds:02d} for 3 blocks of 2 tiles" in capsys.readouterr().err
    forecast(slow, HEADER, None, True, Console())
    assert capsys.readouterr().err == "slow: about 3 s for each block of 2 tiles\n"


def test_strategies_differ_in_what_they_cost() -> None:
    cost = {name: evaluations(replace(HEADER, search=name)) for name in ("fast", "binary", "binned", "full")}
    assert 3 < cost["fast"] < cost["binary"] < cost["binned"] < cost["full"]


def test_a_fixed_count_is_one_evaluation() -> None:
    assert evaluations(replace(HEADER, target="tokens")) == 1


def test_a_container_limits_the_memory() -> None:
    def nothing() -> str:
        raise FileNotFoundError

    whole = machine_bytes(nothing)
    assert whole is not None and whole > 1 << 28
    assert machine_bytes(lambda: "max\n") == whole
    assert machine_bytes(lambda: "1000000\n") == 1_000_000


def test_what_was_made_in_half_precision_is_shown_in_it(run: Run, fsq: Path, clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.etok"
    small = ["--size", "32x32", "-t", "0.6", "-q"]
    assert run("encode", clip, "-o", path, "--model", fsq, "--precision", "bf16", *small).code == 0
    with Reader(path) as reader:
        assert reader.header.extra == {"precision": "bfloat16"}
        assert reader.frames == FRAMES
    checked = ["verify", path, "--source", clip, "--model", fsq, "--json"]
    same, other = run(*checked), run(*checked, "--precision", "float32")
    assert same.code == 0
    assert mse(same.out) != mse(other.out)
    assert all(a == b for a, b in zip(*stored_and_measured(same.out), strict=True))


def mse(out: str) -> float:
    return float(json.loads(out.splitlines()[-1])["mse"])


def stored_and_measured(out: str) -> tuple[list[float], list[float]]:
    blocks = [record for line in out.splitlines() if (record := json.loads(line))["type"] == "block_checked"]
    return [pytest.approx(b["stored_mse"], rel=1e-3) for b in blocks], [b["mse"] for b in blocks]


def test_a_precision_that_cannot_be_is_one_line(run: Run, fsq: Path, model: str, clip: Path, tmp_path: Path) -> None:
    said = run("encode", clip, "-o", tmp_path / "a.etok", "--model", fsq, "--precision", "int4")
    assert (said.code, said.err) == (2, "error: --precision int4: there are float32, bf16, fp16\n")
    said = run("encode", clip, "-o", tmp_path / "a.etok", "--model", model, "--precision", "bf16")
    assert said.code == 2 and "has one precision only" in said.err


def test_encode_and_stats_agree_on_the_most_tokens(run: Run, fsq: Path, clip: Path, tmp_path: Path) -> None:
    """Also of a last block that is not full: 7 frames in blocks of 2."""
    part = ["--model", fsq, "-t", "0.9", "--size", "40x32", "--duration", "0.28", "--json"]
    coded = run("encode", clip, "-o", tmp_path / "a.etok", *part).out.splitlines()
    shown = run("stats", tmp_path / "a.etok", "--json").out.splitlines()
    assert json.loads(coded[-1])["frames"] == 7
    assert json.loads(coded[-1])["max_tokens"] == json.loads(shown[-1])["max_tokens"] == 4 * 2 * 32
