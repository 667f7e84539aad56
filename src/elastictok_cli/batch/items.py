"""One piece of work of a batch, and which files of a folder belong to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ..video.inputs import VIDEOS


@dataclass(frozen=True, kw_only=True)
class Episode:
    """A part of a video that is a clip of its own.

    start, duration: in seconds. frames: how many it must have. about: JSON values for the header of its .etok.
    """

    start: float
    duration: float
    frames: int
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Item:
    """One file, or one episode in a file.

    source: path or URL. output: where it goes, relative to the output folder. bytes: of the source, those of the
    episode; 0 if unknown.
    """

    source: str
    output: str
    bytes: int = 0
    episode: Episode | None = None


def matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """As `Path.glob` does, the whole of a relative path; `PurePath.match` takes any end of it."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(matches(parts[at:], pattern[1:]) for at in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and matches(parts[1:], pattern[1:])


def is_video(name: str) -> bool:
    """By its ending."""
    return name.rpartition(".")[2].lower() in VIDEOS
