"""Every file of the gallery is refused in one line, with its exit code, in little memory; nothing is left behind."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from reliability.running import Run

from elastictok_cli.models.registry import load

from .gallery import Case, cases, nano_bomb

CASES = cases()
MOST_MB = 200


def arguments(case: Case, path: Path) -> list[str]:
    return [str(path) if part == "{}" else part for part in case.command]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_lie_gets_one_line(case: Case, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / f"lie{case.suffix}"
    path.write_bytes(case.data)
    monkeypatch.chdir(tmp_path)
    said = run(*arguments(case, path), *(["-q"] if "verify" not in case.command else []))
    assert (said.code, said.out) == (case.code, "")
    assert case.line in said.error, said.error
    assert path.name in said.error or case.command[0] == "decode" and case.code == 5 or case.code == 2, said.error
    assert len(said.error) < 400 and said.error.isprintable()
    assert [left.name for left in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == case.data


RECOVER = ("decode", "--recover", "-o", "out.y4m")


@pytest.mark.parametrize("command", [("info",), ("stats",), ("verify",), ("tokens",), RECOVER], ids=lambda c: c[0])
def test_every_other_command_refuses_a_lie_too(
    command: tuple[str, ...],
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Or takes what it does not have to believe: `info` reads no token."""
    monkeypatch.chdir(tmp_path)
    for case in (case for case in CASES if case.suffix == ".etok"):
        path = tmp_path / "lie.etok"
        path.write_bytes(case.data)
        said = run(command[0], path, *command[1:])
        assert said.code in (0, 4, 5, 8), (case.name, said)
        assert said.code == 0 or said.error.isprintable()
        assert (said.out + said.err).replace("\n", "").isprintable(), case.name
        for left in [left for left in tmp_path.iterdir() if left != path]:
            assert said.code in (0, 8), case.name  # a whole output, or one of what is whole
            assert not left.name.endswith(".part")
            left.unlink()


@pytest.mark.parametrize("command", ["decode", "verify", "tokens"])
def test_a_huge_picture_of_the_bundled_model_is_refused_before_it_is_laid_out(
    command: str,
    run: Run,
    tmp_path: Path,
) -> None:
    spec = load().spec
    path = tmp_path / "bomb.etok"
    path.write_bytes(nano_bomb(spec.digest, spec.num_qindex).data)
    said = run(command, path)
    assert said.code in (4, 5) and "pictures of 65536x65536 need" in said.error


def test_no_lie_takes_more_than_200_mb() -> None:
    """Of a process of its own that goes through all of them."""
    command = [sys.executable, "-m", "hostile.memory"]
    said = subprocess.run(
        command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False, env={**os.environ}
    )
    assert said.returncode == 0, said.stderr[-2000:]
    name, most = said.stdout.splitlines()[-1].rsplit(" ", 1)
    assert float(most) < MOST_MB, f"{name}: {most} MB"
