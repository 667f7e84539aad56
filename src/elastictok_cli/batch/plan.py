"""What there is to do: files and folders, here or behind URLs, to pairs of source and output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePath, PurePosixPath

from ..container import SUFFIX
from ..errors import InputError, UsageError
from ..video.inputs import VIDEOS
from . import remote


@dataclass(frozen=True)
class Item:
    """One file. source: path or URL. output: where it goes, relative to the output folder. bytes: 0 if unknown."""

    source: str
    output: str
    bytes: int = 0


def plan(inputs: Iterable[str], pattern: str | None = None) -> list[Item]:
    """All files of the inputs, the largest first, so that none is left over at the end. A folder's tree is mirrored.

    pattern: of files in folders, such as "**/*.mp4"; None for usual endings of videos. Raises InputError for an input
    that is not there or holds nothing, UsageError where two would be the same output or a pattern leaves the folder.
    """
    pattern = _checked(pattern) if pattern else None
    items: list[Item] = []
    for name in inputs:
        found = list(remote.files(name, pattern) if remote.is_url(name) else _files(name, pattern))
        if not found:
            wanted = f"that matches {pattern}" if pattern else "with a video's ending; `glob` finds others"
            raise InputError(f"{name}: no file in it {wanted}")
        items += found
    return sorted(_named(items), key=lambda item: (-item.bytes, item.source))


def _checked(pattern: str) -> str:
    """A pattern that means the same whichever of `_files` and `remote.files` takes it."""
    path = PurePath(pattern)
    if path.anchor or not path.parts or ".." in path.parts:
        raise UsageError(f"`glob` {pattern}: must name files in the folder, as **/*.mp4 does")
    if any("**" in part and part != "**" for part in path.parts):
        raise UsageError(f"`glob` {pattern}: ** stands for folders, and nothing else between two /")
    return (path / "*" if path.parts[-1] == "**" else path).as_posix()


def matches(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """As `Path.glob` does, the whole of a relative path; `PurePath.match` takes any end of it."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(matches(parts[at:], pattern[1:]) for at in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and matches(parts[1:], pattern[1:])


def _files(name: str, pattern: str | None) -> Iterator[Item]:
    path = Path(name)
    if not path.exists():
        raise InputError(f"{name}: there is no such file or folder")
    if not path.is_dir():
        if not path.is_file():
            raise InputError(f"{name}: is a device or a pipe, not a file")
        yield Item(name, path.name, path.stat().st_size)
        return
    for file in sorted(path.glob(pattern or "**/*")):
        if file.is_file() and (pattern or is_video(file.name)):
            yield Item(str(file), file.relative_to(path).as_posix(), file.stat().st_size)


def is_video(name: str) -> bool:
    """By its ending."""
    return name.rpartition(".")[2].lower() in VIDEOS


def _named(items: list[Item]) -> Iterator[Item]:
    """Outputs end in .etok; where two would then be the same, the ending of the source stays."""
    short = Counter(_output(item.output, False).lower() for item in items)
    seen: dict[str, str] = {}
    for item in items:
        output = _output(item.output, False)
        output = output if short[output.lower()] == 1 else _output(item.output, True)
        if output.lower() in seen:
            raise UsageError(f"{seen[output.lower()]} and {item.source} would both be {output}; take one at a time")
        seen[output.lower()] = item.source
        yield Item(item.source, output, item.bytes)


def _output(relative: str, whole: bool) -> str:
    path = PurePosixPath(relative)
    return str(path.with_name(f"{path.name if whole else path.stem}{SUFFIX}"))
