"""The rooms of nano: nothing that a decoder loads imports the search of the encoder."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import elastictok_cli.models.nano as nano

ROOT = Path(nano.__file__).parent
GOLDEN = Path(__file__).parents[2] / "golden" / "v1-nano-cut.etok"
DECODER = sorted(path for path in ROOT.rglob("*.py") if path.parent.name != "search")


def imported_at_load(source: str) -> list[str]:
    """The names that a module imports when it is loaded: not those inside functions."""

    def visit(node: ast.AST) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from (alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                yield from (f"{child.module or ''}.{alias.name}" for alias in child.names)
            elif not isinstance(child, ast.FunctionDef):
                yield from visit(child)

    return list(visit(ast.parse(source)))


def of_search(names: list[str]) -> list[str]:
    return [name for name in names if "search" in name.split(".")]


@pytest.mark.parametrize("path", DECODER, ids=lambda path: str(path.relative_to(ROOT)))
def test_syntax_reconstruction_and_decoder_do_not_import_the_search(path: Path) -> None:
    assert of_search(imported_at_load(path.read_text(encoding="utf-8"))) == []


def test_the_check_sees_an_import_of_the_search() -> None:
    assert of_search(imported_at_load("if True:\n    from .search.encoder import analyse\n")) != []
    assert of_search(imported_at_load("from . import search\n")) != []
    assert of_search(imported_at_load("def f():\n    from .search.encoder import analyse\n")) == []


def test_decoding_a_file_loads_nothing_of_the_search(tmp_path: Path) -> None:
    out = tmp_path / "out.y4m"
    command = [sys.executable, "-X", "importtime", "-m", "elastictok_cli", "decode", str(GOLDEN), "-o", str(out)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = {line.split("|")[-1].strip() for line in ran.stderr.splitlines() if line.startswith("import time:")}
    assert "elastictok_cli.models.nano.decoder" in loaded
    assert out.stat().st_size > 0
    assert [name for name in loaded if name.startswith("elastictok_cli.models.nano.search")] == []
