"""`elastictok weights`: what people read, and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from elastictok_cli.cli.app import main

from .streams import FSQ, write_params


@pytest.fixture
def params(tmp_path: Path) -> Path:
    (tmp_path / "own.json").write_text(FSQ.to_json())
    return write_params(tmp_path / "params", FSQ)


def convert(params: Path, *more: str) -> int:
    return main(["weights", "convert", str(params), "--config", str(params.parent / "own.json"), *more])


def test_convert_makes_a_file_that_model_takes(
    params: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "m.safetensors"
    assert convert(params, "-o", str(output)) == 0
    assert "tiny-fsq" in capsys.readouterr().err
    assert main(["weights", "verify", str(output)]) == 0
    assert "good; tiny-fsq generation 1, SHA-256 " in capsys.readouterr().err
    assert convert(params, "-o", str(output)) == 6
    assert convert(params, "-o", str(output), "-f") == 0
    assert convert(params, "-o", str(tmp_path / "m.bin")) == 2
    assert convert(params, "-o", str(tmp_path / "no" / "m.safetensors")) == 6


def test_without_an_output_it_is_found_by_its_name(
    params: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(params) == 0
    capsys.readouterr()
    assert main(["weights", "path", "tiny-fsq"]) == 0
    assert capsys.readouterr().out == f"{home / 'tiny-fsq.safetensors'}\n"
    assert main(["weights", "list", "--json"]) == 0
    listed = {each["name"]: each for each in map(json.loads, capsys.readouterr().out.splitlines())}
    assert listed["tiny-fsq"]["syntax"] == "fsq/1"
    assert listed["elastictok-vae"]["path"] is None


def test_a_damaged_file_does_not_hide_the_others(params: Path, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert convert(params) == 0
    (home / "broken.safetensors").write_bytes(b"nonsense")
    capsys.readouterr()
    assert main(["weights", "list"]) == 0
    shown = capsys.readouterr()
    assert "tiny-fsq" in shown.out and "broken.safetensors: not a .safetensors file" in shown.err


def test_what_is_wrong_is_one_line_and_an_exit_code(
    params: Path, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = str(tmp_path / "m.safetensors")
    broken = tmp_path / "broken"
    broken.write_bytes(params.read_bytes()[:-7])
    for arguments, code, said in (
        (
            ["convert", str(broken), "--config", str(tmp_path / "own.json"), "-o", output],
            3,
            "ends 7 bytes too early",
        ),
        (
            ["convert", str(params), "--config", "fsq", "-o", output],
            3,
            "the configuration (elastictok-fsq) needs 1024x192",
        ),
        (["convert", str(tmp_path / "none"), "--config", "fsq", "-o", output], 3, "No such file"),
        (["convert", str(params), "--config", "nonsense", "-o", output], 2, "give fsq, vae or a JSON file"),
        (["path", "elastictok-fsq"], 5, "'elastictok weights pull elastictok-fsq' gets them"),
        (["path", "nonsense"], 2, "no such model"),
        (["pull", "elastictok-nano"], 2, "is not a published model"),
        (["verify", str(params)], 2, "no such model"),
    ):
        assert main(["weights", *arguments]) == code
        shown = capsys.readouterr().err
        assert said in shown and shown.count("\n") == 1, shown
    assert not Path(output).exists()


def test_the_list_needs_no_torch(home: Path) -> None:
    code = (
        "import sys; from elastictok_cli.cli.app import main; main(['weights', 'list']); print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "False"
