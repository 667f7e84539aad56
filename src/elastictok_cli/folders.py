"""Where files of a user's own lie: weights, compiled kernels."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import platformdirs

from .errors import UsageError


def cache() -> Path:
    """The user's cache folder for this program, as the system has it. Raises OSError for a user without a home."""
    folder = platformdirs.user_cache_path("elastictok", appauthor=False)
    if not folder.is_absolute():
        raise FileNotFoundError(errno.ENOENT, "this user has no home folder", str(folder))
    return folder


def home() -> Path:
    """The folder for weights that are not in the package: $ELASTICTOK_HOME, or the cache folder. Raises UsageError."""
    chosen = os.environ.get("ELASTICTOK_HOME")
    try:
        return Path(chosen) if chosen else cache()
    except OSError as error:
        raise UsageError(f"{error.strerror}; ELASTICTOK_HOME=FOLDER says where weights lie") from None


def private(folder: Path) -> Path:
    """Make a folder, and its parent, that only this user can write to; for what is run, not only read.

    Raises OSError if one of them is another user's, or others may write to it, or it cannot be made.
    """
    for place in (folder.parent, folder):
        try:
            place.mkdir(0o700, parents=True, exist_ok=True)
        except FileExistsError:
            raise NotADirectoryError(errno.ENOTDIR, "it is a file", str(place)) from None
        if hasattr(os, "getuid"):  # not on Windows, where a user's folders are closed to others from the start
            found = place.stat()
            if found.st_uid != os.getuid():
                raise PermissionError(errno.EPERM, "it belongs to another user", str(place))
            if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise PermissionError(errno.EPERM, "other users may write to it", str(place))
    if not os.access(folder, os.W_OK):
        raise PermissionError(errno.EACCES, "it may not be written to", str(folder))
    return folder
