"""A folder with the files that the pages' commands are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from .files import add_etok, fill


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once; tests copy it."""
    folder = tmp_path_factory.mktemp("sources")
    fill(folder)
    add_etok(folder)
    return folder
