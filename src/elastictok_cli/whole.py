"""Files that appear whole or not at all. Imports nothing of the package, like errors.py."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def destination(path: str | os.PathLike[str]) -> Path:
    """Where a file of this name lies, links followed: the file behind a link is replaced, not the link.

    Raises OSError if a folder, a device or a pipe is there, which no file may replace.
    """
    real = Path(os.path.realpath(path)) if os.path.islink(path) else Path(path)
    if real.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder", os.fspath(path))
    if real.exists() and not real.is_file():
        raise OSError(errno.EINVAL, "it is a device or a pipe, not a file", os.fspath(path))
    return real


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A name beside `path` to write to: it takes the place of `path` if the block ends well, and is removed if not.

    Raises OSError.
    """
    path = destination(path)
    part = Path(f"{os.fspath(path)}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
