"""For all tests: `--renew` writes the expected output files anew instead of comparing with them, `--soak` runs the
long forms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("elastictok", deadline=None)
settings.load_profile("elastictok")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--renew", action="store_true", help="write files of expected output instead of comparing")
    parser.addoption("--soak", action="store_true", help="the long forms of tests that have one (make soak)")


@pytest.fixture(scope="session")
def soak(request: pytest.FixtureRequest) -> bool:
    """Whether the long forms run."""
    return bool(request.config.getoption("--soak"))


@pytest.fixture
def same_as_file(request: pytest.FixtureRequest) -> Callable[[str, Path], None]:
    """Compares a text with a committed file. `make test ARGS=--renew` writes the file: look at the diff."""

    def compare(text: str, path: Path) -> None:
        if request.config.getoption("--renew"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare
