"""What is wrong with a file, all of it, where `Reader` stops at the first."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..errors import DamagedFile, ElasticTokError
from .chunks import TAIL_BYTES

if TYPE_CHECKING:
    from .reader import Reader

PIECE = 1 << 20


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. gop: its number, None if it is not in one."""

    gop: int | None
    text: str


def verify(reader: Reader) -> list[Finding]:
    """Structure, checksums, times, index, file digest. A reader in recovery adds what it had to pass over."""
    findings = list(reader.findings)
    last = None
    for number in range(len(reader.index)):
        try:
            gop = reader.gop(number)
        except ElasticTokError as error:
            findings.append(Finding(number, _without_name(error, reader)))
            continue
        times = gop.pts if last is None else np.concatenate([[last], gop.pts])
        if (np.diff(times) <= 0).any():
            findings.append(Finding(number, f"{reader.place(number)}: its times do not rise"))
        last = gop.pts[-1]
    if reader.recover:
        return findings
    try:
        for _ in reader.items(video=False):
            pass
    except ElasticTokError as error:
        findings.append(Finding(None, _without_name(error, reader)))
    if not findings and file_digest(reader) != reader.digest:
        findings.append(
            Finding(
                None,
                "the file as a whole is not the one that was written (its digest differs)",
            )
        )
    return findings


def file_digest(reader: Reader) -> bytes:
    """First 16 bytes of the SHA-256 of everything before TAIL, as TAIL must say."""
    total, at, end = hashlib.sha256(), 0, reader.store.size - TAIL_BYTES
    while at < end:
        piece = reader.store.read(at, min(PIECE, end - at))
        if not piece:
            raise DamagedFile(f"{reader.name}: became shorter while it was read")
        total.update(piece)
        at += len(piece)
    return total.digest()[:16]


def _without_name(error: Exception, reader: Reader) -> str:
    return str(error).removeprefix(f"{reader.name}: ").split("; '")[0]
