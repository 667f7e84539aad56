"""Files of an earlier elastictok with the bundled model decode to the same tokens and pictures on every machine."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from elastictok_cli.api import open_etok
from elastictok_cli.errors import UnsupportedFile
from elastictok_cli.models.nano.model import NanoModel
from elastictok_cli.models.nano.weights import Weights

GOLDEN = Path(__file__).parents[2] / "golden"
FILES = sorted(GOLDEN.glob("v*-nano-*.etok"))


def _maker() -> Any:
    spec = importlib.util.spec_from_file_location("make_nano", GOLDEN / "make_nano.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_files_of_every_kind() -> None:
    assert [f.stem for f in FILES] == ["v1-nano-cut", "v1-nano-fine", "v1-nano-sound"]


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_a_golden_file_decodes_as_it_did_when_it_was_made(path: Path) -> None:
    assert _maker().describe(path) == json.loads(path.with_suffix(".json").read_text())


def test_other_weights_are_named_and_refused() -> None:
    tables = Weights.untrained().tables
    other = NanoModel(Weights(*tables, digest=b"\1" * 16, generation=5))
    with (
        pytest.raises(UnsupportedFile, match=r"needs elastictok-nano generation 5 .* not elastictok-nano generation 5"),
        open_etok(FILES[0], other) as file,
    ):
        next(iter(file.frames()))
