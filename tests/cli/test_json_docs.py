"""docs/json.md has every field that is printed."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from elastictok_cli.batch.row import Row
from elastictok_cli.cli.records import TYPES

from .conftest import Run

PAGE = (Path(__file__).parents[2] / "docs" / "json.md").read_text(encoding="utf-8")
NAMED = set(re.findall(r"`(\w+)`", PAGE))


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.__name__)
def test_every_field_of_an_event_is_documented(kind: type) -> None:
    assert TYPES[kind] in NAMED
    assert {field.name for field in fields(kind)} <= NAMED


@pytest.mark.parametrize("command", ["stats", "info", "weights list"])
def test_every_field_of_a_report_is_documented(run: Run, etok: Path, command: str) -> None:
    said = run(*command.split(), *([] if command == "weights list" else [etok]), "--json")
    assert said.code == 0
    for line in said.out.splitlines():
        record = json.loads(line)
        assert record["type"] in NAMED
        assert record.keys() <= NAMED, record.keys() - NAMED


def test_every_field_of_a_batch_is_documented() -> None:
    assert {field.name for field in fields(Row)} <= NAMED
