"""Each message that a user may commonly meet, as expected/errors shows it: command, message, exit code.

The page "Error messages" of the documentation includes these files. `--renew` writes what commands print now.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from pages.files import add_etok, add_faults, fill
from pages.transcript import run, same, steps, written

FOLDER = Path(__file__).parent / "expected" / "errors"
GALLERIES = sorted(FOLDER.glob("*.txt"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gallery")
    fill(folder)
    add_etok(folder)
    add_faults(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("path", GALLERIES, ids=lambda path: path.stem)
def test_errors_are_as_shown(
    path: Path, files: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    shown = list(steps(path.read_text(encoding="utf-8")))
    folder = tmp_path / "here"
    shutil.copytree(files, folder)
    found = [run(step.command, folder) for step in shown]
    if request.config.getoption("--renew"):
        shown = [old if same(old, new) else new for old, new in zip(shown, found, strict=True)]
        path.write_text(written(shown), encoding="utf-8")
    for old, new in zip(shown, found, strict=True):
        assert same(old, new), new.printed
        wanted = ["note: "] if path.stem == "notes" else ["error: ", "# exit code"]
        assert all(text in new.printed for text in wanted), new
