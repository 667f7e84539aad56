"""Encode to a file of a given size, in at most three passes over the source with one threshold each.

From the second pass on, rate control gives the blocks of a pass slightly different thresholds; the largest of them is
the file's. Every pass makes an .etok file. The largest file that is not over the size is kept.
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
from ..container import Gop, Reader, Writer
from ..errors import ThresholdMissed, UsageError
from ..models.base import TokenModel
from ..units import size as in_words
from ..video import Source
from .encoder import encode
from .events import BlockDone, Event, Finished, PassDone, PassStarted, ProbeDone, SizeReached, Warned
from .header import make_header
from .rate_control import (
    CLOSE_RATIO,
    MAX_PASSES,
    USUAL_SLOPE,
    PassStats,
    RateController,
    SlopeEstimator,
    must_fit,
    next_pass,
)
from .settings import EncodeSettings
from .workers import AHEAD

# On a quantiser ladder, tokens fall more steeply over a block's own candidates than bytes fall over the thresholds of
# a file, where every block also gets a better reference: 0.4 to 0.75 on six clips of heldout at 128 lines.
LADDER_SCALE = 0.6
FAR = 1.3  # if a threshold larger by this factor saves almost nothing, the model cannot code the clip any smaller
USUAL_THRESHOLD = 0.007  # `ModelSpec.usual_bpp` is at this MSE


@dataclass(frozen=True, kw_only=True)
class _Pass:
    """A pass and its file. threshold: the largest of its blocks, MSE on [-1, 1]."""

    number: int
    path: Path
    threshold: float
    stats: PassStats
    finished: Finished


def encode_to_size(
    source: Source,
    model: TokenModel,
    output: str | os.PathLike[str] | BinaryIO,
    settings: EncodeSettings,
    *,
    on_probe: Callable[[ProbeDone], None] | None = None,
) -> Generator[Event, None, None]:
    """Encode a source for `Target.size` or `Target.bpp`; otherwise as `encode`.

    output: a path or a binary stream.

    The events of each pass come between its `PassStarted` and its `PassDone`. `SizeReached` and the `Finished` of the
    file that is kept end the run. The files of all passes lie in a hidden folder beside the output until then.

    Raises what `encode` raises; ThresholdMissed if every pass is over the size, after the smallest file was kept; and
    UsageError if the bytes that no threshold changes are over the size alone.
    """
    file = None
    if isinstance(output, (str, os.PathLike)):
        with translate_os_errors(output):
            file = resolve_output(output)
    with _folder(file) as folder:
        search = _PassSearch(source, model, settings, Path(folder))
        while (rate_controller := search.next()) is not None:
            yield from search.run(rate_controller, on_probe)
        best = search.best
        _hand_over(best.path, file, output)
    passes, fill_ratio = len(search.passes), best.stats.fill_ratio
    yield SizeReached(passes=passes, kept=best.number, threshold=best.threshold, fill_ratio=fill_ratio)
    yield replace(best.finished, seconds=search.seconds)
    if fill_ratio > 1:
        raise ThresholdMissed(
            f"{file.name if file else 'output'}: {in_words(best.finished.bytes_out)}, over what was asked for by "
            f"{100 * (fill_ratio - 1):.2g} % after {passes} passes; it is kept, {search.advice}"
        )


class _PassSearch:
    """The search for the threshold of the file: its passes so far. frames: of the source, None while unknown."""

    def __init__(self, source: Source, model: TokenModel, settings: EncodeSettings, folder: Path) -> None:
        self.source, self.model, self.settings, self.folder = source, model, settings, folder
        self.target, self.header = settings.target, make_header(source.info, model, settings)
        self.passes: list[_Pass] = []
        self.reported: set[str] = set()  # texts of warnings
        self.frames = source.info.frames_estimate
        self.seconds = 0.0

    def next(self) -> RateController | None:
        """Return the rate control of the next pass, or None if no further pass is worth it."""
        gop_blocks = self.header.gop_blocks
        if not self.passes:
            return RateController(self._first_threshold(), USUAL_SLOPE, None, gop_blocks)
        if len(self.passes) == MAX_PASSES:
            return None
        is_last = len(self.passes) == MAX_PASSES - 1
        stats = [one.stats for one in self.passes]
        if (found := next_pass(stats, is_last)) is None:
            return None
        nearest = min(stats, key=lambda one: abs(math.log(one.fill_ratio)))
        return RateController(*found, nearest, gop_blocks, must_fit(stats, is_last))

    def run(
        self, rate_controller: RateController, on_probe: Callable[[ProbeDone], None] | None
    ) -> Generator[Event, None, None]:
        """Encode the source once."""
        number, threshold, clock = len(self.passes) + 1, rate_controller.threshold, time.monotonic()
        yield PassStarted(number=number, max_passes=MAX_PASSES, threshold=threshold)
        settings = replace(
            self.settings, target=replace(self.target, limit=threshold), jobs=self._jobs(rate_controller)
        )
        path, coded = self.folder / f"{number}.etok", self.folder / f"{number}.coded"
        slope = SlopeEstimator(threshold, LADDER_SCALE if self.model.spec.num_qindex else 1.0, on_probe)
        finished: Finished | None = None
        with Writer(coded, make_header(self.source.info, self.model, settings)) as writer:
            events = encode(
                self.source,
                self.model,
                writer,
                settings,
                on_probe=slope,
                block_targets=rate_controller.block_target,
            )
            with closing(events):
                for event in events:
                    match event:
                        case Finished():
                            finished = event
                            continue
                        case BlockDone():
                            rate_controller.add(event)
                        case Warned():
                            if event.text in self.reported:
                                continue
                            self.reported.add(event.text)
                    yield event
        assert finished is not None, "an encode ends with its totals or raises"
        self.seconds += time.monotonic() - clock
        self.frames = finished.frames
        largest = max(rate_controller.thresholds)
        finished = replace(finished, bytes_out=_set_threshold(coded, largest, path))
        stats = self._stats(path, slope.mean(), rate_controller, finished)
        self.passes.append(_Pass(number=number, path=path, threshold=largest, stats=stats, finished=finished))
        self._remove_files()
        yield PassDone(number=number, threshold=largest, bytes_out=finished.bytes_out, fill_ratio=stats.fill_ratio)

    @property
    def best(self) -> _Pass:
        """The pass with the largest file that is not over the size, or else the one with the smallest file."""
        within = [one for one in self.passes if one.stats.fill_ratio <= 1]
        return max(within, key=_fill_ratio) if within else min(self.passes, key=_fill_ratio)

    @property
    def advice(self) -> str:
        """What the user can do if every pass is over the size."""
        *_, loosest = by_threshold = sorted(self.passes, key=lambda one: one.threshold)
        tighter = by_threshold[-2:][0]
        if loosest.threshold > FAR * tighter.threshold and _fill_ratio(loosest) > CLOSE_RATIO * _fill_ratio(tighter):
            return (
                "and a looser threshold made it hardly smaller; try a little less and `overwrite`, or a smaller `size`"
            )
        return "`overwrite` and a little less try again"

    def _remove_files(self) -> None:
        """Remove all files but the best, so that only one takes space on the disk."""
        for one in self.passes:
            if one is not self.best:
                one.path.unlink(missing_ok=True)

    def _first_threshold(self) -> float:
        """Return the threshold at which usual clips need the bits per pixel that are asked for."""
        usual = self.model.spec.usual_bpp
        width, height = self.header.coded_size
        pixels = (self.frames or 0) * width * height
        value = self.target.value
        bpp = value if self.target.kind == "bpp" else 8 * value / pixels if pixels else usual
        return float(min(max(USUAL_THRESHOLD * (bpp / usual) ** (1 / USUAL_SLOPE), 0.0005), 0.1))

    def _jobs(self, rate_controller: RateController) -> int:
        """Return how many processes may encode this pass.

        With several, rate control learns from whole GOPs: there must be many more GOPs than are coded at a time.
        """
        jobs = self.settings.jobs or 1
        gops = (self.frames or 0) / (self.header.gop_blocks * self.header.block_frames)
        return jobs if rate_controller.previous is None or gops >= 3 * (jobs + AHEAD) else 1

    def _stats(self, path: Path, slope: float, rate_controller: RateController, finished: Finished) -> PassStats:
        """Measure the file of a pass. Raises UsageError if what no threshold changes is over the size alone."""
        with Reader(path) as reader:
            parts = reader.chunk_bytes
        width, height = self.header.coded_size
        sound = parts.get("sound", 0)
        counted, target_bytes = finished.bytes_out, self.target.value
        if self.target.kind == "bpp":  # counts the picture only
            target_bytes = self.target.value * finished.frames * width * height / 8
            counted, sound = counted - sound, 0
        fixed = counted - parts["tokens"]
        if fixed >= target_bytes:
            what = f"the sound alone takes {in_words(sound)}"
            if sound < target_bytes:
                what = f"{'sound and tables' if sound else 'the tables'} alone take {in_words(fixed)}"
            advice = ", or leave out the sound" if sound else ""
            option = f"`target_{self.target.kind}`"
            raise UsageError(f"{in_words(target_bytes)} is too small: {what}; use a larger {option}{advice}")
        return rate_controller.stats(slope, parts["tokens"], fixed, target_bytes)


def _fill_ratio(one: _Pass) -> float:
    return one.stats.fill_ratio


def _set_threshold(coded: Path, threshold: float, path: Path) -> int:
    """Move a file and change the threshold in its header to the one that all its blocks meet. Return its size."""
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
