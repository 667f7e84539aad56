"""The inputs of a benchmark: clips and pictures that were named, and stills taken out of the clips."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import InputError
from ..units import one_line, utf8
from ..video import SinkOptions, open_sink, open_source
from ..video.inputs import PICTURES, VIDEOS

ENDINGS = VIDEOS | PICTURES


@dataclass(frozen=True)
class Clip:
    """One input. name: printable, unique among the clips. still: a picture, coded as one block of one frame."""

    name: str
    path: Path
    still: bool = False

    @cached_property
    def digest(self) -> str:
        """Of the file's bytes, 16 hexadecimal digits."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()[:16]


def find_clips(
    names: Sequence[str], size: str = "fit256", on_skip: Callable[[InputError], None] | None = None
) -> list[Clip]:
    """The named files, and of named folders every video and picture by its ending, in order of the names.

    on_skip: called for a file of a folder that cannot be read; None: that is an error, as it is for a file that was
    named. Raises InputError for a file that is not there or cannot be read, and if nothing is left.
    """
    clips: list[Clip] = []
    first: InputError | None = None
    for path in _files(names):
        try:
            with open_source(path, size=size) as source:
                still = source.info.is_still
        except InputError as error:
            if on_skip is None or path in map(Path, names):
                raise
            on_skip(error)
            first = first or error
            continue
        label, taken = one_line(utf8(path.stem)), {clip.name for clip in clips}
        name, number = label, 2
        while name in taken:
            name, number = f"{label}-{number}", number + 1
        clips.append(Clip(name, path, still))
    if not clips:
        raise first or InputError(f"{', '.join(names)}: no video or picture in it")
    return clips


def _files(names: Iterable[str]) -> Iterator[Path]:
    for name in names:
        path = Path(name)
        if path.is_dir():
            yield from sorted(p for p in path.iterdir() if p.suffix[1:].lower() in ENDINGS and p.is_file())
        elif path.is_file():
            yield path
        else:
            raise InputError(f"{name}: there is no such file")


def stills_of(clip: Clip, count: int, size: str, duration: float | None, folder: Path) -> list[Clip]:
    """`count` evenly spaced frames of a clip, as PNG pictures of the size that it is coded at. Made once."""
    made_of = hashlib.sha256(f"{clip.digest} {size} {duration}".encode()).hexdigest()[:12]
    numbers = range(1, count + 1)
    made = [Clip(f"{clip.name}@{i}", folder / f"still-{made_of}-{i}of{count}.png", True) for i in numbers]
    if all(still.path.exists() for still in made):
        return made
    with open_source(clip.path, size=size, duration=duration) as source:
        frames = sum(1 for _ in source.frames())
        wanted = {int((i + 0.5) * frames / count): still for i, still in reversed(list(enumerate(made)))}
        for number, frame in enumerate(source.frames()):
            if (still := wanted.get(number)) is not None:
                with open_sink(still.path, SinkOptions(overwrite=True), source.info) as sink:
                    sink.write(0, frame.rgb)
    return [still for still in made if still.path.exists()]
