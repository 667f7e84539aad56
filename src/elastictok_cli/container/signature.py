"""Files that are not what they should be: no .etok at all, or one of a newer elastictok."""

from __future__ import annotations

from ..errors import DamagedFile, UnsupportedFile
from . import format as fmt

# A likely slip is to hand over the video itself.
MARKS = {
    b"ftyp": "an mp4 or mov",
    b"\x1aE\xdf\xa3": "a Matroska or WebM",
    b"RIFF": "an AVI or WebP",
    b"\x89PNG": "a PNG",
    b"\xff\xd8\xff": "a JPEG",
    b"GIF8": "a GIF",
}


def check_signature(start: bytes, name: str) -> None:
    """start: the first bytes of a file (64 will do). DamagedFile, with a hint where they give one."""
    if start.startswith(fmt.SIGNATURE):
        return
    if not start:
        raise DamagedFile(f"{name}: the file is empty")
    if fmt.SIGNATURE.startswith(start):
        raise DamagedFile(f"{name}: incomplete, it ends inside its first {len(fmt.SIGNATURE)} bytes")
    if start[1:4] == fmt.SIGNATURE[1:4]:
        raise DamagedFile(
            f"{name}: its first bytes are damaged, as by a transfer in text mode; copy it again as binary"
        )
    guess = next((what for mark, what in MARKS.items() if mark in start[:12]), None)
    hint = f" but {guess} file; 'elastictok encode' makes an .etok of it" if guess else ""
    raise DamagedFile(f"{name}: not an .etok file{hint}")


def check_newer(kind: bytes, where: str) -> None:
    """An unknown chunk: lower case may be skipped, upper case changes what the file means (UnsupportedFile)."""
    if kind[:1].isupper():
        raise UnsupportedFile(
            f"{where}: chunk {kind.decode('latin-1')!r} is of a newer elastictok; update elastictok to read it"
        )
