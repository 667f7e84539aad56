"""One threshold for a whole file, such that the file gets a given size: the work of at most three passes over it.

A pass that has another one to look back at is steered: its blocks get slightly different thresholds (aim.py), of which
the loosest is the file's. Every pass is an .etok file; the largest one that is not over the size is kept.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from ..atomic_file import commit, resolve_output, translate_os_errors
from ..container import Gop, Header, Reader, Writer
from ..errors import ThresholdMissed, UsageError
from ..models.base import TokenModel
from ..units import size as in_words
from ..video import Source
from .aim import CLOSE, PASSES, SLOPE, Course, Known, Slopes, must_fit, next_pass
from .encoder import encode
from .events import BlockDone, Event, Finished, PassDone, PassStarted, SizeReached, Tried, Warned
from .jobs import AHEAD
from .target import Target

# On a ladder a block's own candidates are steeper than the file is, whose blocks all get a better past: 0.4 to 0.75
# on six clips of heldout at 128 lines.
OF_LADDER = 0.6
FAR = 1.3  # a threshold looser by this that saves less than a pass may miss the size by is at the model's end
# Bits per pixel of usual clips at the default threshold: where the first pass starts.
USUAL_THRESHOLD = 0.007


@dataclass(frozen=True)
class _Pass:
    """A file. threshold: the loosest of its blocks."""

    number: int
    path: Path
    threshold: float
    known: Known
    finished: Finished


def encode_to_size(
    source: Source,
    model: TokenModel,
    output: str | os.PathLike[str] | BinaryIO,
    header_for: Callable[[Target], Header],
    target: Target,
    *,
    max_tokens: int | None = None,
    threads: int = 2,
    jobs: int = 1,
    tried: Callable[[Tried], None] | None = None,
) -> Generator[Event, None, None]:
    """As `encode`, into `output`, for `Target.size` and `Target.bpp`. header_for: HEAD for a target.

    The events of every pass come between a `PassStarted` and its `PassDone`; `SizeReached` and one
    `Finished`, of the file that is kept, end the run. Files of passes lie in a hidden folder beside the output until
    then. Raises as `encode`; ThresholdMissed if every pass is over the size, and then the smallest one is kept;
    UsageError if what no threshold changes is over it alone.
    """
    file = None
    if isinstance(output, (str, os.PathLike)):
        with translate_os_errors(output):
            file = resolve_output(output)
    with _folder(file) as folder:
        search = _Search(source, model, header_for, target, Path(folder))
        while (course := search.next_course()) is not None:
            yield from search.run(course, max_tokens, threads, jobs, tried)
        best = search.best
        _hand_over(best.path, file, output)
    passes, part = len(search.passes), best.known.part
    yield SizeReached(passes, best.number, best.threshold, part)
    yield replace(best.finished, seconds=search.seconds)
    if part > 1:
        raise ThresholdMissed(
            f"{file.name if file else 'output'}: {in_words(best.finished.bytes_out)}, over what was asked for by "
            f"{100 * (part - 1):.2g} % after {passes} passes; it is kept, {search.advice}"
        )


class _Search:
    """The passes so far. frames: of the source, None if not known yet."""

    def __init__(
        self, source: Source, model: TokenModel, header_for: Callable[[Target], Header], target: Target, folder: Path
    ) -> None:
        self.source, self.model, self.header_for = source, model, header_for
        self.target, self.folder = target, folder
        self.passes: list[_Pass] = []
        self.told: set[str] = set()  # warnings
        self.frames = source.info.frames_estimate
        self.seconds = 0.0

    def next_course(self) -> Course | None:
        """Of the next pass; None at the end."""
        gop_blocks = self.header_for(self.target).gop_blocks
        if not self.passes:
            return Course(self._first(), SLOPE, None, gop_blocks)
        if len(self.passes) == PASSES:
            return None
        is_last = len(self.passes) == PASSES - 1
        known = [one.known for one in self.passes]
        if (found := next_pass(known, is_last)) is None:
            return None
        nearest = min(known, key=lambda one: abs(math.log(one.part)))
        return Course(*found, nearest, gop_blocks, must_fit(known, is_last))

    def run(
        self, course: Course, max_tokens: int | None, threads: int, jobs: int, tried: Callable[[Tried], None] | None
    ) -> Generator[Event, None, None]:
        """One pass."""
        number, threshold, clock = len(self.passes) + 1, course.threshold, time.monotonic()
        yield PassStarted(number, PASSES, threshold)
        target = replace(self.target, limit=threshold)
        header = self.header_for(target)
        path, coded = self.folder / f"{number}.etok", self.folder / f"{number}.coded"
        slopes = Slopes(threshold, OF_LADDER if self.model.spec.steps else 1.0, tried)
        finished: Finished | None = None
        with Writer(coded, header) as writer:
            events = encode(
                self.source, self.model, writer, target,
                max_tokens=max_tokens, threads=threads, jobs=self._jobs(course, header, jobs), tried=slopes,
                wishes=course.wish,
            )  # fmt: skip
            with closing(events):
                for event in events:
                    match event:
                        case Finished():
                            finished = event
                            continue
                        case BlockDone():
                            course.add(event)
                        case Warned():
                            if event.text in self.told:
                                continue
                            self.told.add(event.text)
                    yield event
        assert finished is not None, "an encode ends with its totals or raises"
        self.seconds += time.monotonic() - clock
        self.frames = finished.frames
        loosest = max(course.limits)
        finished = replace(finished, bytes_out=_say_threshold(coded, loosest, path))
        known = _known(path, slopes.mean(), course, finished, header, self.target)
        self.passes.append(_Pass(number, path, loosest, known, finished))
        self._drop()
        yield PassDone(number, loosest, finished.bytes_out, known.part)

    @property
    def best(self) -> _Pass:
        """The largest that is not over, or else the smallest."""
        below = [one for one in self.passes if one.known.part <= 1]
        return max(below, key=_part) if below else min(self.passes, key=_part)

    @property
    def advice(self) -> str:
        """What to do if all passes are over."""
        *_, loosest = by_threshold = sorted(self.passes, key=lambda one: one.threshold)
        tighter = by_threshold[-2:][0]
        if loosest.threshold > FAR * tighter.threshold and _part(loosest) > CLOSE * _part(tighter):
            return "and a looser threshold made it hardly smaller; try a little less with -f, or a smaller --size"
        return "-f and a little less try again"

    def _drop(self) -> None:
        """One file is enough on the disk."""
        for one in self.passes:
            if one is not self.best:
                one.path.unlink(missing_ok=True)

    def _first(self) -> float:
        """Where to start: what usual clips need for so many bits per pixel. A model may say so itself (`usual_bpp`)."""
        usual = self.model.spec.usual_bpp
        width, height = self.header_for(self.target).coded_size
        pixels = (self.frames or 0) * width * height
        value = self.target.value
        bpp = value if self.target.kind == "bpp" else 8 * value / pixels if pixels else usual
        return float(min(max(USUAL_THRESHOLD * (bpp / usual) ** (1 / SLOPE), 0.0005), 0.1))

    def _jobs(self, course: Course, header: Header, jobs: int) -> int:
        """Steering learns from whole GOPs if there are several jobs: they must be many more than those on their way."""
        gops = (self.frames or 0) / (header.gop_blocks * header.block_frames)
        return jobs if course.before is None or gops >= 3 * (jobs + AHEAD) else 1


def _part(one: _Pass) -> float:
    return one.known.part


def _goal(target: Target, header: Header, frames: int) -> float:
    """In bytes."""
    width, height = header.coded_size
    return target.value * frames * width * height / 8 if target.kind == "bpp" else target.value


def _known(path: Path, slope: float, course: Course, finished: Finished, header: Header, target: Target) -> Known:
    with Reader(path) as reader:
        parts = reader.chunk_bytes
    sound = parts.get("sound", 0)
    spent, goal = finished.bytes_out, _goal(target, header, finished.frames)
    if target.kind == "bpp":  # of the picture alone
        spent, sound = spent - sound, 0
    fixed = spent - parts["tokens"]
    if fixed >= goal:
        what = f"the sound alone takes {in_words(sound)}"
        if sound < goal:
            what = f"{'sound and tables' if sound else 'the tables'} alone take {in_words(fixed)}"
        advice = ", or leave the sound out with --no-audio" if sound else ""
        raise UsageError(f"{in_words(goal)} is too little: {what}; give --target-{target.kind} more{advice}")
    return course.finished(slope, parts["tokens"], fixed, goal)


def _say_threshold(coded: Path, threshold: float, path: Path) -> int:
    """Move a file and have it say the threshold that all its blocks were to meet. Returns its size."""
    with Reader(coded) as reader, Writer(path, replace(reader.header, threshold=threshold)) as writer:
        for item in reader.items():
            if isinstance(item, Gop):
                writer.write_gop(item)
            else:
                writer.write_audio(item)
        size = writer.finish()
    coded.unlink()
    return size


def _folder(file: Path | None) -> tempfile.TemporaryDirectory[str]:
    with translate_os_errors(file or "output"):
        return tempfile.TemporaryDirectory(prefix=".elastictok-", dir=None if file is None else file.parent)


def _hand_over(path: Path, file: Path | None, output: object) -> None:
    if file is not None:
        with translate_os_errors(file):
            commit(path, file)
        return
    with path.open("rb") as whole:
        shutil.copyfileobj(whole, output)  # type: ignore[arg-type]  # a binary stream, if it is no path
