"""Figures of README and model cards are those that the benchmark measured."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def load() -> ModuleType:
    """weights/recipe/figures.py, which is no package."""
    spec = importlib.util.spec_from_file_location("figures", ROOT / "weights" / "recipe" / "figures.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FIGURES = load()


def test_the_readme_has_figures() -> None:
    assert ROOT / "README.md" in FIGURES.texts()


@pytest.mark.parametrize("path", FIGURES.texts(), ids=lambda path: path.name)
def test_figures_are_as_measured(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert FIGURES.rendered(text) == text, "make figures"
