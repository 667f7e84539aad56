"""Files that appear whole or not at all. Imports nothing of the package, like errors.py."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def followed(path: str | os.PathLike[str]) -> Path:
    """The file behind a link; any other path as it is."""
    return Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)


def destination(path: str | os.PathLike[str]) -> Path:
    """Where a file of this name lies, links followed: the file behind a link is replaced, not the link.

    Raises OSError if a folder, a device or a pipe is there, which no file may replace.
    """
    real = followed(path)
    if real.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder", os.fspath(path))
    if real.exists() and not real.is_file():
        raise OSError(errno.EINVAL, "it is a device or a pipe, not a file", os.fspath(path))
    return real


def place(part: Path, path: Path) -> None:
    """Give a file that is whole its name, and, where the system can, the permissions of the one that was there. Raises
    OSError."""
    with suppress(OSError):
        part.chmod(stat.S_IMODE(path.stat().st_mode))
    os.replace(part, path)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A name beside `path` to write to: it takes the place of `path` if the block ends well, and is removed if not.

    Raises OSError.
    """
    path = destination(path)
    part = Path(f"{os.fspath(path)}.part")
    try:
        yield part
        place(part, path)
    finally:
        part.unlink(missing_ok=True)
