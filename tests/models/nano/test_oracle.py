"""The compiled functions against the same functions as plain Python."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from .oracle import digests


def test_compiled_and_plain_python_agree() -> None:
    """Same tokens, bytes and pixels: on this clip not even the search's fastmath makes a difference."""
    plain = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("oracle.py"))],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert plain.stdout.splitlines() == digests()
    assert digests()[-1] == "ended True"
