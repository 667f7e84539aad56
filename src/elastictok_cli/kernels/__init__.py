"""The loops that must run at C speed, in numba: range coder, grammar, motion, transform, intra.

With NUMBA_DISABLE_JIT=1 the very same functions run as plain Python: that is the oracle of the tests.
Whatever decides a token or a byte on disk is integer arithmetic on integers; float results that reach a decoded
pixel are computed without fastmath, so they do not depend on the machine.

Compiled code is cached in the user's cache folder, under a name made of all sources of this room: numba itself looks
only at the file of the function that it loads, and would go on using what other files have since changed.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

import numba

from ..folders import cache, private

cache_note: str | None = None  # why compiled kernels are not kept, if they are not


@functools.cache
def cache_folder() -> Path:
    """Where this version's compiled kernels are, or will be. Code is loaded from it, so it is a folder that only this
    user can write to; if there is none, a temporary one that goes with the process, and `cache_note` says why."""
    global cache_note
    digest = hashlib.sha256(f"{numba.__version__} {sys.version}".encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    try:
        return private((Path(chosen) if chosen else cache()) / f"kernels-{digest.hexdigest()[:16]}")
    except OSError as error:
        cache_note = f"compiled kernels are not kept: {error.filename or 'cache folder'}: {error.strerror or error}"
    folder = tempfile.mkdtemp(prefix="elastictok-")
    os.environ["NUMBA_CACHE_DIR"] = folder  # processes started from here share it
    atexit.register(_remove, folder, os.getpid())
    return Path(folder)


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # not a forked worker, which inherits the call
        shutil.rmtree(folder, ignore_errors=True)


numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]
