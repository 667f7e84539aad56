"""What must hold of an output's name before any work starts."""

from __future__ import annotations

import os
from pathlib import Path

from ..atomic_file import resolve_output
from ..errors import OutputError, UsageError


def check_output(output: object, *sources: object, overwrite: bool) -> None:
    """Raise if writing `output` would lose something, or cannot succeed. Anything but a path is fine.

    sources: the inputs; those that are paths may not be the output. Raises UsageError, OutputError.
    """
    if not isinstance(output, (str, os.PathLike)):
        return
    path = Path(output)
    for source in sources:
        both = isinstance(source, (str, os.PathLike)) and os.path.exists(source) and path.exists()
        if both and os.path.samefile(path, source):  # type: ignore[arg-type]  # a path, as `both` says
            raise UsageError(f"{path}: is the input itself; `output` must name another file")
    if path.is_dir() or os.fspath(output).endswith(("/", os.sep)):
        raise OutputError(f"{os.fspath(output)}: is a folder; `output` must name a file")
    try:
        resolve_output(path)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror}; on the command line `output` - writes to a pipe") from None
    if os.path.lexists(path) and not overwrite:
        raise OutputError(f"{path}: already exists; `overwrite` replaces it, `output` names another file")
    if not path.parent.exists() and "%" not in path.name:  # numbered pictures get their folder made
        raise OutputError(f"{path}: the folder {path.parent} does not exist")
