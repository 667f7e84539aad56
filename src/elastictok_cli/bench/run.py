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
from ..errors import OutputError
from ..models.base import TokenModel
from ..video import open_source
from . import curves
from .clips import Clip, stills_of
from .jobs import Job, coding_fingerprint, reference_fingerprint
from .measure import measure_content, measure_elastic, measure_fixed, measure_reference
from .plan import Plan
from .results import Measured, summarise
from .write import write_results

# Seconds per frame that the kinds of measurement take on some machine: only their ratios count, for the time left.
ELASTIC_S, FIXED_S, REFERENCE_S, CONTENT_S = 1.0, 1.2, 0.3, 0.01
OVERHEAD_FRAMES = 5  # what a clip costs beside its frames


@dataclass(frozen=True, kw_only=True)
class Planned:
    """Before the first measurement. jobs, weight: the number of all measurements, and their weight, as far as known."""

    jobs: int
    weight: float


@dataclass(frozen=True, kw_only=True)
class JobDone:
    """One more measurement is there. kept: from an earlier run."""

    what: str
    weight: float
    seconds: float
    kept: bool


@dataclass(frozen=True, kw_only=True)
class Written:
    """The end: the files that were written, the page first."""

    files: tuple[Path, ...]
    results: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class _Task:
    """A job, and where its outcome belongs: in `outcomes`, under `key`."""

    job: Job
    outcomes: dict[Any, dict[str, Any]]
    key: Any


def run_bench(plan: Plan, model: TokenModel) -> Generator[Planned | JobDone | Written, None, None]:
    """Measure and write. Raises what reading the clips raises, and OutputError."""
    work = plan.out / "work"
    try:
        (work / "jobs").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{plan.out}: cannot be made: {error.strerror}") from error
    clips = list(plan.clips)
    if plan.stills:
        videos = [clip for clip in plan.clips if not clip.still]
        clips += itertools.chain(*(stills_of(c, plan.stills, plan.size, plan.duration, work) for c in videos))
    bench = _Bench(plan, model, work / "jobs", [Measured(clip, _frames(clip, plan)) for clip in clips])
    yield bench.planned()
    yield from bench.run(bench.first_tasks())
    yield from bench.run(bench.fixed_tasks())
    results = summarise(plan, model.spec, bench.measured, bench.budgets)
    yield Written(files=tuple(write_results(results, plan.out)), results=results)


class _Bench:
    """folder: where outcomes are kept."""

    def __init__(self, plan: Plan, model: TokenModel, folder: Path, measured: list[Measured]) -> None:
        self.plan, self.model, self.folder, self.measured = plan, model, folder, measured
        spec = model.spec
        # The digest is of the weights; the precision that they are held in is one of the header's fields.
        self._code = (spec.name, spec.digest.hex(), dict(model.header_fields), coding_fingerprint())
        perceptual = plan.perceptual
        self._scores = () if perceptual is None else (*perceptual.names, perceptual.ffmpeg.version)
        self._taken = (plan.size, plan.duration)
        self.budgets: dict[bool, list[int]] = {}  # by whether it is of pictures

    def planned(self) -> Planned:
        """How much there is to do, as far as can be said before the budgets are known."""
        first = [task.job.weight for task in self.first_tasks()]
        fixed = [_weight(m, FIXED_S) * curves.BUDGETS for m in self.measured]
        return Planned(jobs=len(first) + len(fixed) * curves.BUDGETS, weight=sum(first) + sum(fixed))

    def run(self, tasks: Iterator[_Task]) -> Iterator[JobDone]:
        """Run each job, or find its outcome, and put it where it belongs."""
        for task in tasks:
            begin = time.monotonic()
            outcome = task.job.kept(self.folder)
            kept = outcome is not None
            task.outcomes[task.key] = outcome or task.job.do(self.folder)
            yield JobDone(what=task.job.what, weight=task.job.weight, seconds=time.monotonic() - begin, kept=kept)

    def first_tasks(self) -> Iterator[_Task]:
        """Everything but the fixed budgets, the threshold of Figure 4 first."""
        plan = self.plan
        for threshold in sorted(plan.thresholds, key=lambda t: (t != plan.figure_threshold, -t)):
            for m in self.measured:
                yield self._elastic(m, threshold)
        for m in self.measured:
            frames = self.model.spec.block_frames
            job = Job(
                what=f"{m.clip.name} content",
                key=("content", m.clip.digest, frames, *self._taken),
                weight=_weight(m, CONTENT_S),
                run=partial(measure_content, m.clip, frames, *self._taken),
            )
            yield _Task(job=job, outcomes=m.content, key="content")
        fingerprint = reference_fingerprint()
        for codec in plan.codecs:
            for m in self.measured:
                decides = (codec.name, codec.build, codec.qualities, fingerprint, *self._scores)
                job = Job(
                    what=f"{m.clip.name} {codec.name}",
                    key=("reference", m.clip.digest, *decides, *self._taken),
                    weight=_weight(m, REFERENCE_S),
                    run=partial(measure_reference, m.clip, codec, *self._taken, plan.perceptual),
                )
                yield _Task(job=job, outcomes=m.references, key=codec.name)

    def _elastic(self, m: Measured, threshold: float) -> _Task:
        target = Target.threshold(threshold)
        job = Job(
            what=f"{m.clip.name} at {threshold:g}",
            key=("elastic", m.clip.digest, threshold, *self._code, *self._scores, *self._taken),
            weight=_weight(m, ELASTIC_S * (0.007 / threshold) ** 0.45),
            run=partial(measure_elastic, m.clip, target, self.model, self._etok, *self._taken, self.plan.perceptual),
        )
        return _Task(job=job, outcomes=m.elastic, key=threshold)

    @property
    def _etok(self) -> Path:
        return self.plan.out / "work" / "last.etok"

    def fixed_tasks(self) -> Iterator[_Task]:
        """Fixed budgets, of all clips and of all pictures: what blocks need that meet decides them."""
        for still in (False, True):
            same_kind = [m for m in self.measured if m.clip.still == still]
            found = [m.elastic[self.plan.figure_threshold] for m in same_kind]
            needs = [
                count // one["tiles"]  # a fixed count is that of each tile
                for one in found
                for count, met in zip(one["tokens"], one["met"], strict=True)
                if met
            ]
            counts = {max(count, self.model.spec.min_tokens) for count in curves.budgets(needs)}
            self.budgets[still] = sorted(counts)
            for count in self.budgets[still]:
                for m in same_kind:
                    job = Job(
                        what=f"{m.clip.name} with {count} tokens",
                        key=("fixed by tile", m.clip.digest, count, *self._code, *self._taken),
                        weight=_weight(m, FIXED_S),
                        run=partial(measure_fixed, m.clip, count, self.model, self._etok, *self._taken),
                    )
                    yield _Task(job=job, outcomes=m.fixed, key=count)


def _weight(m: Measured, per_frame_s: float) -> float:
    return per_frame_s * (m.frames + OVERHEAD_FRAMES)


def _frames(clip: Clip, plan: Plan) -> int:
    if clip.still:
        return 1
    with open_source(clip.path, size=plan.size, duration=plan.duration) as source:
        return source.info.frames_estimate or sum(1 for _ in source.frames())
