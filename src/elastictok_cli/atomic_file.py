"""Output files that appear whole or not at all.

A file is written under a temporary name in the folder of the output and renamed when it is complete, so that an
interrupted run leaves the previous file as it was.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import OutputError

if TYPE_CHECKING:  # types.py loads numpy, which --help must not
    from .types import PathLike


def resolve_output(path: PathLike) -> Path:
    """Return the file that an output of this name replaces: the target of a link, not the link.

    Raises OSError if a folder, a device or a pipe has this name. No file may replace those.
    """
    real = _follow_link(path)
    if real.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder", os.fspath(path))
    if real.exists() and not real.is_file():
        raise OSError(errno.EINVAL, "it is a device or a pipe, not a file", os.fspath(path))
    return real


def part_path(path: PathLike) -> Path:
    """Return the temporary name of an output: `.part` in the same folder, because a rename across disks may fail."""
    return Path(f"{_follow_link(path)}.part")


def commit(part: Path, path: Path) -> None:
    """Rename a complete file to its final name and keep the permissions of the file that it replaces.

    path: as `resolve_output` returns it. Raises OSError.
    """
    with suppress(OSError):  # there may be no file yet, and not every system has permissions
        part.chmod(stat.S_IMODE(path.stat().st_mode))
    os.replace(part, path)


@contextmanager
def atomic_write(path: PathLike) -> Iterator[Path]:
    """Yield a temporary path; rename it to `path` if the block succeeds, remove it if the block raises.

    Raises OSError.
    """
    path = resolve_output(path)
    part = part_path(path)
    try:
        yield part
        commit(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def translate_os_errors(name: PathLike) -> Iterator[None]:
    """Turn an OSError about the output `name` into an OutputError of one line."""
    try:
        yield
    except BrokenPipeError as error:
        raise OutputError("the program that reads the output has ended") from error
    except OSError as error:
        why = "no space left" if error.errno in (errno.ENOSPC, errno.EDQUOT) else error.strerror or str(error)
        raise OutputError(f"{name}: cannot be written: {why}") from error


def _follow_link(path: PathLike) -> Path:
    return Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)
