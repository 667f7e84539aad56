"""Pictures that no memory of this machine can hold are refused before anything is allocated.

A file of two kilobytes may claim 65,536 x 65,536 pixels. The system would not say no to them but end the process, or
another one, when it is too late.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..errors import UnsupportedFile
from ..units import size
from .format import Header

CGROUP = Path("/sys/fs/cgroup/memory.max")
# Bytes for a pixel of a block's frames that any model needs at the very least: its RGB, and the same once more in
# tokens or planes. The bundled model takes several times as many; what cannot be is meant here, not what is slow.
LEAST_DECODING = 8


def machine_bytes(read: Callable[[], str] = CGROUP.read_text) -> int | None:
    """Memory that this process may have; None if the system does not say. read: the container's limit."""
    try:
        most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None
    try:
        limit = read().strip()
    except OSError:
        return most
    return min(most, int(limit)) if limit.isdecimal() else most


def check_size(header: Header, name: str) -> None:
    """Raises UnsupportedFile if the pictures of one block are more than this machine can hold."""
    picture = header.geometry
    need = picture.height * picture.width * header.block_frames * LEAST_DECODING
    there = machine_bytes()
    if there is not None and need > there:
        raise UnsupportedFile(
            f"{name}: pictures of {picture.width}x{picture.height} need {size(need)} of memory for a block of "
            f"{header.block_frames}, and there are {size(there)}; decode it on a larger machine"
        )
