"""Training clips, their split into training and validation, and their frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

VALIDATION_SHARE = 8  # one source in eight validates


@dataclass(frozen=True)
class Clip:
    """A clip or picture. source: its origin, so that no source is on both sides of the split."""

    path: Path
    source: str


def clips(folder: Path, pattern: str = "*.mp4") -> list[Clip]:
    """All clips of a folder, sorted by name. Their sources are read from SOURCES.train.tsv beside it, if it exists."""
    table = folder.parent / "SOURCES.train.tsv"
    sources: dict[str, str] = {}
    if table.exists():
        for row in table.read_text().splitlines()[1:]:
            cells = row.split("\t")
            sources[Path(cells[0]).name] = cells[1]
    return [Clip(p, sources.get(p.name, p.stem)) for p in sorted(folder.glob(pattern))]


def split(items: list[Clip]) -> tuple[list[Clip], list[Clip]]:
    """Split by source into (training, validation): every eighth of the sorted source names validates."""
    held = set(sorted({c.source for c in items})[::VALIDATION_SHARE])
    return [c for c in items if c.source not in held], [c for c in items if c.source in held]


def frames(path: Path, first: int, count: int, multiple: int = 16) -> npt.NDArray[np.uint8]:
    """`count` frames from frame `first` on (fewer at the end): uint8 (T, H, W, 3), padded by repeated edges."""
    out: list[npt.NDArray[np.uint8]] = []
    with av.open(str(path)) as container:
        for i, frame in enumerate(container.decode(video=0)):
            if i >= first:
                out.append(frame.to_ndarray(format="rgb24"))
            if len(out) == count:
                break
    v = np.stack(out)
    h, w = v.shape[1:3]
    return np.pad(v, ((0, 0), (0, -h % multiple), (0, -w % multiple), (0, 0)), mode="edge")


def frame_count(path: Path) -> int:
    """Number of frames of a clip, from its header or by decoding it."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return stream.frames or sum(1 for _ in container.decode(stream))


def blocks(v: npt.NDArray[np.uint8], size: int) -> Iterator[npt.NDArray[np.uint8]]:
    """Consecutive blocks of at most `size` frames."""
    for i in range(0, len(v), size):
        yield v[i : i + size]
