"""`import elastictok_cli` hands on the Python interface, and loads it only when it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import elastictok_cli as et
from elastictok_cli import api, tokenizer


def test_the_package_hands_on_the_names_of_its_interface() -> None:
    assert set(et.__all__) == {*api.__all__, *tokenizer.__all__, "__version__"}
    for room in (api, tokenizer):
        for name in room.__all__:
            assert getattr(et, name) is getattr(room, name)
    assert set(dir(et)) == set(et.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        et.nothing  # noqa: B018


def test_importing_it_loads_nothing() -> None:
    heavy = {"numpy", "torch", "numba", "av", "matplotlib", "elastictok_cli.api", "elastictok_cli.tokenizer"}
    code = f"import elastictok_cli, sys; print({heavy!r} & sys.modules.keys() or 'nothing', elastictok_cli.__version__)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["nothing", et.__version__]
