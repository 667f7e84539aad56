"""Read bytes at an offset, from a path, a URL, a stream or memory.

A stream that cannot seek is copied to a temporary file.
"""

from __future__ import annotations

import io
import os
import tempfile
import threading
from collections.abc import Iterator
from typing import BinaryIO, cast

from ..errors import InputError, UsageError

PIECE_BYTES = 1 << 20  # read at a time
URL_BLOCK_BYTES = 1 << 16  # of a URL that are fetched at once
SPOOL_BYTES = 1 << 24  # of a stream that are kept in memory; the rest goes to disk


class FileStore:
    """An open file, its size, and reads that never go past its end. Several threads may read at once."""

    def __init__(self, file: BinaryIO, close: bool = False) -> None:
        self._file = file
        self._close = close
        self._reading = threading.Lock()  # the file has one position
        self.size = file.seek(0, os.SEEK_END)

    def read(self, offset: int, size: int) -> bytes:
        """Return up to `size` bytes from `offset`; fewer at the end of the file."""
        size = min(size, self.size - offset)
        if size <= 0:
            return b""
        parts = []
        with self._reading:
            self._file.seek(offset)
            while size:
                part = self._file.read(size)
                if not part:
                    break  # the file became shorter in the meantime
                parts.append(part)
                size -= len(part)
        return b"".join(parts)

    def pieces(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from `start` to `stop` in pieces; fewer if the file ends before."""
        for at in range(start, stop, PIECE_BYTES):
            yield self.read(at, min(PIECE_BYTES, stop - at))

    def close(self) -> None:
        """Close the file if this object opened it."""
        if self._close:
            self._file.close()


def open_store(source: str | os.PathLike[str] | bytes | BinaryIO, name: str | None) -> tuple[FileStore, str]:
    """Return (store, name for messages). Raises InputError if the path cannot be opened."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        return FileStore(io.BytesIO(source), close=True), name or "memory"
    if isinstance(source, (str, os.PathLike)):
        label = name or os.fspath(source)
        if "://" in os.fspath(source):
            return FileStore(_open_url(os.fspath(source)), close=True), label
        try:
            file = open(source, "rb")  # noqa: SIM115 - closed by FileStore
        except OSError as error:
            raise InputError(f"{label}: cannot be opened: {error.strerror}") from error
        if file.seekable():
            return FileStore(file, close=True), label
        with file:
            return _spool(file), label
    label = name or str(getattr(source, "name", "stream"))
    return (FileStore(source) if source.seekable() else _spool(source)), label


def _open_url(url: str) -> BinaryIO:
    """Open a URL to read parts of it. Raises UsageError without fsspec or for an unknown protocol, InputError."""
    try:
        import fsspec
    except ImportError:
        raise UsageError(f"{url}: needs fsspec; pip install 'elastictok[remote]' brings it") from None
    try:
        system, path = fsspec.core.url_to_fs(url)
        return cast(BinaryIO, system.open(path, "rb", block_size=URL_BLOCK_BYTES))
    except FileNotFoundError:
        raise InputError(f"{url}: there is no such file") from None
    except (ImportError, ValueError) as error:
        raise UsageError(f"{url}: {str(error).splitlines()[0]}") from None
    except Exception as error:  # of the network, each library with its own
        raise InputError(f"{url}: cannot be opened: {type(error).__name__}: {error}") from None


def _spool(stream: BinaryIO) -> FileStore:
    spool = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES))  # noqa: SIM115 - closed by FileStore
    while part := stream.read(PIECE_BYTES):
        spool.write(part)
    return FileStore(spool, close=True)
