"""Writes an .etok file: into a temporary file that takes the final name when whole, or straight into a stream.

Only ever appends, so standard output will do. What is flushed after each GOP survives the process: `Writer.resume`
goes on from there, and the finished file is byte for byte that of an uninterrupted run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Protocol, Self

from ..atomic_file import commit, part_path, resolve_output, translate_os_errors
from ..errors import OutputError, UsageError
from . import format as fmt
from .chunks import (
    CHUNK_EXTRA,
    pack_audio,
    pack_chunk,
    pack_gop,
    pack_index,
    pack_tail,
    parse_audio,
    parse_gop,
)
from .format import AudioPacket, Gop, Header, IndexEntry
from .head import pack_head
from .scan import walk
from .store import FileStore

AUDIO_SPLIT = fmt.MOST_BYTES[fmt.AUD] // 2  # packets of more bytes go into several chunks


class PacketLike(Protocol):
    """What `write_audio` takes: `video`'s packets or `AudioPacket`."""

    @property
    def stream(self) -> int: ...
    @property
    def pts(self) -> int: ...
    @property
    def dts(self) -> int: ...
    @property
    def duration(self) -> int: ...
    @property
    def flags(self) -> int: ...
    @property
    def data(self) -> bytes: ...


class Writer:
    """Writes one file: `write_gop` in order, each followed by `write_audio` of its time span; then `finish`.

    target: a path (an existing file there stays until `finish`) or an open binary stream, which is not closed.
    As a context manager, leaving without `finish` is `abort`. Raises OutputError where the system will not write,
    ValueError where a GOP is not what the header announces.
    """

    def __init__(self, target: str | os.PathLike[str] | BinaryIO, header: Header) -> None:
        self._begin(header)
        if isinstance(target, (str, os.PathLike)):
            with translate_os_errors(target):
                self.path: Path | None = resolve_output(target)
                part = part_path(target)
                # a new file, never an old one emptied: a second encode to this name then cannot mix with a first
                part.unlink(missing_ok=True)
                self._file: BinaryIO = open(part, "xb")  # noqa: SIM115 - closed by finish or abort
        else:
            self.path, self._file = None, target
        try:
            self._put(fmt.SIGNATURE + pack_chunk(fmt.HEAD, pack_head(header)))
        except BaseException:
            self.abort()
            raise
        self._start = self.position

    def _begin(self, header: Header) -> None:
        self.header = header
        self.entries: list[IndexEntry] = []
        self.frames = 0
        self.audio_packets = [0] * len(header.audio)
        self.position = 0
        self._sum = hashlib.sha256()
        self._open = True

    @classmethod
    def resume(cls, path: str | os.PathLike[str], header: Header) -> tuple[Writer, list[Gop]]:
        """Go on with the `.part` of an interrupted run: (writer, GOPs that are in it).

        With audio the last whole GOP is written again, because its packets may be missing; so is one that is not full,
        because it ended that run. The caller skips the frames
        of the GOPs returned, and the first `writer.audio_packets[stream]` packets of each audio stream. Payloads are
        left out of the GOPs (b""), so that a long file needs no memory. No `.part`: a fresh start, no GOPs.
        Raises UsageError if the `.part` was written for another header, that is with other options or another input;
        that times are those of the input, the caller sees when it skips the frames.
        """
        part = part_path(path)
        if not part.exists():
            return cls(path, header), []
        prefix = fmt.SIGNATURE + pack_chunk(fmt.HEAD, pack_head(header))
        self = cls.__new__(cls)
        self._begin(header)
        with translate_os_errors(path):
            self.path = resolve_output(path)
            self._file = open(part, "r+b")  # noqa: SIM115 - closed by finish or abort
        found = self._file.read(len(prefix))
        if found != prefix:
            self._file.close()
            if prefix.startswith(found):  # not even the header was whole
                return cls(path, header), []
            raise UsageError(
                f"{part} was written with other options, another input or another version; "
                "use the same, or leave --resume out to start again"
            )
        self._count(prefix)
        self._start = self.position
        gops = self._keep_whole()
        with self._writing():
            self._file.truncate(self.position)
            self._file.seek(self.position)
        return self, gops

    def _keep_whole(self) -> list[Gop]:
        """Take over the chunks that are whole and in order, up to the last point at which nothing is missing."""
        gops: list[Gop] = []
        full = self.header.block_frames * self.header.gop_blocks
        waiting: list[tuple[bytes, bytes, Gop | None]] = []  # chunks since the last such point
        for kind, _, payload in walk(FileStore(self._file), self.position):
            if kind not in (fmt.GOP, fmt.AUD):
                break
            gop = parse_gop(payload, self.header, str(self.path)) if kind == fmt.GOP else None
            if gop is not None and self.header.audio:
                gops += self._take(waiting)
                waiting = []
            if gop is not None and gop.frames < full:
                break  # it was the end of a run whose --duration may have been another one
            waiting.append((kind, payload, gop))
            if not self.header.audio:
                gops += self._take(waiting)
                waiting = []
        return gops

    def _take(self, chunks: Sequence[tuple[bytes, bytes, Gop | None]]) -> list[Gop]:
        gops = []
        for kind, payload, gop in chunks:
            if gop is not None:
                self._enter(gop, len(payload))
                gops.append(Gop(gop.first_frame, gop.pts, gop.blocks, b"", gop.digest))
            else:
                self._tally(parse_audio(payload, self.header, str(self.path)))
            self._count(pack_chunk(kind, payload))
        return gops

    def write_gop(self, gop: Gop) -> None:
        """Append one GOP; its first frame must be the number of frames written so far."""
        if gop.first_frame != self.frames:
            raise ValueError(f"GOP starts at frame {gop.first_frame}, {self.frames} are written")
        payload = pack_gop(gop, self.header)
        chunk = pack_chunk(fmt.GOP, payload)
        offset = self.position
        self._put(chunk)
        self._enter(gop, len(payload), offset)
        with self._writing():
            self._file.flush()

    def write_audio(self, packets: Sequence[PacketLike]) -> None:
        """Append the packets of the time span of the GOP just written (none is fine)."""
        plain = [AudioPacket(p.stream, p.pts, p.dts, p.duration, p.flags, bytes(p.data)) for p in packets]
        for packet in plain:
            if packet.stream >= len(self.header.audio):
                raise ValueError(f"audio stream {packet.stream} is none of {len(self.header.audio)}")
        for group in _split(plain):
            self._put(pack_chunk(fmt.AUD, pack_audio(group)))
            self._tally(group)

    def finish(self) -> int:
        """Write index and end mark, make the file durable, give it its name. Returns its size in bytes."""
        index = pack_chunk(fmt.INDX, pack_index(self.entries, self._start))
        self._put(index)
        self._put(pack_chunk(fmt.TAIL, pack_tail(len(index), self._sum.digest())))
        with self._writing():
            self._file.flush()
            if self.path is not None:
                os.fsync(self._file.fileno())
                self._rename()
        self._open = False
        return self.position

    def abort(self, keep_part: bool = False) -> None:
        """Give up: remove the temporary file, or leave it for `resume`. After `finish`: nothing."""
        if not self._open:
            return
        self._open = False
        if self.path is None:
            return
        ours = self._is_ours()
        with contextlib.suppress(OSError):
            self._file.close()
        if ours and not keep_part:
            with contextlib.suppress(OSError):
                part_path(self.path).unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.abort()

    def _rename(self) -> None:
        assert self.path is not None
        if not self._is_ours():
            raise OutputError(f"{self.path}: another run is writing to the same name")
        self._file.close()
        commit(part_path(self.path), self.path)
        # the new name itself must reach the disk; not every system lets a folder be opened
        with contextlib.suppress(OSError):
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _is_ours(self) -> bool:
        """Whether the temporary file is still the one that was opened here."""
        assert self.path is not None
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), os.stat(part_path(self.path)))
        except (OSError, ValueError):
            return False

    def _enter(self, gop: Gop, length: int, offset: int | None = None) -> None:
        where = self.position if offset is None else offset
        self.entries.append(IndexEntry(where, length, gop.first_frame, gop.frames, gop.count, int(gop.pts[0])))
        self.frames += gop.frames

    def _tally(self, packets: Sequence[AudioPacket]) -> None:
        for packet in packets:
            self.audio_packets[packet.stream] += 1

    def _put(self, data: bytes) -> None:
        with self._writing():
            self._file.write(data)
        self._count(data)

    def _count(self, data: bytes) -> None:
        self._sum.update(data)
        self.position += len(data)

    def _writing(self) -> contextlib.AbstractContextManager[None]:
        return translate_os_errors(self.path or "output")


def _split(packets: Sequence[AudioPacket]) -> Iterator[Sequence[AudioPacket]]:
    """Groups that fit a chunk."""
    group: list[AudioPacket] = []
    size = 0
    for packet in packets:
        if group and size + len(packet.data) > AUDIO_SPLIT:
            yield group
            group, size = [], 0
        group.append(packet)
        size += len(packet.data) + CHUNK_EXTRA * 4
    if group:
        yield group
