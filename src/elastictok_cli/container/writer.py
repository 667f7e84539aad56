"""Write an .etok file: to a temporary file that is renamed when complete, or straight to a stream.

The writer only appends, so standard output works. What is flushed after each GOP survives a crash: `Writer.resume`
continues from there, and the finished file equals that of an uninterrupted run byte for byte.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from ..atomic_file import commit, part_path, resolve_output, translate_os_errors
from ..errors import OutputError, UsageError
from ..types import AudioPacket
from . import format as fmt
from .chunks import pack_audio, pack_gop, pack_index, pack_tail, parse_audio, parse_gop
from .format import Gop, Header, IndexEntry
from .framing import CHUNK_EXTRA, pack_chunk, walk
from .head import pack_head
from .store import FileStore

AUDIO_SPLIT = fmt.MAX_BYTES[fmt.AUD] // 2  # bytes of packets per chunk


class Writer:
    """Writes one file: `write_gop` in order, each followed by `write_audio` of its time span; then `finish`.

    target: a path (an existing file stays until `finish`) or an open binary stream, which is not closed.
    As a context manager, it aborts unless `finish` was called. Raises OutputError if the system cannot write, and
    ValueError for a GOP that does not fit the header.
    """

    def __init__(self, target: str | os.PathLike[str] | BinaryIO, header: Header) -> None:
        self._begin(header)
        if isinstance(target, (str, os.PathLike)):
            with translate_os_errors(target):
                self.path: Path | None = resolve_output(target)
                part = part_path(target)
                # A new file, not an old one emptied: two encodes to the same name then cannot mix.
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
        """Continue the `.part` of an interrupted run. Return the writer and the GOPs that the file holds.

        The last intact GOP is written again if the file has audio, because its packets may be missing, or if the GOP is
        not full, because it ended that run. The caller skips the frames of the returned GOPs, and the first
        `writer.audio_packets[stream]` packets of each audio track. The GOPs have no payload (b""), so that a long file
        needs little memory. Without a `.part` this is a new writer, and there are no GOPs.
        Raises UsageError if the `.part` has another header, because options or input differ. The caller checks that the
        times are those of the input when it skips the frames.
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
            if prefix.startswith(found):  # the header is incomplete
                return cls(path, header), []
            raise UsageError(
                f"{part} was written with other options, another input or another version; "
                "use the same, or leave `resume` out to start again"
            )
        self._count(prefix)
        self._start = self.position
        gops = self._keep_intact()
        with self._writing():
            self._file.truncate(self.position)
            self._file.seek(self.position)
        return self, gops

    def _keep_intact(self) -> list[Gop]:
        """Keep the intact chunks up to the last point at which nothing is missing. Return their GOPs."""
        gops: list[Gop] = []
        full = self.header.block_frames * self.header.gop_blocks
        waiting: list[tuple[bytes, bytes, Gop | None]] = []  # chunks since the last such point
        for kind, _, payload in walk(FileStore(self._file), self.position):
            if kind not in (fmt.GOP, fmt.AUD):
                break
            gop = parse_gop(payload, self.header, str(self.path)) if kind == fmt.GOP else None
            if gop is not None and self.header.audio:
                gops += self._keep(waiting)
                waiting = []
            if gop is not None and gop.frames < full:
                break  # the end of a run; its --duration may have been another one
            waiting.append((kind, payload, gop))
            if not self.header.audio:
                gops += self._keep(waiting)
                waiting = []
        return gops

    def _keep(self, chunks: Sequence[tuple[bytes, bytes, Gop | None]]) -> list[Gop]:
        gops = []
        for kind, payload, gop in chunks:
            if gop is not None:
                self._add_entry(gop.index_entry(self.position, len(payload)))
                gops.append(replace(gop, payload=b""))
            else:
                self._count_packets(parse_audio(payload, self.header, str(self.path)))
            self._count(pack_chunk(kind, payload))
        return gops

    def write_gop(self, gop: Gop) -> None:
        """Append one GOP; its first frame must be the number of frames written so far."""
        if gop.first_frame != self.frames:
            raise ValueError(f"GOP starts at frame {gop.first_frame}, {self.frames} are written")
        payload = pack_gop(gop, self.header)
        chunk = pack_chunk(fmt.GOP, payload)
        entry = gop.index_entry(self.position, len(payload))
        self._put(chunk)
        self._add_entry(entry)
        with self._writing():
            self._file.flush()

    def write_audio(self, packets: Sequence[AudioPacket]) -> None:
        """Append the packets of the time span of the last GOP. There may be none."""
        for packet in packets:
            if packet.stream >= len(self.header.audio):
                raise ValueError(f"audio stream {packet.stream} is none of {len(self.header.audio)}")
        for group in _split(packets):
            self._put(pack_chunk(fmt.AUD, pack_audio(group)))
            self._count_packets(group)

    def finish(self) -> int:
        """Write index and end mark, flush to disk, rename the file. Return its size in bytes."""
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
        """Remove the temporary file, or keep it for `resume`. Does nothing after `finish`."""
        if not self._open:
            return
        self._open = False
        if self.path is None:
            return
        is_ours = self._is_ours()
        with contextlib.suppress(OSError):
            self._file.close()
        if is_ours and not keep_part:
            with contextlib.suppress(OSError):
                part_path(self.path).unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def _rename(self) -> None:
        assert self.path is not None
        if not self._is_ours():
            raise OutputError(f"{self.path}: another run is writing to the same name")
        self._file.close()
        commit(part_path(self.path), self.path)
        # The new name must reach the disk too. Some systems cannot open a folder.
        with contextlib.suppress(OSError):
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _is_ours(self) -> bool:
        """Whether the temporary file is still the one that this writer opened."""
        assert self.path is not None
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), os.stat(part_path(self.path)))
        except (OSError, ValueError):
            return False

    def _add_entry(self, entry: IndexEntry) -> None:
        self.entries.append(entry)
        self.frames += entry.frames

    def _count_packets(self, packets: Sequence[AudioPacket]) -> None:
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
    """Yield groups of packets that fit into a chunk."""
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
