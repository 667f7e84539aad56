"""Finds what is whole in a damaged or cut file: the header, and GOPs and sound wherever they lie."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import DamagedFile
from . import format as fmt
from .chunks import CHUNK_EXTRA, parse_gop
from .format import Header, IndexEntry
from .head import parse_head
from .mend import mended_head
from .scan import rescue
from .signature import check_newer, check_signature
from .store import FileStore
from .verify import Finding


@dataclass
class Rescue:
    """What was found. start: where the chunks behind HEAD begin. sound: offset and payload length of AUD chunks."""

    header: Header
    start: int
    index: list[IndexEntry] = field(default_factory=list)
    sound: list[tuple[int, int]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def note(self, text: str, gop: int | None = None) -> None:
        """Keep one finding."""
        self.findings.append(Finding(gop, text))


def recover(store: FileStore, name: str) -> Rescue:
    """Search the whole file. DamagedFile if there is no header, without which nothing can be shown; one with a single
    damaged byte is put right (`mend`)."""
    found = _find_head(store, name)
    frame, kinds = 0, set()
    for kind, at, payload in rescue(store, found.start):
        kinds.add(kind)
        if kind is None:
            what = payload.decode("latin-1").strip()
            found.note(f"bytes from {at} on are damaged" + (f" ({what})" if what else ""))
        elif kind == fmt.AUD:
            found.sound.append((at, len(payload)))
        elif kind == fmt.GOP:
            frame = _enter_gop(found, payload, at, frame)
        elif kind not in fmt.MOST_BYTES:
            check_newer(kind, name)
    if fmt.TAIL not in kinds:
        found.note("its end is missing")
    return found


def _find_head(store: FileStore, name: str) -> Rescue:
    signed = store.read(0, len(fmt.SIGNATURE)) == fmt.SIGNATURE
    for kind, at, payload in rescue(store):
        if kind == fmt.HEAD:
            found = Rescue(parse_head(payload, f"{name}: header"), at + len(payload) + CHUNK_EXTRA)
            if not signed:
                found.note("its first bytes are damaged")
            return found
        if kind is not None:
            break  # HEAD comes first: one behind other chunks is of another file
    mended = mended_head(store, len(fmt.SIGNATURE)) if signed else None
    if mended is not None:
        payload, at = mended
        found = Rescue(parse_head(payload, f"{name}: header"), len(fmt.SIGNATURE) + len(payload) + CHUNK_EXTRA)
        found.note(f"byte {at} of its header is damaged; its checksum says what it was")
        return found
    if not signed:
        check_signature(store.read(0, 64), name)
    raise DamagedFile(f"{name}: its header is damaged or missing; nothing in it can be read")


def _enter_gop(found: Rescue, payload: bytes, at: int, frame: int) -> int:
    """Add a whole GOP to the index, unless it is a lie or goes back in time. Returns the next frame to come."""
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
    found.index.append(IndexEntry(at, len(payload), gop.first_frame, gop.frames, gop.count, int(gop.pts[0])))
    return gop.first_frame + gop.frames
