"""Read bytes at an offset, from a path, a stream or memory. A stream that cannot seek is copied to a temporary file."""

from __future__ import annotations

import io
import os
import tempfile
import threading
from collections.abc import Iterator
from typing import BinaryIO, cast

from ..errors import InputError

PIECE_BYTES = 1 << 20  # read at a time
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


def _spool(stream: BinaryIO) -> FileStore:
    spool = cast(BinaryIO, tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES))  # noqa: SIM115 - closed by FileStore
    while part := stream.read(PIECE_BYTES):
        spool.write(part)
    return FileStore(spool, close=True)
