"""Files behind URLs (s3://, gs://, http://, memory:// ...), through fsspec (extra `remote`).

Each is copied to this machine first: a source is read in several passes, some of them backwards.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import InputError, UsageError
from .items import Item, is_video, matches


def is_url(name: str) -> bool:
    """s3://bucket/key, and not a path."""
    return "://" in name


def files(url: str, pattern: str | None) -> Iterator[Item]:
    """The file, or the files of the folder. Raises InputError, UsageError for a kind of URL that is unknown here."""
    system, root = _system(url)
    with _explained(url):
        if system.isfile(root) and not url.endswith("/"):
            yield Item(url, PurePosixPath(root).name, int(system.info(root).get("size") or 0))
            return
        base = root.rstrip("/")
        for name, info in sorted(system.find(base, detail=True).items()):
            relative = name[len(base) :].lstrip("/")
            parts = relative.split("/")
            if not (matches(parts, pattern.split("/")) if pattern else is_video(relative)):
                continue
            if ".." in parts:  # the key of an object may be anything, and the output would leave its folder
                raise InputError(f"{system.unstrip_protocol(name)}: its name leaves the folder {url}")
            yield Item(system.unstrip_protocol(name), relative, int(info.get("size") or 0))


@contextmanager
def local(source: str) -> Iterator[str]:
    """A path with the contents of a source: itself, or a copy that lives as long as the block."""
    if not is_url(source):
        yield source
        return
    system, path = _system(source)
    suffix = PurePosixPath(path).suffix
    with tempfile.TemporaryDirectory(prefix="elastictok-") as folder:
        copy = os.path.join(folder, f"source{suffix}")
        with _explained(source):
            system.get_file(path, copy)
        yield copy


def digest(path: str) -> str:
    """SHA-256 of a file, hex."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _system(url: str) -> tuple[Any, str]:
    try:
        import fsspec
    except ImportError:
        raise UsageError(f"{url}: needs fsspec; pip install 'elastictok[remote]' brings it") from None
    try:
        system, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise UsageError(f"{url}: {str(error).splitlines()[0]}") from None
    return system, str(path)


@contextmanager
def _explained(url: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{url}: there is no such file or folder") from None
    except PermissionError:
        raise InputError(f"{url}: may not be read") from None
    except (InputError, UsageError):
        raise
    except Exception as error:  # of the network, each library with its own; worth another try
        raise ConnectionError(f"{url}: {type(error).__name__}: {error}") from None
