"""Find every fault of a file. `Reader` raises at the first one instead."""

from __future__ import annotations

import hashlib

import numpy as np

from ..errors import ElasticTokError
from .framing import TAIL_BYTES
from .reader import Reader
from .recovery import Finding


def check_file(reader: Reader) -> list[Finding]:
    """Check structure, checksums, times, index and file digest; [] if there is no fault.

    For a reader with recover=True the list starts with what recovery had to skip, and the index is not checked.
    """
    findings = list(reader.findings)
    last = None
    for number in range(len(reader.index)):
        try:
            gop = reader.gop(number)
        except ElasticTokError as error:
            findings.append(Finding(gop=number, text=_without_name(error, reader)))
            continue
        times = gop.pts if last is None else np.concatenate([[last], gop.pts])
        if (np.diff(times) <= 0).any():
            findings.append(Finding(gop=number, text=f"{reader.gop_name(number)}: its times do not rise"))
        last = gop.pts[-1]
    if reader.recover:
        return findings
    try:
        for _ in reader.items(video=False):
            pass
    except ElasticTokError as error:
        findings.append(Finding(text=_without_name(error, reader)))
    if not findings and _file_digest(reader) != reader.digest:
        findings.append(Finding(text="the file as a whole is not the one that was written (its digest differs)"))
    return findings


def _file_digest(reader: Reader) -> bytes:
    """Return the first 16 bytes of the SHA-256 of everything before TAIL, as TAIL has them."""
    total = hashlib.sha256()
    for piece in reader.store.pieces(0, reader.store.size - TAIL_BYTES):
        total.update(piece)
    return total.digest()[:16]


def _without_name(error: Exception, reader: Reader) -> str:
    return str(error).removeprefix(f"{reader.name}: ").split("; '")[0]
