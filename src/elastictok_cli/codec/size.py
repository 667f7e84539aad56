"""One threshold for a whole file, such that the file gets a given size: at most three passes over the source.

Bytes against threshold are a slightly bent line in logarithms. Its slope is first that of the blocks' own measured
candidates, then that between the passes.
Each pass is a whole .etok file; the largest one that is not over the size is kept.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..container import Header, Reader, Writer
from ..errors import OutputError, ThresholdMissed
from ..models.base import TokenModel
from ..units import size as in_words
from ..video import Source
from .encoder import encode
from .events import Event, Finished, PassDone, PassStarted, Probe, SizeReached, Tried, Warned
from .target import MSE_MOST, Target

PASSES = 3
CLOSE = 0.97  # of the size: near enough
AIM = 0.985
GOOD = 0.9  # of the size: to be left with that is no harm
LAST_AIM = 0.975  # of the last pass, where no pass before it is good
MUST_FIT = 0.95  # and where all before were over the size
LEAST, MOST = 1e-6, 0.99  # thresholds that are tried
DOUBT = 0.3
SLOPE = -1.2  # of bytes over threshold, both as logarithms, where no candidate says it
# What the slope changes by as the threshold grows by a factor of e: fewer bytes, steeper. Less than single clips have
# (-0.35 on average between 0.003 and 0.015, 15 training clips): with more, a pass from far away goes much too far.
BEND = -0.06
# On a ladder a block's own candidates are steeper than the file is, whose blocks all get a better past: 0.4 to 0.75
# on six clips of heldout at 128 lines.
OF_LADDER = 0.6
STEEPEST, FLATTEST = -3.0, -0.6
NEAR = math.log(2)  # candidates whose error is within an octave of the threshold tell the slope there
# Bits per pixel of usual clips at the default threshold: where the first pass starts.
USUAL_BPP, USUAL_THRESHOLD = 0.05, 0.007

Tell = Callable[[Tried], None]


@dataclass(frozen=True)
class _Pass:
    """One file. video: bytes of its tokens. fixed: others that count, which no threshold changes. goal: for both."""

    path: Path
    threshold: float
    slope: float
    finished: Finished
    video: int
    fixed: int
    goal: float

    @property
    def part(self) -> float:
        """Of the size that was asked for."""
        return (self.video + self.fixed) / self.goal


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
    tried: Tell | None = None,
) -> Generator[Event, None, None]:
    """As `encode`, into `output`, for `Target.size` and `Target.bpp`. header_for: HEAD for a target.

    The events of every pass come between a `PassStarted` and the next one; `SizeReached` and one `Finished`, of
    the file that is kept, end the run. Files of passes lie in a hidden folder beside the output until then.
    Raises as `encode`; ThresholdMissed if every pass is over the size, and then the smallest one is kept;
    OutputError if what no threshold changes is over it alone.
    """
    file = None if not isinstance(output, (str, os.PathLike)) else Path(output)
    passes: list[_Pass] = []
    told: set[str] = set()
    place = None if file is None else file.parent
    with tempfile.TemporaryDirectory(prefix=".elastictok-", dir=place) as folder:
        while len(passes) < PASSES:
            threshold = _first(source, model, header_for(target), target) if not passes else _next(passes)
            if threshold is None:
                break
            yield PassStarted(len(passes) + 1, PASSES, threshold)
            slopes = _Slopes(threshold, OF_LADDER if model.spec.steps else 1.0, tried)
            path = Path(folder) / f"{len(passes) + 1}.etok"
            header = header_for(replace(target, limit=threshold))
            finished: Finished | None = None
            with Writer(path, header) as writer:
                events = encode(
                    source, model, writer, replace(target, limit=threshold),
                    max_tokens=max_tokens, threads=threads, jobs=jobs, tried=slopes,
                )  # fmt: skip
                with closing(events):
                    for event in events:
                        if isinstance(event, Finished):
                            finished = event
                        elif not isinstance(event, Warned) or event.text not in told:
                            yield event
                        if isinstance(event, Warned):
                            told.add(event.text)
            assert finished is not None
            passes.append(_measured(path, threshold, slopes.mean(), finished, header, target))
            _drop(passes)
            yield PassDone(len(passes), threshold, finished.bytes_out, passes[-1].part)
        best = _best(passes)
        _hand_over(best.path, file, output)
    seconds = sum(one.finished.seconds for one in passes)
    yield SizeReached(len(passes), passes.index(best) + 1, best.threshold, best.part)
    yield replace(best.finished, seconds=seconds)
    if best.part > 1:
        raise ThresholdMissed(
            f"{file.name if file else 'output'}: {in_words(best.finished.bytes_out)}, over what was asked for by "
            f"{100 * (best.part - 1):.2g} % after {len(passes)} passes; it is kept, -f and a little less try again"
        )


def _first(source: Source, model: TokenModel, header: Header, target: Target) -> float:
    """Where to start: what usual clips need for so many bits per pixel. A model may say so itself (`usual_bpp`)."""
    usual = float(getattr(model, "usual_bpp", USUAL_BPP))
    frames = source.info.frames_estimate
    pixels = (frames or 0) * header.coded_size[0] * header.coded_size[1]
    bpp = target.value if target.kind == "bpp" else 8 * target.value / pixels if pixels else usual
    return float(min(max(USUAL_THRESHOLD * (bpp / usual) ** (1 / SLOPE), 0.0005), 0.1))


def _measured(path: Path, threshold: float, slope: float, finished: Finished, header: Header, target: Target) -> _Pass:
    with Reader(path) as reader:
        parts = reader.chunk_bytes
    sound = parts.get("sound", 0)
    spent, goal = finished.bytes_out, target.value
    if target.kind == "bpp":  # of the picture alone
        width, height = header.coded_size
        spent, goal = spent - sound, goal * finished.frames * width * height / 8
        sound = 0
    fixed = spent - parts["tokens"]
    if fixed >= goal:
        what = f"sound {in_words(sound)}, " if sound else ""
        raise OutputError(
            f"{in_words(goal)} is less than what is no tokens ({what}tables {in_words(fixed - sound)}); "
            f"{'--no-audio leaves the sound out' if sound else 'it cannot be reached'}"
        )
    return _Pass(path, threshold, slope, finished, parts["tokens"], fixed, goal)


def _next(passes: Sequence[_Pass]) -> float | None:
    """The threshold of the next pass; None if there is nothing more to gain."""
    last = passes[-1]
    if any(CLOSE <= one.part <= 1 for one in passes):
        return None
    safe = any(GOOD <= one.part <= 1 for one in passes)
    goal = math.log(max(1.0, AIM * last.goal - last.fixed))
    if len(passes) == PASSES - 1 and not safe:
        # Now it must fit, or what is left is far too small or too large: the further the nearest pass is away, the
        # less is known, and by its square.
        far = min(abs(_y(one) - goal) for one in passes)
        aim = LAST_AIM if any(one.part <= 1 for one in passes) else MUST_FIT
        goal = math.log(max(1.0, aim * math.exp(-DOUBT * far * far) * last.goal - last.fixed))
    points = sorted(passes, key=lambda one: abs(_y(one) - goal))
    nearest = points[0]
    slope = nearest.slope
    if len(points) > 1:
        reach = math.log(points[1].threshold / nearest.threshold)
        slope = (_y(points[1]) - _y(nearest)) / reach - BEND * reach / 2
    move = _move(min(max(slope, STEEPEST), FLATTEST), goal - _y(nearest))
    threshold = math.exp(min(max(math.log(nearest.threshold) + move, math.log(LEAST)), math.log(MOST)))
    known = [one.threshold for one in passes]
    return None if any(abs(math.log(threshold / other)) < 1e-4 for other in known) else threshold


def _y(one: _Pass) -> float:
    return math.log(max(1, one.video))


def _move(slope: float, rise: float) -> float:
    """How far to go for this rise, both in logarithms: the root of slope u + BEND / 2 u^2 = rise beside 0."""
    # Over the top of the parabola there is none; that far away nothing is known anyway, and its top is a fair guess.
    return (math.sqrt(max(0.0, slope * slope + 2 * BEND * rise)) + slope) / -BEND


def _best(passes: Sequence[_Pass]) -> _Pass:
    """The largest that is not over, or else the smallest."""
    below = [one for one in passes if one.part <= 1]
    return max(below, key=lambda one: one.part) if below else min(passes, key=lambda one: one.part)


def _drop(passes: Sequence[_Pass]) -> None:
    """Two whole files are enough on the disk."""
    for one in passes:
        if one is not _best(passes):
            one.path.unlink(missing_ok=True)


def _hand_over(path: Path, file: Path | None, output: object) -> None:
    if file is not None:
        os.replace(path, file)
        return
    with path.open("rb") as whole:
        shutil.copyfileobj(whole, output)  # type: ignore[arg-type]  # a binary stream, if it is no path


class _Slopes:
    """The slope of log tokens over log error at the threshold, from all blocks' candidates."""

    def __init__(self, threshold: float, scale: float, tell: Tell | None) -> None:
        self.threshold, self.scale, self.tell = threshold, scale, tell
        self._key: tuple[int, int] | None = None
        self._probes: list[Probe] = []
        self._sum = self._weight = 0.0

    def __call__(self, tried: Tried) -> None:
        if (tried.index, tried.tile) != self._key:
            self._close()
            self._key = (tried.index, tried.tile)
        self._probes.append(tried.probe)
        if self.tell is not None:
            self.tell(tried)

    def _close(self) -> None:
        at = [(math.log(p.mse), math.log(p.count), p.count) for p in self._probes if 0 < p.mse < MSE_MOST and p.count]
        self._probes = []
        near = [p for p in at if abs(p[0] - math.log(self.threshold)) < NEAR]
        if len(near) < 2:
            return
        x, y, counts = np.array(near).T
        spread = float(((x - x.mean()) ** 2).sum())
        if spread < 1e-6:
            return
        slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
        weight = float(counts.mean())
        self._sum += weight * min(max(slope, STEEPEST), FLATTEST)
        self._weight += weight

    def mean(self) -> float:
        """Weighted by tokens; a usual one where nothing was measured."""
        self._close()
        slope = self.scale * self._sum / self._weight if self._weight else SLOPE
        return min(max(slope, -2.0), -0.85)  # as seen on clips; a model's counts need not be in proportion to its bits
