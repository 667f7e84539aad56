from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from elastictok_cli import folders
from elastictok_cli.errors import UsageError

KERNELS = "from elastictok_cli import jit; print(jit.cache_folder()); print(jit.cache_note)"


def kernels(**environment: str) -> tuple[Path, str]:
    """The cache folder of a new process, and its note."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    run = subprocess.run(
        [sys.executable, "-c", KERNELS], env={**kept, **environment}, capture_output=True, text=True, check=True
    )
    folder, note = run.stdout.splitlines()
    return Path(folder), note


def test_kernels_are_kept_where_only_this_user_may_write(tmp_path: Path) -> None:
    folder, note = kernels(XDG_CACHE_HOME=str(tmp_path))
    assert folder.parent == tmp_path / "elastictok" and note == "None"
    assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent)] == [0o700, 0o700]
    assert kernels(XDG_CACHE_HOME=str(tmp_path)) == (folder, "None")


@pytest.mark.parametrize("variable", ["XDG_CACHE_HOME", "NUMBA_CACHE_DIR"])
@pytest.mark.parametrize("depth", [0, 1])
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o722])
def test_a_folder_that_others_may_fill_is_not_used(tmp_path: Path, variable: str, depth: int, mode: int) -> None:
    folder, _ = kernels(**{variable: str(tmp_path / "cache")})
    (folder, folder.parent)[depth].chmod(mode)
    other, note = kernels(**{variable: str(tmp_path / "cache")})
    assert tmp_path not in other.parents and not other.exists()  # a temporary one, gone with its process
    assert note.startswith("compiled kernels are not kept: ") and note.endswith("other users may write to it")


def test_a_folder_of_another_user_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = os.getuid()
    folders.private(tmp_path / "a" / "b")
    monkeypatch.setattr(os, "getuid", lambda: own + 1)
    with pytest.raises(PermissionError, match="it belongs to another user"):
        folders.private(tmp_path / "a" / "b")


def test_a_file_in_the_way_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "elastictok").write_bytes(b"")
    other, note = kernels(XDG_CACHE_HOME=str(tmp_path))
    assert tmp_path not in other.parents and note.endswith("it is a file")


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders.platformdirs, "user_cache_path", lambda *_, **__: Path("~/.cache/elastictok"))
    monkeypatch.delenv("ELASTICTOK_HOME", raising=False)
    with pytest.raises(FileNotFoundError):
        folders.cache()
    with pytest.raises(UsageError, match="no home folder; ELASTICTOK_HOME=FOLDER says where weights lie"):
        folders.home()


def test_weights_lie_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELASTICTOK_HOME", str(tmp_path))
    assert folders.home() == tmp_path
