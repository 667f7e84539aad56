"""Compiled code does what the same functions do as plain Python, and plain Python finds no index out of bounds."""

from __future__ import annotations

import os
import subprocess
import sys


def _output(**more: str) -> str:
    command = [sys.executable, "-W", "error", "-m", "tests.models.nano.oracle"]
    return subprocess.run(command, env=os.environ | more, check=True, capture_output=True, text=True).stdout


def test_plain_python_gives_the_same() -> None:
    compiled = _output()
    assert compiled.startswith("coded ")
    assert compiled == _output(NUMBA_DISABLE_JIT="1")
