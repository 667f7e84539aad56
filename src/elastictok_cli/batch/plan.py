"""Find the files of a batch: folders and URLs to pairs of source and output."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePath, PurePosixPath

from ..container import SUFFIX
from ..errors import InputError, UsageError
from . import lerobot, remote
from .items import Item, is_video


def plan(inputs: Iterable[str], pattern: str | None = None, folder: Path | None = None) -> list[Item]:
    """All files of the inputs, the largest first, so that no long one is left for the end. A folder's tree is mirrored.

    Of a LeRobot dataset, every episode of every camera is an item (lerobot.py).
    pattern: of files in folders, such as "**/*.mp4"; None for the usual suffixes of videos. folder: where the outputs
    go; X.mp4 and x.mp4 have two outputs if its file system tells capitals from small letters. Raises InputError for an
    input that is missing or empty, UsageError if two would be the same output or a pattern leaves the folder.
    """
    pattern = _checked(pattern) if pattern else None
    items: list[Item] = []
    for name in inputs:
        found = list(remote.files(name, pattern) if remote.is_url(name) else _files(name, pattern))
        if not found:
            wanted = f"that matches {pattern}" if pattern else "with a video's ending; `glob` finds others"
            raise InputError(f"{name}: no file in it {wanted}")
        items += found
    fold = str.lower if folder is None or ignores_case(folder) else str
    return sorted(_named(items, fold), key=lambda item: (-item.bytes, item.source))


def _checked(pattern: str) -> str:
    """A pattern that means the same whichever of `_files` and `remote.files` takes it."""
    path = PurePath(pattern)
    if path.anchor or not path.parts or ".." in path.parts:
        raise UsageError(f"`glob` {pattern}: must name files in the folder, as **/*.mp4 does")
    if any("**" in part and part != "**" for part in path.parts):
        raise UsageError(f"`glob` {pattern}: ** stands for folders, and nothing else between two /")
    return (path / "*" if path.parts[-1] == "**" else path).as_posix()


def _files(name: str, pattern: str | None) -> Iterator[Item]:
    path = Path(name)
    if not path.exists():
        raise InputError(f"{name}: there is no such file or folder")
    if not path.is_dir():
        if not path.is_file():
            raise InputError(f"{name}: is a device or a pipe, not a file")
        yield Item(name, path.name, path.stat().st_size)
        return
    if lerobot.is_dataset(path):
        yield from lerobot.episodes(path, pattern)
        return
    for file in sorted(path.glob(pattern or "**/*")):
        if file.is_file() and (pattern or is_video(file.name)):
            yield Item(str(file), file.relative_to(path).as_posix(), file.stat().st_size)


def ignores_case(folder: Path) -> bool:
    """Whether the file system of a folder, which need not exist yet, takes X and x for the same name."""
    for path in (folder.resolve(), *folder.resolve().parents):
        if path.exists() and path.name.swapcase() != path.name:
            return path.with_name(path.name.swapcase()).exists()
    return True  # nothing there tells; then two names that differ in case only are refused


def _named(items: list[Item], fold: Callable[[str], str]) -> Iterator[Item]:
    """Outputs end in .etok. Where two would then be the same, the suffix of the source stays."""
    short = Counter(fold(_output(item.output, False)) for item in items)
    seen: dict[str, str] = {}
    for item in items:
        output = _output(item.output, False)
        output = output if short[fold(output)] == 1 else _output(item.output, True)
        if fold(output) in seen:
            raise UsageError(
                f"{seen[fold(output)]} and {item.source} would both become {output}; encode them in separate runs"
            )
        seen[fold(output)] = item.source
        yield replace(item, output=output)


def _output(relative: str, whole: bool) -> str:
    path = PurePosixPath(relative)
    return str(path.with_name(f"{path.name if whole else path.stem}{SUFFIX}"))
