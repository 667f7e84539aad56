"""The conformance set: here, with other threads, other instructions, without a compiler, without torch."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from reliability.running import Run, run

from elastictok_cli.codec.conformance import Expected, conform
from elastictok_cli.errors import InputError

__all__ = ["run"]

SET = Path(__file__).parent
WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from elastictok_cli.cli.app import main; sys.exit(main())"


def elsewhere(*arguments: str, program: str | None = None, **environment: str) -> list[dict[str, object]]:
    """`conformance --json` in a process of its own: its streams. Fails if one is not as it must be."""
    start = ["-m", "elastictok_cli"] if program is None else ["-c", program]
    command = [sys.executable, *start, "conformance", str(SET), "--json", "-q", *arguments]
    said = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    assert said.returncode == 0, said.stdout + said.stderr
    return [json.loads(line) for line in said.stdout.splitlines()]


def test_every_stream_decodes_as_it_must() -> None:
    outcomes = list(conform(SET))
    assert [outcome for outcome in outcomes if outcome.problem or outcome.note] == []
    assert len(outcomes) >= 24
    assert sum(outcome.peak is not None for outcome in outcomes) >= 24


def test_files_of_every_released_version_are_in_the_set() -> None:
    for path in (SET.parent / "golden").glob("v*.etok"):
        if "nano" not in path.name:  # those follow the weights, here as there
            assert (SET / path.name).read_bytes() == path.read_bytes()
    assert {json.loads(path.read_text())["syntax"] for path in SET.glob("*.json")} == {"fsq/1", "vae/1", "nano/5"}


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"},
        {"ATEN_CPU_CAPABILITY": "default", "MKL_CBWR": "COMPATIBLE"},
    ],
    ids=["one thread", "two threads", "plain instructions"],
)
def test_neither_threads_nor_instructions_change_a_token(environment: dict[str, str]) -> None:
    streams = elsewhere(**environment)
    assert len(streams) >= 24 and all(stream["ok"] and not stream["note"] for stream in streams)


def test_without_a_compiler_the_tokens_are_the_same() -> None:
    """The kernels as plain Python; pictures too."""
    for name in ("nano-one-frame", "nano-flat", "fsq-least", "vae-least", "v1-dct-six"):
        (stream,) = elsewhere("--only", name, NUMBA_DISABLE_JIT="1")
        assert stream["ok"]


def test_without_torch_every_token_is_compared_and_what_was_not_is_told() -> None:
    streams = elsewhere(program=WITHOUT_TORCH)
    assert len(streams) >= 24 and all(stream["ok"] and stream["blocks"] for stream in streams)
    told = {str(stream["name"]).split("-")[0] for stream in streams if "needs torch" in str(stream["note"])}
    assert told == {"fsq", "vae"}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A set of one stream, to be broken."""
    for suffix in (".etok", ".json", ".npz"):
        shutil.copy(SET / f"nano-odd-size{suffix}", tmp_path)
    return tmp_path


def allow(copy: Path, **limits: float) -> None:
    """Let the pictures of the set's stream differ by as much."""
    path = copy / "nano-odd-size.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "pixels": limits}))


def test_another_token_is_seen(copy: Path, run: Run) -> None:
    path = copy / "nano-odd-size.json"
    said = json.loads(path.read_text())
    said["tokens"][0] = "0" * 16
    path.write_text(json.dumps(said))
    ran = run("conformance", copy)
    assert ran.code == 1 and "1 of 1 stream not as they must be: nano-odd-size" in ran.error
    assert "WRONG  block 0 has other tokens" in ran.out


def test_pictures_beyond_the_limits_are_seen_and_within_them_are_not(copy: Path, run: Run) -> None:
    path = copy / "nano-odd-size.npz"
    frames = np.load(path)["frames"].copy()
    frames[0, 0, 0, 0] += 2
    np.savez_compressed(path, frames=frames)
    ran = run("conformance", copy)
    assert ran.code == 1 and "pictures differ by up to 2" in ran.out
    allow(copy, peak=2, rms=0.1)
    assert run("conformance", copy).code == 0


def test_a_damaged_stream_is_wrong_and_the_rest_goes_on(copy: Path, run: Run) -> None:
    data = bytearray((copy / "nano-odd-size.etok").read_bytes())
    data[-60] ^= 1
    (copy / "a.etok").write_bytes(data)
    shutil.copy(copy / "nano-odd-size.json", copy / "a.json")
    ran = run("conformance", copy)
    assert ran.code == 1 and "1 of 2 streams" in ran.error and "nano-odd-size            good" in ran.out


def test_what_is_no_set_is_one_line(tmp_path: Path, run: Run) -> None:
    assert "there are no streams in it" in run("conformance", tmp_path).error
    assert "there is no such folder" in run("conformance", tmp_path / "none").error
    for text in ("[]", "{", '{"tokens": 1}', "[" * 100_000):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(InputError, match="does not say what its stream must decode to"):
            Expected.read(tmp_path / "x.json")
