"""Find what is intact in a damaged or cut file: the header, and GOPs and sound wherever they lie."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..errors import DamagedFile
from . import format as fmt
from .chunks import parse_gop
from .format import Header, IndexEntry
from .framing import CHUNK_EXTRA, chunk_payload, chunk_start
from .head import parse_head
from .repair import repaired_head
from .signature import check_newer, check_signature
from .store import FileStore

WINDOW = 1 << 20  # bytes searched at a time
# Bytes of payloads that fail their checksum may add up to this multiple of the file: nested chunks that all fail must
# not cost quadratic time.
MAX_WASTE = 8
KNOWN = re.compile(b"|".join(map(re.escape, fmt.MAX_BYTES)))


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One fault of a file. gop: the number of its GOP, None if it is outside of all GOPs."""

    gop: int | None = None
    text: str


@dataclass(kw_only=True)
class Recovered:
    """What was found. start: offset of the first chunk after HEAD. sound: offset and payload length per AUD chunk."""

    header: Header
    start: int
    index: list[IndexEntry] = field(default_factory=list)
    sound: list[tuple[int, int]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def note(self, text: str, gop: int | None = None) -> None:
        """Add a finding."""
        self.findings.append(Finding(gop=gop, text=text))


def recover(store: FileStore, name: str) -> Recovered:
    """Search the whole file.

    Raises DamagedFile if there is no header, because nothing can be decoded without it. A header with a single damaged
    byte is repaired.
    """
    found = _find_head(store, name)
    frame, kinds = 0, set()
    for kind, at, payload in intact_chunks(store, found.start):
        kinds.add(kind)
        if kind is None:
            what = payload.decode("latin-1").strip()
            found.note(f"bytes from {at} on are damaged" + (f" ({what})" if what else ""))
        elif kind == fmt.AUD:
            found.sound.append((at, len(payload)))
        elif kind == fmt.GOP:
            frame = _add_gop(found, payload, at, frame)
        elif kind not in fmt.MAX_BYTES:
            check_newer(kind, name)
    if fmt.TAIL not in kinds:
        found.note("its end is missing")
    return found


def intact_chunks(store: FileStore, offset: int = 0) -> Iterator[tuple[bytes | None, int, bytes]]:
    """Yield (type, offset, payload) of every intact chunk from `offset` on.

    Where bytes had to be skipped: (None, offset, type of the damaged chunk, b"" if unknown).
    """
    budget = MAX_WASTE * store.size + WINDOW
    while offset < store.size:
        damaged = b""
        start = chunk_start(store, offset)
        if start is not None and budget > 0:
            kind, length = start
            payload = chunk_payload(store, offset, length)
            if payload is not None:
                yield kind, offset, payload
                offset += length + CHUNK_EXTRA
                continue
            damaged = kind
            budget -= min(length, store.size - offset)
            after = offset + length + CHUNK_EXTRA
            # Only the payload is damaged: skip all of it, because it may hold something that looks like a chunk.
            if after == store.size or chunk_start(store, after) is not None:
                yield None, offset, damaged
                offset = after
                continue
        yield None, offset, damaged
        offset = _next_start(store, offset + 1) if budget > 0 else store.size


def _next_start(store: FileStore, offset: int) -> int:
    """Return the next offset at which a chunk of a known type starts, or the end of the file."""
    while offset < store.size:
        window = store.read(offset, WINDOW)
        for match in KNOWN.finditer(window):
            if chunk_start(store, offset + match.start()) is not None:
                return offset + match.start()
        if len(window) < WINDOW:
            break
        offset += len(window) - 3  # a type of four bytes may lie across two windows
    return store.size


def _find_head(store: FileStore, name: str) -> Recovered:
    signed = store.read(0, len(fmt.SIGNATURE)) == fmt.SIGNATURE
    for kind, at, payload in intact_chunks(store):
        if kind == fmt.HEAD:
            found = _parsed(payload, at, name)
            if not signed:
                found.note("its first bytes are damaged")
            return found
        if kind is not None:
            break  # HEAD comes first, so a later one belongs to another file
    repaired = repaired_head(store, len(fmt.SIGNATURE)) if signed else None
    if repaired is not None:
        payload, at = repaired
        found = _parsed(payload, len(fmt.SIGNATURE), name)
        found.note(f"byte {at} of its header is damaged; its checksum says what it was")
        return found
    if not signed:
        check_signature(store.read(0, 64), name)
    raise DamagedFile(f"{name}: its header is damaged or missing; nothing in it can be read")


def _parsed(payload: bytes, offset: int, name: str) -> Recovered:
    return Recovered(header=parse_head(payload, f"{name}: header"), start=offset + len(payload) + CHUNK_EXTRA)


def _add_gop(found: Recovered, payload: bytes, at: int, frame: int) -> int:
    """Add an intact GOP to the index, unless it is invalid or goes back in time. Return the next expected frame."""
    try:
        gop = parse_gop(payload, found.header, f"the GOP at byte {at}")
    except DamagedFile as error:
        found.note(str(error))
        return frame
    if gop.first_frame < frame:
        found.note(f"the GOP at byte {at} goes back to frame {gop.first_frame}; it is left out")
        return frame
    if gop.first_frame > frame:
        found.note(f"frames {frame} to {gop.first_frame - 1} are missing", len(found.index))
    found.index.append(gop.index_entry(at, len(payload)))
    return gop.first_frame + gop.frames
