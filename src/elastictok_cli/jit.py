"""Compile loops to machine code with numba, and keep the result in the user's cache folder.

With NUMBA_DISABLE_JIT=1 the same functions run as plain Python, which the tests compare with.

A function is compiled once for each combination of argument types. Compiled code checks no index, so the caller checks
every number that comes from a file. Tokens and bytes on disk are decided by integer arithmetic alone. Floats that reach
a decoded pixel are computed without `fastmath`, so that they are the same on every machine.
"""

from __future__ import annotations

import atexit
import functools
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, overload

import numba
import numpy as np
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler

from .folders import cache, private

Loop = Callable[..., Any]  # numba infers types and ignores annotations
Integer = int | np.int64  # a field of a named tuple that compiled functions build

PACKAGE = Path(__file__).parent


def sources() -> list[Path]:
    """Every file of the package that holds compiled functions."""
    return sorted(path for path in PACKAGE.rglob("*.py") if b"import compiled" in path.read_bytes())


cache_note: str | None = None  # why compiled functions are not kept, if they are not


@functools.cache
def cache_folder() -> Path:
    """The folder of this version's compiled functions. It is made if it is missing.

    Code is loaded from it, so only this user can write to it. Without such a folder it is a temporary one that is
    removed with the process, and `cache_note` says why. Its name is a digest of all sources with compiled functions.
    Numba itself checks only the file of the function that it loads, and would miss a change in the files of the
    functions that are called.
    """
    global cache_note
    digest = hashlib.sha256(f"{numba.__version__} {sys.version}".encode())
    for source in sources():
        digest.update(source.read_bytes())
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    try:
        return private((Path(chosen) if chosen else cache()) / f"kernels-{digest.hexdigest()[:16]}")
    except OSError as error:
        where = error.filename or "the cache folder"
        cache_note = f"compiled kernels are not kept: {where}: {error.strerror or error}"
    folder = tempfile.mkdtemp(prefix="elastictok-")
    os.environ["NUMBA_CACHE_DIR"] = folder  # processes started from here share it
    atexit.register(_remove, folder, os.getpid())
    return Path(folder)


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # not a forked worker, which inherits the call
        shutil.rmtree(folder, ignore_errors=True)


numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]


@overload
def compiled(function: Loop) -> Loop: ...
@overload
def compiled(*, fastmath: bool = False, inline: bool = False) -> Callable[[Loop], Loop]: ...
def compiled(function: Any = None, *, fastmath: bool = False, inline: bool = False) -> Any:
    """Decorator: compile a function at its first call. The compiled function releases the GIL.

    fastmath: sums of floats may be reordered. For estimates of the encoder only, never for a decoded pixel.
    inline: copy the function into its callers before types are inferred.
    """
    decorate = numba.njit(
        cache=True, nogil=True, error_model="numpy", fastmath=fastmath, inline="always" if inline else "never"
    )
    return decorate if function is None else decorate(function)


class _LinkedCode(JITCodeLibrary):
    """The code of a function that is only ever linked into its callers' code.

    It is optimised and made machine code there. By itself numba would do both for every function, with all that it
    calls: two thirds of the time of compiling.
    """

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()  # type: ignore[no-untyped-call]
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        return 0

    @property
    def codegen(self) -> _LinkedCode:
        return self

    def set_env(self, env_name: str, env: object) -> None:
        """Nothing raises in this code, so it needs no environment."""


class _InnerCompiler(Compiler):
    def __init__(self, typing: Any, target: Any, library: Any, *rest: Any) -> None:
        library = library or _LinkedCode(target.codegen(), "inner")  # type: ignore[no-untyped-call]
        super().__init__(typing, target, library, *rest)  # type: ignore[no-untyped-call]


def compiled_inner(function: Loop) -> Loop:
    """Decorator: compile a function that only compiled functions call, and that makes no arrays.

    It has no wrapper for Python, which halves the time of compiling a function with many arguments, and no machine code
    of its own. It counts no references to the arrays that it is given: in a search that passes thirty arrays from
    function to function, counting takes three quarters of the time.
    """
    return numba.njit(  # type: ignore[call-overload, no-any-return]
        nogil=True,
        error_model="numpy",
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
        _nrt=False,
        pipeline_class=_InnerCompiler,
    )(function)
