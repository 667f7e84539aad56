"""Reads an .etok file and believes none of it unchecked.

Strict (the default): the file must be whole, and every chunk is checked before a byte of it is used. With
recover=True the index and the end mark are not needed: the file is searched for whole chunks, `findings` says what is
missing. Tokens stay bytes here; block tables, times and sound need neither numba nor torch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from types import TracebackType
from typing import BinaryIO, Self

from ..errors import DamagedFile
from . import format as fmt
from .chunks import (
    CHUNK_EXTRA,
    CHUNK_START,
    TAIL_BYTES,
    parse_audio,
    parse_gop,
    parse_index,
    parse_tail,
)
from .format import AudioPacket, BlockRecord, Gop, Header, IndexEntry
from .head import parse_head
from .recover import recover as rescue_file
from .scan import chunk_payload, chunk_start
from .signature import check_newer, check_signature
from .sizes import chunk_bytes
from .store import open_store
from .verify import Finding, verify

KEEPS = "'elastictok decode --recover' keeps the rest"
MENDS = "'elastictok decode --recover' can put a single byte of it right"


def clock(seconds: float) -> str:
    """34.04 as 00:34.0, hours only where there are any."""
    tenths = round(abs(seconds) * 10)
    hours, minutes, rest = tenths // 36000, tenths // 600 % 60, tenths % 600
    start = f"{hours}:" if hours else ""
    return f"{'-' if seconds < 0 else ''}{start}{minutes:02d}:{rest // 10:02d}.{rest % 10}"


class Reader:
    """One open file. source: path, bytes, or binary stream (one that cannot seek is copied to a temporary file first).

    header, index: known after opening. Raises InputError (no such file), UnsupportedFile (newer format), DamagedFile
    (anything else), each one line that starts with the file's name.
    """

    def __init__(
        self,
        source: str | os.PathLike[str] | bytes | BinaryIO,
        recover: bool = False,
        name: str | None = None,
    ) -> None:
        self.store, self.name = open_store(source, name)
        self.recover = recover
        self.findings: list[Finding] = []
        try:
            if recover:
                found = rescue_file(self.store, self.name)
                self.header, self.start, self.findings = (
                    found.header,
                    found.start,
                    found.findings,
                )
                self.index, self._sound = tuple(found.index), found.sound
            else:
                self.header, self.start = self._read_head()
                self.stop, self.digest, self.index = self._read_index()
        except BaseException:
            self.store.close()
            raise

    # --- opening

    def _read_head(self) -> tuple[Header, int]:
        check_signature(self.store.read(0, 64), self.name)
        at = len(fmt.SIGNATURE)
        start = chunk_start(self.store, at)
        if start is None or start[0] != fmt.HEAD:
            if self.store.size < at + CHUNK_START:
                raise self._incomplete()
            raise DamagedFile(f"{self.name}: the start of its header is damaged; {MENDS}")
        payload = chunk_payload(self.store, at, start[1])
        if payload is None:
            if at + start[1] + CHUNK_EXTRA > self.store.size:
                raise self._incomplete()
            raise DamagedFile(f"{self.name}: its header fails its checksum; {MENDS}")
        return parse_head(payload, f"{self.name}: header"), at + len(payload) + CHUNK_EXTRA

    def _read_index(self) -> tuple[int, bytes, tuple[IndexEntry, ...]]:
        """Where INDX starts, the file digest, the entries."""
        at = self.store.size - TAIL_BYTES
        tail = chunk_start(self.store, at) if at >= self.start else None
        if tail is None or tail[0] != fmt.TAIL or tail[1] != fmt.MOST_BYTES[fmt.TAIL]:
            raise self._incomplete()
        payload = chunk_payload(self.store, at, tail[1])
        if payload is None:
            raise DamagedFile(f"{self.name}: its end mark fails its checksum; {KEEPS}")
        size, digest = parse_tail(payload, f"{self.name}: end mark")
        stop = at - size
        start = chunk_start(self.store, stop) if stop >= self.start else None
        if start is None or start[0] != fmt.INDX or start[1] + CHUNK_EXTRA != size:
            raise DamagedFile(f"{self.name}: its index is not where its end mark says; {KEEPS}")
        packed = chunk_payload(self.store, stop, start[1])
        if packed is None:
            raise DamagedFile(f"{self.name}: its index fails its checksum; {KEEPS}")
        return (
            stop,
            digest,
            parse_index(packed, self.start, stop, f"{self.name}: index"),
        )

    def _incomplete(self) -> DamagedFile:
        return DamagedFile(
            f"{self.name}: incomplete, its end is missing; 'elastictok decode --recover' keeps what is whole"
        )

    # --- what is in it

    def place(self, number: int) -> str:
        """'GOP 17 (00:34.0-00:36.0)' for messages."""
        entry = self.index[number]
        start = self.header.seconds(entry.first_pts)
        if number + 1 < len(self.index):
            end = self.header.seconds(self.index[number + 1].first_pts)
        elif self.header.frame_rate:
            end = start + float(entry.frames / self.header.frame_rate)
        else:
            return f"GOP {number} (from {clock(start)})"
        return f"GOP {number} ({clock(start)}-{clock(end)})"

    @property
    def frames(self) -> int:
        """Frames of all GOPs in the index."""
        return sum(entry.frames for entry in self.index)

    def gop(self, number: int) -> Gop:
        """GOP number 0, 1, ... by its place in the index. Raises DamagedFile naming it and its time."""
        entry, where = self.index[number], f"{self.name}: {self.place(number)}"
        start = chunk_start(self.store, entry.offset)
        if start != (fmt.GOP, entry.length):
            raise DamagedFile(f"{where} does not start where the index says; {KEEPS}")
        payload = chunk_payload(self.store, entry.offset, entry.length)
        if payload is None:
            raise DamagedFile(f"{where} fails its checksum; {KEEPS}")
        gop = parse_gop(payload, self.header, where)
        found = (gop.first_frame, gop.frames, gop.count, int(gop.pts[0]))
        if found != (entry.first_frame, entry.frames, entry.tokens, entry.first_pts):
            raise DamagedFile(f"{where} is not the one that the index describes; {KEEPS}")
        if not self.recover and number + 1 < len(self.index) and gop.pts[-1] >= self.index[number + 1].first_pts:
            raise DamagedFile(f"{where}: its times and those of the next GOP do not rise; {KEEPS}")
        return gop

    def gop_at(self, pts: int) -> int:
        """Number of the last GOP that starts at `pts` or before it (0 if none does)."""
        return max(
            (i for i, entry in enumerate(self.index) if entry.first_pts <= pts),
            default=0,
        )

    def gops(self) -> Iterator[Gop]:
        """All GOPs, in order."""
        return (item for item in self.items() if isinstance(item, Gop))

    def audio(self) -> Iterator[AudioPacket]:
        """All audio packets, in file order."""
        return (packet for item in self.items(video=False) if isinstance(item, tuple) for packet in item)

    def blocks(self) -> Iterator[BlockRecord]:
        """The records of all blocks, in order; no token is decoded."""
        return (block for gop in self.gops() for block in gop.blocks)

    def items(
        self, first: int = 0, video: bool = True, end: int | None = None
    ) -> Iterator[Gop | tuple[AudioPacket, ...]]:
        """GOPs and groups of audio packets as they lie in the file, in flat memory: from GOP number `first` on, to
        where number `end` begins (None: to the end of the file).

        Strict: every byte between is looked at (of GOPs only the place, with video=False), and DamagedFile comes
        after everything that was whole before it.
        """
        stop = None if end is None or end >= len(self.index) else self.index[end].offset
        return (self._rescued_items if self.recover else self._strict_items)(first, video, stop)

    def _strict_items(self, first: int, video: bool, stop: int | None) -> Iterator[Gop | tuple[AudioPacket, ...]]:
        at = self.index[first].offset if first < len(self.index) and first else self.start
        number, last = first, self.stop if stop is None else stop
        while at < last:
            start = chunk_start(self.store, at)
            due = number < len(self.index) and self.index[number].offset == at
            if due or (start and start[0] == fmt.GOP):
                if not due:
                    raise DamagedFile(f"{self.name}: there is a GOP at byte {at} that the index does not have")
                if video:
                    yield self.gop(number)
                at += self.index[number].length + CHUNK_EXTRA
                number += 1
                continue
            where = f"{self.name}: after {self.place(number - 1)}" if number else f"{self.name}: before the first GOP"
            if start is None:
                raise DamagedFile(f"{where}: the start of a chunk is damaged; {KEEPS}")
            kind, length = start
            payload = chunk_payload(self.store, at, length)
            if payload is None:
                what = "sound" if kind == fmt.AUD else f"chunk {kind.decode('latin-1')!r}"
                raise DamagedFile(f"{where}: the {what} fails its checksum; {KEEPS}")
            if kind == fmt.AUD:
                yield parse_audio(payload, self.header, f"{where}: sound")
            else:
                if kind in fmt.MOST_BYTES:
                    raise DamagedFile(f"{where}: a second chunk {kind.decode()!r}; {KEEPS}")
                check_newer(kind, where)
            at += length + CHUNK_EXTRA
        if at != last or (stop is None and number != len(self.index)):
            raise DamagedFile(f"{self.name}: the GOPs do not end where the index starts; {KEEPS}")

    # --- recovery

    def _rescued_items(self, first: int, video: bool, stop: int | None) -> Iterator[Gop | tuple[AudioPacket, ...]]:
        gops = {entry.offset: number for number, entry in enumerate(self.index) if number >= first}
        begin = min(gops, default=self.start) if first else self.start
        for at, length in sorted([*self._sound, *((at, -1) for at in gops)]):
            if at < begin or (stop is not None and at >= stop):
                continue
            if length < 0:
                if video:
                    yield self.gop(gops[at])
                continue
            try:
                payload = chunk_payload(self.store, at, length) or b""
                yield parse_audio(payload, self.header, f"{self.name}: sound at byte {at}")
            except DamagedFile:
                continue  # the sound of one GOP is lost, its picture is not

    # --- the rest

    def verify(self) -> list[Finding]:
        """Everything that is wrong with the file's structure, checksums and times; [] if it is whole."""
        return verify(self)

    @cached_property
    def chunk_bytes(self) -> dict[str, int]:
        """Bytes of the file by part: 'head', 'tables' (of GOPs), 'tokens', 'sound', 'index', 'other'."""
        return chunk_bytes(self)

    def close(self) -> None:
        """Close the file, if it was opened here."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
