"""The wheel that `pip wheel` builds: the code, the weights inside it, the command."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUILD = "import sys; from hatchling.build import build_wheel; build_wheel(sys.argv[1])"
PROBE = """
import sys
from elastictok_cli.models.registry import DEFAULT_MODEL, load
from elastictok_cli.models.weights_files import packaged_weights
weights = packaged_weights(DEFAULT_MODEL)
assert weights.parent.parent.parent == __import__("pathlib").Path(sys.argv[1]), weights
print(load().spec.name)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of what is packaged, so that the checkout stays as it is."""
    folder = tmp_path_factory.mktemp("build")
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE"):
        shutil.copy(ROOT / name, folder)
    for name in ("src", "weights", "examples"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    out = folder / "out"
    out.mkdir()
    subprocess.run([sys.executable, "-c", BUILD, str(out)], cwd=folder, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_has_code_weights_and_licence_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert "elastictok_cli/cli/app.py" in names
    assert {f"elastictok_cli/weights/elastictok-{name}.safetensors" for name in ("nano", "mini")} <= set(names)
    assert {name for name in names if "/examples/" in name} == {
        f"elastictok_cli/examples/{name}" for name in ("demo.mp4", "ATTRIBUTION.md")
    }
    assert wheel.stat().st_size < 40e6
    assert all(any(name.endswith(text) for name in names) for text in ("LICENSE", "NOTICE"))
    assert {name.split("/")[0].split("-")[0] for name in names} == {"elastictok_cli", "elastictok"}
    assert not any("recipe" in name or "tests" in name for name in names)


def test_the_wheel_names_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        assert "elastictok = elastictok_cli.cli.app:main" in archive.read(name).decode()


def test_the_model_loads_from_inside_the_installed_package(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{PROBE}", str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert (said.returncode, said.stdout) == (0, "elastictok-nano\n"), said.stderr
