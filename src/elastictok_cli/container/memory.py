"""Refuse pictures that cannot fit the memory of this machine, before anything is allocated.

A file of two kilobytes may claim 65,536 x 65,536 pixels. The system would not refuse the allocation; it would end this
process or another one later.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..errors import UnsupportedFile
from ..units import size
from .format import Header

CGROUP = Path("/sys/fs/cgroup/memory.max")
# The least that any model needs per pixel of a block's frames: its RGB, and as much again in tokens or planes. The
# bundled model needs several times as much. This check refuses what is impossible, not what is slow.
MIN_BYTES_PER_PIXEL = 8


def machine_bytes(read: Callable[[], str] = CGROUP.read_text) -> int | None:
    """Return the memory that this process may use, None if the system does not report it. read: the cgroup's limit."""
    try:
        physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None
    try:
        limit = read().strip()
    except OSError:
        return physical
    return min(physical, int(limit)) if limit.isdecimal() else physical


def check_size(header: Header, name: str) -> None:
    """Raise UnsupportedFile if the pictures of one block cannot fit the memory of this machine."""
    picture = header.geometry
    needed = picture.height * picture.width * header.block_frames * MIN_BYTES_PER_PIXEL
    available = machine_bytes()
    if available is not None and needed > available:
        raise UnsupportedFile(
            f"{name}: pictures of {picture.width}x{picture.height} need {size(needed)} of memory for a block of "
            f"{header.block_frames}, and there are {size(available)}; decode it on a larger machine"
        )
