"""Recognise files that are no .etok, or that a newer elastictok wrote."""

from __future__ import annotations

from ..errors import DamagedFile, UnsupportedFile
from . import format as fmt

# Users sometimes name the video itself. The bytes are found in the first twelve of the file.
OTHER_FORMATS = {
    b"ftyp": "an mp4 or mov",
    b"\x1aE\xdf\xa3": "a Matroska or WebM",
    b"RIFF": "an AVI or WebP",
    b"\x89PNG": "a PNG",
    b"\xff\xd8\xff": "a JPEG",
    b"GIF8": "a GIF",
}


def check_signature(start: bytes, name: str) -> None:
    """Raise DamagedFile, with a hint if possible, unless the file starts like an .etok. start: its first 64 bytes."""
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
    guess = next((what for mark, what in OTHER_FORMATS.items() if mark in start[:12]), None)
    hint = f" but {guess} file; 'elastictok encode' makes an .etok of it" if guess else ""
    raise DamagedFile(f"{name}: not an .etok file{hint}")


def check_newer(kind: bytes, where: str) -> None:
    """Raise UnsupportedFile for an unknown chunk type in upper case, which changes what the file means.

    Readers may skip an unknown type in lower case.
    """
    if kind[:1].isupper():
        raise UnsupportedFile(
            f"{where}: chunk {kind.decode('latin-1')!r} is of a newer elastictok; update elastictok to read it"
        )
