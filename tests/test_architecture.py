"""Rooms import only what docs/architecture.md lets them: arrows point down its table."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "src" / "elastictok_cli"
BELOW_ALL = {"atomic_file", "errors", "jit", "metrics", "types", "units", "__init__"}
CODEC = {"codec", "video", "models", "container", "entropy"}
MAY: dict[str, set[str]] = {
    "cli": {"api", "batch", "bench", "compare", "data", "report", "search"} | CODEC,
    "api": CODEC,
    "bench": {"report"} | CODEC,
    "batch": {"api"} | CODEC,
    "data": set(),
    "compare": {"report"} | CODEC,
    "codec": {"video", "models", "search", "container", "entropy"},
    "video": set(),
    "models": {"entropy"},
    "search": set(),
    "container": {"entropy"},
    "entropy": set(),
    "report": {"container", "entropy"},
    "__main__": {"cli"},
    **{name: set() for name in BELOW_ALL},
    "__init__": {"api"},  # its names, loaded when they are used
}
# Libraries that are slow to load or to be had in one place only: who may import them, at a module's top or inside.
OWNERS = {
    "torch": {"models", "data"},
    "numba": {"jit"},
    "av": {"video"},
    "safetensors": {"models"},
    "PIL": {"models", "report"},
    "huggingface_hub": {"models"},
    "matplotlib": {"report"},
    "typer": {"cli"},
    "rich": {"cli"},
    "ray": {"batch"},
    "fsspec": {"batch"},
    "pyarrow": {"batch"},
}


def room(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """(room of the package or name of a library, line) of every import in a file, also of those inside functions."""
    package = ["elastictok_cli", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[list[str]] = []
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = base + (node.module.split(".") if node.module else [])
            names = [module + [alias.name] for alias in node.names] if len(module) == 1 else [module]
        for parts in names:
            own = parts[0] == "elastictok_cli"
            yield (parts[1] if own and len(parts) > 1 else parts[0]), getattr(node, "lineno", 0)


FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_only_point_down(path: Path) -> None:
    here = room(path)
    assert here in MAY, f"{here} has no row in the table"
    for name, line in imports(path):
        if name in MAY and name not in BELOW_ALL and name != here:
            assert name in MAY[here], f"line {line}: {here} may not import {name}"
        if name in OWNERS:
            assert here in OWNERS[name], f"line {line}: {name} belongs to {', '.join(OWNERS[name])}"


def imported_files(path: Path) -> set[Path]:
    """The package's files that a file imports, also under TYPE_CHECKING and inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            # "from . import format" imports the file format.py; "from .format import Gop" imports it for a name in it
            for candidate in (base, *(base / alias.name for alias in node.names)):
                found |= {file for file in (candidate.with_suffix(".py"), candidate / "__init__.py") if file.is_file()}
    return found - {path.parent / "__init__.py"}


def circles(files: list[Path]) -> list[list[str]]:
    """Every group of files that import each other, directly or through others."""
    reached = {path: {path} | imported_files(path) for path in files}
    for middle in files:  # Warshall's algorithm
        for path in files:
            if middle in reached[path]:
                reached[path] |= reached[middle]
    groups = {tuple(sorted(b.name for b in files if a in reached[b] and b in reached[a])) for a in files}
    return [list(group) for group in sorted(groups) if len(group) > 1]


WITH_CIRCLES = {"batch", "bench", "models", "video"}  # being rebuilt; take a room off when it is done


@pytest.mark.parametrize("where", sorted({room(path) for path in FILES} - WITH_CIRCLES))
def test_no_files_of_a_room_import_each_other(where: str) -> None:
    assert circles([path for path in FILES if room(path) == where]) == []


def test_a_circle_is_seen_where_it_hides(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("from . import b\n")
    (tmp_path / "b.py").write_text("from .c import x\n")
    (tmp_path / "c.py").write_text("def x():\n    from .a import y\n")
    (tmp_path / "d.py").write_text("from .a import y\n")
    assert circles(sorted(tmp_path.glob("*.py"))) == [["a.py", "b.py", "c.py"]]


def test_every_library_that_is_imported_is_declared() -> None:
    """Not one that only happens to come along with another."""
    project = tomllib.loads((ROOT.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for name, lines in project["optional-dependencies"].items() if name != "dev" for line in lines]
    wanted = [*project["dependencies"], *extras]
    declared = {re.match(r"\w+", line)[0] for line in wanted}  # type: ignore[index]
    outside = {name for path in FILES for name, _ in imports(path)} - {"elastictok_cli"} - MAY.keys()
    named = {"PIL": "pillow"}
    assert {named.get(name, name) for name in outside - sys.stdlib_module_names} - declared - own_names() == set()


def own_names() -> set[str]:
    """What `imports` also yields: names out of the package's own modules."""
    return {path.stem for path in FILES} | {"__version__"}


def test_the_check_sees_what_it_forbids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    path = tmp_path / "container" / "bad.py"
    path.parent.mkdir()
    path.write_text("import torch.nn\nfrom ..codec import encoder\nfrom .. import video\nfrom . import format\n")
    assert [name for name, _ in imports(path)] == ["torch", "codec", "video", "container"]
