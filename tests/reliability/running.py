"""Commands as a user runs them, on files of the small test model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from elastictok_cli.cli.app import main
from elastictok_cli.models import registry

from .six import MODEL


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line of an error; fails if there is not exactly one."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1 and self.err.endswith(lines[0] + "\n"), self.err
        assert "fault in elastictok" not in lines[0]
        return lines[0]


Run = Callable[..., Ran]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """run("decode", path) -> Ran, in this process. Files of the test model find their model, all others as ever."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    found = registry.load_for

    def load_for(header: registry.NamesModel, *arguments: object, **options: object) -> object:
        own = (header.model, header.model_digest) == (MODEL.spec.name, MODEL.spec.digest)
        return MODEL if own else found(header, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(registry, "load_for", load_for)

    def call(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return call
