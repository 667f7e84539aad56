"""Read an .etok file and trust nothing in it unchecked.

Strict (the default): the file must be complete, and every chunk is checked before any of it is used. With recover=True
the index and the end mark are not needed: the file is searched for intact chunks, and `findings` lists what is missing.
Tokens stay bytes here. Block tables, times and sound need neither numba nor torch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from types import TracebackType
from typing import BinaryIO, Self

from ..errors import DamagedFile
from ..types import AudioPacket
from ..units import timestamp
from . import format as fmt
from .chunks import parse_audio, parse_gop, parse_index, parse_tail
from .format import BlockRecord, Gop, Header, IndexEntry
from .framing import CHUNK_EXTRA, CHUNK_START, TAIL_BYTES, chunk_payload, chunk_start
from .head import parse_head
from .recovery import Finding
from .recovery import recover as recover_file
from .signature import check_newer, check_signature
from .store import open_store

DECODE_HINT = "'elastictok decode --recover' keeps the rest"
REPAIR_HINT = "'elastictok decode --recover' can put a single byte of it right"


class Reader:
    """One open file.

    source: path, bytes, or binary stream. A stream that cannot seek is copied to a temporary file first.
    header, index: known after opening. start: offset of the first chunk after HEAD. stop: offset of INDX, strict only.
    Raises InputError (no such file), UnsupportedFile (newer format) or DamagedFile (anything else). Messages start with
    the file's name.
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
                found = recover_file(self.store, self.name)
                self.header, self.start, self.findings = found.header, found.start, found.findings
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
            raise DamagedFile(f"{self.name}: the start of its header is damaged; {REPAIR_HINT}")
        payload = chunk_payload(self.store, at, start[1])
        if payload is None:
            if at + start[1] + CHUNK_EXTRA > self.store.size:
                raise self._incomplete()
            raise DamagedFile(f"{self.name}: its header fails its checksum; {REPAIR_HINT}")
        return parse_head(payload, f"{self.name}: header"), at + len(payload) + CHUNK_EXTRA

    def _read_index(self) -> tuple[int, bytes, tuple[IndexEntry, ...]]:
        """Return the offset of INDX, the file digest, and the index."""
        at = self.store.size - TAIL_BYTES
        tail = chunk_start(self.store, at) if at >= self.start else None
        if tail is None or tail[0] != fmt.TAIL or tail[1] != fmt.MAX_BYTES[fmt.TAIL]:
            raise self._incomplete()
        payload = chunk_payload(self.store, at, tail[1])
        if payload is None:
            raise DamagedFile(f"{self.name}: its end mark fails its checksum; {DECODE_HINT}")
        size, digest = parse_tail(payload, f"{self.name}: end mark")
        stop = at - size
        start = chunk_start(self.store, stop) if stop >= self.start else None
        if start is None or start[0] != fmt.INDX or start[1] + CHUNK_EXTRA != size:
            raise DamagedFile(f"{self.name}: its index is not where its end mark says; {DECODE_HINT}")
        packed = chunk_payload(self.store, stop, start[1])
        if packed is None:
            raise DamagedFile(f"{self.name}: its index fails its checksum; {DECODE_HINT}")
        return stop, digest, parse_index(packed, self.start, stop, f"{self.name}: index")

    def _incomplete(self) -> DamagedFile:
        return DamagedFile(
            f"{self.name}: incomplete, its end is missing; 'elastictok decode --recover' keeps what is whole"
        )

    # --- contents

    def gop_name(self, number: int) -> str:
        """Name a GOP in a message: 'GOP 17 (00:34.0-00:36.0)'."""
        entry = self.index[number]
        start = self.header.seconds(entry.first_pts)
        if number + 1 < len(self.index):
            end = self.header.seconds(self.index[number + 1].first_pts)
        elif self.header.frame_rate:
            end = start + float(entry.frames / self.header.frame_rate)
        else:
            return f"GOP {number} (from {timestamp(start)})"
        return f"GOP {number} ({timestamp(start)}-{timestamp(end)})"

    @property
    def frames(self) -> int:
        """Number of frames of all GOPs in the index."""
        return sum(entry.frames for entry in self.index)

    def gop(self, number: int) -> Gop:
        """Read GOP `number` of the index, counted from 0. Raises DamagedFile with its number and its time."""
        entry, where = self.index[number], f"{self.name}: {self.gop_name(number)}"
        start = chunk_start(self.store, entry.offset)
        if start != (fmt.GOP, entry.length):
            raise DamagedFile(f"{where} does not start where the index says; {DECODE_HINT}")
        payload = chunk_payload(self.store, entry.offset, entry.length)
        if payload is None:
            raise DamagedFile(f"{where} fails its checksum; {DECODE_HINT}")
        gop = parse_gop(payload, self.header, where)
        found = (gop.first_frame, gop.frames, gop.count, int(gop.pts[0]))
        if found != (entry.first_frame, entry.frames, entry.tokens, entry.first_pts):
            raise DamagedFile(f"{where} is not the one that the index describes; {DECODE_HINT}")
        if not self.recover and number + 1 < len(self.index) and gop.pts[-1] >= self.index[number + 1].first_pts:
            raise DamagedFile(f"{where}: its times and those of the next GOP do not rise; {DECODE_HINT}")
        return gop

    def gop_at(self, pts: int) -> int:
        """Return the number of the last GOP that starts at or before `pts`, 0 if there is none."""
        return max((i for i, entry in enumerate(self.index) if entry.first_pts <= pts), default=0)

    def gops(self) -> Iterator[Gop]:
        """Yield all GOPs, in order."""
        return (item for item in self.items() if isinstance(item, Gop))

    def audio(self) -> Iterator[AudioPacket]:
        """Yield all audio packets, in file order."""
        return (packet for item in self.items(video=False) if isinstance(item, tuple) for packet in item)

    def blocks(self) -> Iterator[BlockRecord]:
        """Yield the records of all blocks, in order. No token is decoded."""
        return (block for gop in self.gops() for block in gop.blocks)

    def items(
        self, first: int = 0, video: bool = True, end: int | None = None
    ) -> Iterator[Gop | tuple[AudioPacket, ...]]:
        """Yield GOPs and groups of audio packets in file order. One item is in memory at a time.

        first, end: numbers of GOPs; from the first one, up to but not including the second (None: to the end of the
        file). video: False skips the payloads of GOPs.
        Strict: all bytes between are checked, and DamagedFile is raised after everything before the damage was yielded.
        """
        stop = None if end is None or end >= len(self.index) else self.index[end].offset
        return (self._recovered_items if self.recover else self._strict_items)(first, video, stop)

    def _strict_items(self, first: int, video: bool, stop: int | None) -> Iterator[Gop | tuple[AudioPacket, ...]]:
        at = self.index[first].offset if first < len(self.index) and first else self.start
        number, last = first, self.stop if stop is None else stop
        while at < last:
            start = chunk_start(self.store, at)
            is_next = number < len(self.index) and self.index[number].offset == at
            if is_next or (start and start[0] == fmt.GOP):
                if not is_next:
                    raise DamagedFile(f"{self.name}: there is a GOP at byte {at} that the index does not have")
                if video:
                    yield self.gop(number)
                at += self.index[number].length + CHUNK_EXTRA
                number += 1
                continue
            before = f"after {self.gop_name(number - 1)}" if number else "before the first GOP"
            where = f"{self.name}: {before}"
            if start is None:
                raise DamagedFile(f"{where}: the start of a chunk is damaged; {DECODE_HINT}")
            kind, length = start
            payload = chunk_payload(self.store, at, length)
            if payload is None:
                what = "sound" if kind == fmt.AUD else f"chunk {kind.decode('latin-1')!r}"
                raise DamagedFile(f"{where}: the {what} fails its checksum; {DECODE_HINT}")
            if kind == fmt.AUD:
                yield parse_audio(payload, self.header, f"{where}: sound")
            else:
                if kind in fmt.MAX_BYTES:
                    raise DamagedFile(f"{where}: a second chunk {kind.decode()!r}; {DECODE_HINT}")
                check_newer(kind, where)
            at += length + CHUNK_EXTRA
        if at != last or (stop is None and number != len(self.index)):
            raise DamagedFile(f"{self.name}: the GOPs do not end where the index starts; {DECODE_HINT}")

    def _recovered_items(self, first: int, video: bool, stop: int | None) -> Iterator[Gop | tuple[AudioPacket, ...]]:
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

    # --- the file

    @cached_property
    def chunk_bytes(self) -> dict[str, int]:
        """Bytes of the file by purpose. They add up to the size of the file.

        'head': signature and HEAD. 'tables': GOP framing, times and block records. 'tokens', 'sound'. 'index': INDX and
        TAIL. 'other': everything else; in recovery also damage.
        """
        parts = {"head": self.start, "tables": 0, "tokens": 0, "sound": 0, "index": 0}
        for number, entry in enumerate(self.index):
            tokens = len(self.gop(number).payload)
            parts["tokens"] += tokens
            parts["tables"] += entry.length + CHUNK_EXTRA - tokens
        if not self.recover:
            parts["index"] = self.store.size - self.stop
            between = self.stop - self.start - parts["tables"] - parts["tokens"]
            parts["sound"] = between if self.header.audio else 0
        parts["other"] = self.store.size - sum(parts.values())
        return parts

    def close(self) -> None:
        """Close the file if this reader opened it."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
