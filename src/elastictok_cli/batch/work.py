"""One piece of a batch, done wherever it is: a file, a range of a long one, or the file put together from ranges.

What goes wrong with a file comes back as an outcome: it is one line of the report and stops nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..codec.events import BlockDone, Finished
from ..codec.gop_ranges import CodedRange, assemble, code_range
from ..codec.header import make_header
from ..codec.pipeline import encode_file
from ..codec.settings import EncodeSettings
from ..codec.source import open_to_encode
from ..codec.worker_process import use_threads
from ..container import Reader, Writer, part_path
from ..container.format import SIGNATURE
from ..errors import ElasticTokError, OutputError, ThresholdMissed
from ..models.base import TokenModel
from . import remote
from .items import Episode
from .row import Row

RANGE_GOPS = 8  # a file of twice as many or more is split: about five minutes of work for a core
# Each range first reads what comes before it: 16 of them add 5 % to a file's work, hundreds would double it.
MOST_RANGES = 16

Tell = Callable[["Progress"], None]


@dataclass(frozen=True)
class Task:
    """item: number of the file. source: path or URL. output: path. split: into how many ranges a long file may go.

    part: (number of the first GOP, how many or None), or None for a whole file. ranges: its coded ranges, when
    it is to be put together. known: digest and settings of what an earlier run wrote there, if that is still there.
    replace: what is there may go, whoever made it. episode: which part of the source it is; None for all of it.
    """

    item: int
    source: str
    output: str
    split: int = 1
    part: tuple[int, int | None] | None = None
    ranges: tuple[CodedRange, ...] = ()
    known: tuple[str, str] | None = None
    replace: bool = False
    episode: Episode | None = None


@dataclass(frozen=True)
class Progress:
    """Frames coded since the last one."""

    item: int
    frames: int


@dataclass(frozen=True)
class Split:
    """The file is long: these ranges can be coded by themselves."""

    parts: tuple[tuple[int, int | None], ...]


@dataclass(frozen=True)
class Failed:
    """again: another try may go better."""

    text: str
    exit_code: int
    again: bool = False


Outcome = Row | Split | CodedRange | Failed


@dataclass(frozen=True)
class BatchJob:
    """Does tasks in another process; see `codec.workers.Job`. Sends `Progress`, then the outcome."""

    settings: EncodeSettings
    model: TokenModel

    def run(self, parts: Iterable[Any], threads: Callable[[], int], send: Callable[[Any], None]) -> None:
        """parts: one `Task`."""
        (task,) = parts
        use_threads(threads())
        send(do(task, self.settings, self.model.with_threads(threads()), send))


def do(task: Task, settings: EncodeSettings, model: TokenModel, tell: Tell) -> Outcome:
    """Raises nothing but what ends a process."""
    clock = time.monotonic()
    if (episode := task.episode) is not None:
        settings = replace(settings, start=episode.start, duration=episode.duration, about=episode.about)
    try:
        with remote.local(task.source) as path:
            if task.part is not None:
                return _range(task, path, settings, model, tell)
            outcome = _file(task, path, settings, model, tell)
    except ElasticTokError as error:
        return Failed(str(error), error.exit_code)
    except MemoryError:
        return Failed(f"{task.source}: out of memory; `size` N codes smaller pictures", 1)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return Failed(f"{where}{error.strerror or error}", 6, again=True)
    except Exception as error:
        return Failed(f"{task.source}: {type(error).__name__}: {error}; a fault in elastictok", 1)
    if not isinstance(outcome, Row):
        return outcome
    return replace(outcome, seconds=time.monotonic() - clock + sum(part.seconds for part in task.ranges))


def _file(task: Task, path: str, settings: EncodeSettings, model: TokenModel, tell: Tell) -> Row | Split:
    digest, described = remote.digest(path), settings.fingerprint(model)
    there = Path(task.output)
    if there.exists():
        if task.known == (digest, described) and (mark := _end_mark(there)):
            return Row(task.source, task.output, "skipped", digest=digest, settings=described, output_digest=mark)
        if task.known is None and not task.replace:
            raise OutputError(f"{task.output}: already exists and is not from an earlier batch; -f replaces it")
    there.parent.mkdir(parents=True, exist_ok=True)
    if not task.ranges:
        parts = _split(path, task, settings, model) if task.split > 1 else ()
        if parts:
            return Split(parts)

        # A run that was killed has left its own; two runs at once would be told apart by the writer.
        part_path(there).unlink(missing_ok=True)
        try:
            finished = _encode(task, path, replace(settings, threads=1, jobs=1, overwrite=True), model, tell)
        except ThresholdMissed as missed:
            if not settings.target.is_size:
                raise
            # The smallest is there: the report must know it, or the next run takes it for somebody else's.
            return Row(
                task.source,
                task.output,
                "failed",
                str(missed),
                missed.exit_code,
                digest,
                described,
                bytes_in=os.path.getsize(path),
                bytes_out=os.path.getsize(there),
                output_digest=_end_mark(there),
            )
    else:
        with (
            open_to_encode(path, model, settings) as source,
            Writer(task.output, make_header(source.info, model, settings)) as writer,
        ):
            finished = assemble(source, model, writer, task.ranges)
    with Reader(task.output) as reader:
        (width, height), output_digest = reader.header.coded_size, reader.digest.hex()
    error = "the source is damaged or ends before it should" if finished.partial else ""
    if task.episode is not None and finished.frames != task.episode.frames:
        error = f"{finished.frames} frames, and the dataset says {task.episode.frames}"
    return Row(
        task.source,
        task.output,
        "partial" if error else "done",
        error,
        8 if error else 0,
        digest,
        described,
        frames=finished.frames,
        width=width,
        height=height,
        blocks=finished.blocks,
        blocks_missed=finished.blocks_missed,
        tokens=finished.tokens,
        mse=finished.mse,
        duration_s=finished.duration_s,
        bytes_in=os.path.getsize(path),
        bytes_out=finished.bytes_out,
        output_digest=output_digest,
    )


def _encode(task: Task, path: str, settings: EncodeSettings, model: TokenModel, tell: Tell) -> Finished:
    """Encode a whole file here, and report its progress. Raises as `encode_file`."""
    finished: Finished | None = None
    with closing(encode_file(path, task.output, model, settings)) as events:
        for event in events:
            if isinstance(event, BlockDone):
                tell(Progress(task.item, event.frames))
            elif isinstance(event, Finished):
                finished = event
    assert finished is not None, "an encode ends with its totals or raises"
    return finished


def is_own(path: Path, before: Row) -> bool:
    """Whether what is there is what an earlier run left, or what a copy or a disk kept of that: its start."""
    if not before.bytes_out:  # of a file that failed, in a report that did not say
        return bool(before.digest)
    try:
        size = path.stat().st_size
        if size >= before.bytes_out:
            return size == before.bytes_out and before.output_digest in ("", _end_mark(path))
        with path.open("rb") as file:
            return file.read(len(SIGNATURE)) == SIGNATURE and not _end_mark(path)
    except OSError:
        return False


def _end_mark(path: Path) -> str:
    """The digest that ends an .etok file, hex; "" if it is none, or not whole."""
    try:
        with Reader(path) as reader:
            return reader.digest.hex()
    except ElasticTokError:
        return ""


def _split(path: str, task: Task, settings: EncodeSettings, model: TokenModel) -> tuple[tuple[int, int | None], ...]:
    """Ranges of a long file; none if it is not long, or needs several passes."""
    if settings.target.is_size:
        return ()
    with open_to_encode(path, model, settings) as source:
        header = make_header(source.info, model, settings)
        gops = (source.info.frames_estimate or 0) // (header.block_frames * header.gop_blocks)
    count = min(task.split, MOST_RANGES, gops // RANGE_GOPS)
    if count < 2:
        return ()
    each = -(-gops // count)
    starts = range(0, gops, each)
    return tuple((start, each if start + each < gops else None) for start in starts)


def _range(task: Task, path: str, settings: EncodeSettings, model: TokenModel, tell: Tell) -> CodedRange:
    assert task.part is not None
    with open_to_encode(path, model, settings) as source:
        return code_range(source, model, settings, *task.part, lambda block: tell(Progress(task.item, block.frames)))
