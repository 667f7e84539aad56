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
BELOW_ALL = {"atomic_file", "errors", "folders", "jit", "metrics", "stages", "types", "units", "version", "__init__"}
CODEC = {"codec", "video", "models", "container", "entropy"}
MAY: dict[str, set[str]] = {
    "cli": {"api", "batch", "bench", "compare", "data", "report", "search", "tokenizer"} | CODEC,
    "api": CODEC,
    "tokenizer": {"codec", "models", "container", "entropy"},
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
    "__init__": {"api", "tokenizer"},  # its names, loaded when they are used
}
# Libraries that are slow to load or to be had in one place only: who may import them, at a module's top or inside.
OWNERS = {
    "torch": {"models", "data", "tokenizer"},
    "numba": {"jit"},
    "av": {"video"},
    "safetensors": {"models"},
    "PIL": {"models", "report", "video"},
    "pillow_heif": {"video"},
    "platformdirs": {"folders"},
    "huggingface_hub": {"models"},
    "matplotlib": {"report"},
    "markdown_it": {"bench"},
    "imageio_ffmpeg": {"video"},
    "typer": {"cli"},
    "rich": {"cli"},
    "ray": {"batch"},
    "fsspec": {"batch", "container"},
    "pyarrow": {"batch", "container"},
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


def test_every_library_that_is_imported_is_declared() -> None:
    """Not one that only happens to come along with another."""
    project = tomllib.loads((ROOT.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for name, lines in project["optional-dependencies"].items() if name != "dev" for line in lines]
    wanted = [*project["dependencies"], *extras]
    declared = {re.match(r"[\w-]+", line)[0] for line in wanted}  # type: ignore[index]
    outside = {name for path in FILES for name, _ in imports(path)} - {"elastictok_cli"} - MAY.keys()
    named = {
        "PIL": "pillow",
        "pillow_heif": "pillow-heif",
        "markdown_it": "markdown-it-py",
        "imageio_ffmpeg": "imageio-ffmpeg",
    }
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


Graph = dict[Path, dict[Path, int]]  # for each file, the files that it imports, and the line of the first import


def file_graph(root: Path) -> Graph:
    """Return which file imports which, imports inside functions and under TYPE_CHECKING included."""

    def file_of(parts: list[str]) -> Path | None:
        path = root.joinpath(*parts)
        return next((p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()), None)

    graph: Graph = {}
    for path in sorted(root.rglob("*.py")):
        graph[path] = {}
        package = list(path.relative_to(root).parent.parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or not node.level:
                continue
            base = package[: len(package) - node.level + 1] + (node.module.split(".") if node.module else [])
            for alias in node.names:
                imported = file_of([*base, alias.name]) or file_of(base)
                if imported is not None and imported != path:
                    graph[path].setdefault(imported, node.lineno)
    return graph


def circles(root: Path, graph: Graph) -> list[str]:
    """Return a line for each import that closes a circle, with the files of the circle."""
    found: list[str] = []
    way: list[Path] = []  # from the first file to the one that is looked at
    done: set[Path] = set()

    def name(path: Path) -> str:
        return path.relative_to(root).as_posix()

    def look(path: Path) -> None:
        way.append(path)
        for imported, line in graph[path].items():
            if imported in way:
                circle = [*way[way.index(imported) :], imported]
                found.append(f"{name(path)}, line {line}: closes {' -> '.join(map(name, circle))}")
            elif imported not in done:
                look(imported)
        done.add(way.pop())

    for path in graph:
        if path not in done:
            look(path)
    return found


def test_no_file_imports_one_that_imports_it() -> None:
    assert circles(ROOT, file_graph(ROOT)) == []


def test_a_circle_is_found_wherever_its_imports_stand(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("from .room import c\n")
    (tmp_path / "b.py").write_text("if TYPE_CHECKING:\n    from .a import name\n")
    (tmp_path / "room").mkdir()
    (tmp_path / "room" / "c.py").write_text("def late():\n    from ..b import name\n")
    assert circles(tmp_path, file_graph(tmp_path)) == ["b.py, line 2: closes a.py -> room/c.py -> b.py -> a.py"]
