"""Files that appear whole or not at all. Imports nothing of the package, like errors.py."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A name beside `path` to write to: it takes the place of `path` if the block ends well, and is removed if not.

    Raises OSError.
    """
    part = Path(f"{os.fspath(path)}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
