"""What every output has in common: its options, its life from the first frame to the last, its temporary file.

Everything is written under a temporary name in the same folder and renamed when it is whole; leaving the `with`
block by an exception removes it, and an output that existed stays as it was. Each format has a file of its own,
and formats.py opens the right one.
"""

from __future__ import annotations

import errno
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

import av.error

from ..atomic_file import commit, resolve_output
from ..errors import OutputError, UsageError
from ..types import AudioPacket, AudioTrack
from .geometry import Pixels
from .sound_tracks import AudioMode


@dataclass(frozen=True)
class SinkOptions:
    """How to write.

    codec: h264, hevc, av1, vp9 or ffv1 (lossless). crf: the codec's constant quality, lower is better. audio: "auto"
    copies sound where the container holds it and codes it anew elsewhere, "copy" never codes, "none" leaves it out.
    size: "coded" as the frames come, "source" enlarged to the size of the input. overwrite: an existing output is
    replaced. rebase: the first frame written is at time 0, not at its own (for a part of a video). end_pts:
    where the last frame ends, in the source's time base (`SourceInfo.end_pts`); None: a guess by its rate.
    """

    codec: str = "h264"
    crf: int = 14
    audio: AudioMode = "auto"
    size: Literal["coded", "source"] = "coded"
    overwrite: bool = False
    rebase: bool = False
    end_pts: int | None = None


class Shown(Protocol):
    """What a sink must know: a `SourceInfo`, or the header of an .etok file. Sizes are (width, height)."""

    @property
    def coded_size(self) -> tuple[int, int]: ...
    @property
    def source_size(self) -> tuple[int, int]: ...
    @property
    def rotation(self) -> int: ...
    @property
    def sar(self) -> Fraction: ...
    @property
    def colour(self) -> tuple[int, int, int, int]: ...
    @property
    def time_base(self) -> Fraction: ...
    @property
    def frame_rate(self) -> Fraction | None: ...
    @property
    def is_still(self) -> bool: ...
    @property
    def audio(self) -> Sequence[AudioTrack]: ...
    @property
    def languages(self) -> Sequence[str]: ...


class Sink(ABC):
    """An output in the making; made by `open_sink`. notes: decisions taken, one sentence each, growing."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.notes: list[str] = []
        self.frames = 0

    def write(self, pts: int, rgb: Pixels) -> None:
        """One frame. pts: in the source's time base, growing. rgb: uint8 (height, width, 3), coded size.

        Raises OutputError, after which the sink must be aborted (leaving its `with` block does).
        """
        with writing(self.name):
            self._write(pts, rgb)
        self.frames += 1

    def write_audio(self, packet: AudioPacket) -> None:
        """One packet of track `packet.stream`, copied. Outputs without sound take none."""
        with writing(self.name):
            self._write_audio(packet)

    def finish(self) -> None:
        """Make the output whole and give it its name. Raises OutputError if no frame was written."""
        if not self.frames:
            self.abort()
            raise OutputError(f"{self.name}: no frame was decoded, so nothing is written")
        try:
            with writing(self.name):
                self._finish()
        except BaseException:
            self.abort()
            raise

    @abstractmethod
    def abort(self) -> None:
        """Remove what was written so far. May be called twice, and after `finish`."""

    @abstractmethod
    def _write(self, pts: int, rgb: Pixels) -> None: ...

    def _write_audio(self, packet: AudioPacket) -> None:
        self._note("the sound is left out, since this format holds none; .mkv does")

    @abstractmethod
    def _finish(self) -> None: ...

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()
        else:
            self.abort()


@contextmanager
def writing(name: str) -> Iterator[None]:
    """Errors of the file system and of FFmpeg in the user's words."""
    try:
        yield
    except (av.error.FFmpegError, OSError) as error:
        if error.errno == errno.ENOSPC:
            raise OutputError(f"{name}: no space left on the disk; nothing of it is kept") from error
        raise OutputError(f"{name}: cannot be written ({(error.strerror or str(error)).lower()})") from error


class PartFile:
    """The temporary file beside an output, and its renaming. Raises OutputError where that may not be."""

    def __init__(self, path: Path, overwrite: bool) -> None:
        with writing(str(path)):
            path = resolve_output(path)
        self.path, self.overwrite = path, overwrite
        if not path.parent.is_dir():
            raise OutputError(f"{path}: the folder {path.parent} does not exist")
        self._refuse_existing()
        # From the root on, since FFmpeg takes "12:30.mp4" for a protocol; short, since a name has at most 255 bytes.
        self.part = path.parent.absolute() / f".{path.stem[:40]}.{secrets.token_hex(4)}.part"
        with writing(str(path)):
            self.part.touch(exist_ok=False)

    def _refuse_existing(self) -> None:
        if self.path.exists() and not self.overwrite:
            raise OutputError(f"{self.path}: already exists; -f replaces it")

    def keep(self) -> None:
        """Give it its name. Checked again: a file that has come up meanwhile is not replaced either."""
        self._refuse_existing()
        commit(self.part, self.path)

    def remove(self) -> None:
        """Remove it, if it is still there."""
        self.part.unlink(missing_ok=True)


def output_size(options: SinkOptions, info: Shown) -> tuple[int, int]:
    """(width, height) that frames are written with, before any turning."""
    if options.size not in ("coded", "source"):
        raise UsageError(f"`size` {options.size}: must be coded or source")
    return info.source_size if options.size == "source" else info.coded_size
