"""The benchmark: which measurements there are, in which order, and what is made of them.

Each measurement is kept (jobs.py), so a stopped benchmark goes on, and one that is repeated after a change measures
what the change can have changed. Yields events, prints nothing.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..codec.target import Target
from ..errors import OutputError, UsageError
from ..models.base import TokenModel
from ..video import open_source
from ..video.reference import CODECS
from . import curves
from .clips import Clip, stills_of
from .jobs import Job, coding_fingerprint, reference_fingerprint
from .measure import measure_content, measure_elastic, measure_fixed, measure_reference
from .results import Measured, summarise
from .write import write_results

THRESHOLDS = (0.015, 0.007, 0.003, 0.001)


@dataclass(frozen=True)
class Plan:
    """clips: what was named. thresholds: MSE on [-1, 1], those of the rate curves. figure_threshold: the one of
    Figure 4, one of them. size, duration: as `encode --size` and `--duration`. stills: pictures out of each clip.
    codecs: names of `video.reference.CODECS`. command: what a reader may type to have it again."""

    clips: tuple[Clip, ...]
    out: Path
    thresholds: tuple[float, ...] = THRESHOLDS
    figure_threshold: float = 0.007
    size: str = "fit256"
    duration: float | None = None
    stills: int = 2
    codecs: tuple[str, ...] = tuple(CODECS)
    command: str = ""

    def __post_init__(self) -> None:
        for threshold in self.thresholds:
            Target.threshold(threshold)
        if not self.thresholds:
            raise UsageError("--thresholds: there must be at least one")
        if self.figure_threshold not in self.thresholds:
            raise UsageError(f"--figure-threshold {self.figure_threshold:g}: must be one of the thresholds")
        unknown = [name for name in self.codecs if name not in CODECS]
        if unknown:
            raise UsageError(f"--codecs {unknown[0]}: is none of {', '.join(CODECS)}")


@dataclass(frozen=True)
class Planned:
    """Before the first measurement. weight: of all of them. jobs: how many, as far as known."""

    jobs: int
    weight: float


@dataclass(frozen=True)
class JobDone:
    """One more measurement is there. kept: from an earlier run."""

    what: str
    weight: float
    seconds: float
    kept: bool


@dataclass(frozen=True)
class Written:
    """The end: the files that were written, the page first."""

    files: tuple[Path, ...]
    results: dict[str, Any]


def run_bench(plan: Plan, model: TokenModel) -> Generator[Planned | JobDone | Written, None, None]:
    """Measure and write. Raises what reading the clips raises, and OutputError."""
    jobs_folder, work = plan.out / "work" / "jobs", plan.out / "work"
    try:
        jobs_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{plan.out}: cannot be made: {error.strerror}") from error
    clips = list(plan.clips)
    if plan.stills:
        videos = [clip for clip in plan.clips if not clip.still]
        clips += itertools.chain(*(stills_of(c, plan.stills, plan.size, plan.duration, work) for c in videos))
    bench = _Bench(plan, model, jobs_folder, [Measured(clip, _frames(clip, plan)) for clip in clips])
    yield Planned(*bench.size())
    yield from bench.do(bench.first_jobs())
    yield from bench.do(bench.fixed_jobs())
    results = summarise(plan, model.spec, bench.measured, bench.budgets)
    yield Written(tuple(write_results(results, plan.out)), results)


class _Bench:
    def __init__(self, plan: Plan, model: TokenModel, folder: Path, measured: list[Measured]) -> None:
        self.plan, self.model, self.folder, self.measured = plan, model, folder, measured
        spec = model.spec
        # `extra` says the precision, of which the digest knows nothing.
        self._code = (spec.name, spec.digest.hex(), getattr(model, "extra", {}), coding_fingerprint())
        self._others = reference_fingerprint()
        self._taken = (plan.size, plan.duration)
        self.budgets: dict[bool, list[int]] = {}

    def size(self) -> tuple[int, float]:
        """(measurements, weight) of all, as far as can be said before the budgets are known."""
        first = [job.weight for job, _, _ in self.first_jobs()]
        fixed = [self._weight(m, 1.2) * curves.BUDGETS for m in self.measured]
        return len(first) + len(fixed) * curves.BUDGETS, sum(first) + sum(fixed)

    def do(self, jobs: Iterator[tuple[Job, dict[Any, dict[str, Any]], Any]]) -> Iterator[JobDone]:
        """Run them or find them, and put each outcome where it belongs."""
        for job, where, key in jobs:
            begin = time.monotonic()
            outcome = job.kept(self.folder)
            kept = outcome is not None
            where[key] = outcome or job.do(self.folder)
            yield JobDone(job.what, job.weight, time.monotonic() - begin, kept)

    def _weight(self, m: Measured, each: float) -> float:
        return each * (m.frames + 5)

    def first_jobs(self) -> Iterator[tuple[Job, dict[Any, dict[str, Any]], Any]]:
        """Everything but the fixed budgets, the threshold of Figure 4 first."""
        plan, code = self.plan, self._code
        order = sorted(plan.thresholds, key=lambda t: (t != plan.figure_threshold, -t))
        etok = plan.out / "work" / "last.etok"
        for threshold in order:
            for m in self.measured:
                run = partial(measure_elastic, m.clip, Target.threshold(threshold), self.model, etok, *self._taken)
                key: tuple[Any, ...] = ("elastic", m.clip.digest, threshold, *code, *self._taken)
                weight = self._weight(m, (0.007 / threshold) ** 0.45)
                yield Job(f"{m.clip.name} at {threshold:g}", key, weight, run), m.elastic, threshold
        for m in self.measured:
            frames = self.model.spec.block_frames
            key = ("content", m.clip.digest, frames, *self._taken)
            run = partial(measure_content, m.clip, frames, *self._taken)
            yield Job(f"{m.clip.name} content", key, self._weight(m, 0.01), run), m.content, "content"
        for codec in plan.codecs:
            for m in self.measured:
                key = ("reference", m.clip.digest, codec, self._others, CODECS[codec].qualities, *self._taken)
                run = partial(measure_reference, m.clip, codec, *self._taken)
                yield Job(f"{m.clip.name} {codec}", key, self._weight(m, 0.3), run), m.references, codec

    def fixed_jobs(self) -> Iterator[tuple[Job, dict[Any, dict[str, Any]], Any]]:
        """Fixed budgets, of all clips and of all pictures: what blocks need that meet decides them."""
        etok = self.plan.out / "work" / "last.etok"
        for still in (False, True):
            of_kind = [m for m in self.measured if m.clip.still == still]
            found = [m.elastic[self.plan.figure_threshold] for m in of_kind]
            needs = [
                count // one["tiles"]  # a fixed count is that of each tile
                for one in found
                for count, met in zip(one["tokens"], one["met"], strict=True)
                if met
            ]
            counts = {max(count, self.model.spec.min_tokens) for count in curves.budgets(needs)}
            self.budgets[still] = sorted(counts)
            for count in self.budgets[still]:
                for m in of_kind:
                    key = ("fixed by tile", m.clip.digest, count, *self._code, *self._taken)
                    run = partial(measure_fixed, m.clip, count, self.model, etok, *self._taken)
                    yield Job(f"{m.clip.name} with {count} tokens", key, self._weight(m, 1.2), run), m.fixed, count


def _frames(clip: Clip, plan: Plan) -> int:
    if clip.still:
        return 1
    with open_source(clip.path, size=plan.size, duration=plan.duration) as source:
        return source.info.frames_estimate or sum(1 for _ in source.frames())
