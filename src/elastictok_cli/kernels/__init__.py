"""The loops that must run at C speed, in numba: range coder, grammar, motion, transform, intra.

With NUMBA_DISABLE_JIT=1 the very same functions run as plain Python: that is the oracle of the tests.
Whatever decides a token or a byte on disk is integer arithmetic on integers; float results that reach a decoded
pixel are computed without fastmath, so they do not depend on the machine.

Compiled code is cached in the user's cache folder, under a name made of all sources with compiled code: numba itself looks
only at the file of the function that it loads, and would go on using what other files have since changed.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path

import numba


def cache_folder() -> Path:
    """Where this version's compiled kernels are, or will be; made if it is missing."""
    digest = hashlib.sha256(f"{numba.__version__} {sys.version}".encode())
    package = Path(__file__).parent.parent
    for room in ("kernels", "entropy", "models/nano5"):
        for source in sorted((package / room).rglob("*.py")):
            digest.update(source.read_bytes())
    name = f"kernels-{digest.hexdigest()[:16]}"
    candidates = [Path(tempfile.gettempdir()) / f"elastictok-{getattr(os, 'getuid', int)()}"]
    try:
        home = Path(os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or Path.home() / ".cache")
        candidates.insert(0, home / "elastictok")
    except RuntimeError:
        pass  # no home folder
    if os.environ.get("NUMBA_CACHE_DIR"):
        candidates.insert(0, Path(os.environ["NUMBA_CACHE_DIR"]))
    for root in candidates:
        try:
            (root / name).mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(root / name, os.W_OK):
            return root / name
    return candidates[-1] / name  # nothing can be written: numba compiles anew in every process


numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]
