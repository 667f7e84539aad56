"""`elastictok bench`: how good a model is on clips of the user's, beside other codecs, as figures and a page."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InputError, PartialResult, UsageError
from . import options as opt
from .console import Console, Interrupted, clock, plural

if TYPE_CHECKING:
    from ..bench import JobDone, Plan, Planned

PLAIN_EVERY_S = 30.0
STILLS = 2


def bench(
    clips: Annotated[list[str], typer.Argument(metavar="CLIP ...", help="Videos, pictures, or folders of them.")],
    out: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="Folder of the page, figures and numbers; a second run continues there.",
        ),
    ] = "results",
    thresholds: Annotated[
        str, typer.Option("--thresholds", metavar="LIST", help="Thresholds of the rate-distortion curves.")
    ] = "0.015,0.007,0.003,0.001",
    figure_threshold: Annotated[
        float | None,
        typer.Option("--figure-threshold", metavar="MSE", help="Threshold of Figure 4 (default: 0.007, or the first)."),
    ] = None,
    stills: Annotated[
        int, typer.Option("--stills", metavar="N", min=0, max=100, help="Pictures to take from each clip.")
    ] = STILLS,
    codecs: Annotated[
        str | None,
        typer.Option(
            "--codecs",
            metavar="LIST",
            help="x264, x265, svtav1, mjpeg; by an external ffmpeg vvenc, svtav1-p8, svtav1-p4; '' for none "
            "(default: all there are).",
        ),
    ] = None,
    ffmpeg: opt.FfmpegPath = None,
    picture_size: Annotated[
        str, typer.Option("--size", metavar="SIZE", help="source, fitN (shorter side at most N), N or WxH.")
    ] = "fit256",
    duration: Annotated[
        float | None, typer.Option("--duration", metavar="S", help="Only the first S seconds of each clip.")
    ] = None,
    model: opt.Model = None,
    device: opt.Device = "auto",
    precision: opt.Precision = None,
    json_lines: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Measure a model: the paper's Figure 4, rate-distortion beside other codecs, speed, what costs tokens.

    [bold]elastictok bench clips/[/bold]                         into results/; run again to continue\n
    [bold]elastictok bench a.mp4 --duration 1[/bold]             a quick look\n
    [bold]elastictok bench clips/ --model my.safetensors[/bold]  another model
    """
    console = Console(quiet, json_lines=json_lines)
    values = _thresholds(thresholds)
    usual = 0.007 if 0.007 in values or not values else values[0]
    figure = usual if figure_threshold is None else figure_threshold

    from ..bench import Plan, choose_codecs, choose_perceptual, find_clips
    from ..codec.prepare import load_compiled, prepare
    from ..models.registry import load
    from ..video.ffmpeg import find_ffmpeg

    unread: list[InputError] = []
    found = find_clips(clips, picture_size, unread.append)
    for error in unread:
        console.note(f"{error}; it is left out")
    loaded = load(model, device, precision or "float32")
    shown = ["elastictok bench CLIPS", f"--thresholds {thresholds}"]
    shown += [f"--duration {duration:g}"] if duration is not None else []
    shown += [f"--size {picture_size}"] if picture_size != "fit256" else []
    shown += [f"--model {Path(model).name}"] if model is not None else []
    shown += [f"--figure-threshold {figure_threshold:g}"] if figure_threshold is not None else []
    shown += [f"--stills {stills}"] if stills != STILLS else []
    shown += [f"--codecs {codecs!r}"] if codecs is not None else []
    shown += [f"--precision {precision}"] if precision is not None else []
    program = find_ffmpeg(ffmpeg)
    chosen, notes = choose_codecs(None if codecs is None else _names(codecs), program)
    plan = Plan(
        clips=tuple(found),
        out=Path(out),
        thresholds=values,
        figure_threshold=figure,
        size=picture_size,
        duration=duration,
        stills=stills,
        codecs=chosen,
        perceptual=choose_perceptual(program) if codecs != "" else None,
        command=" ".join(shown),
    )
    for text in notes:
        console.note(text)
    prepare(loaded, console.note)
    load_compiled(loaded)  # or the first clip's times would be those of loading them
    _run(plan, loaded, console)
    if unread:
        raise PartialResult(
            f"{plural(len(unread), 'file')} could not be read; the page covers the other {len(found):,}"
        )


def _run(plan: Plan, model: Any, console: Console) -> None:
    from ..bench import JobDone, Planned, Written, run_bench

    bar = _Bar(console)
    try:
        with closing(run_bench(plan, model)) as events, bar:
            for event in events:
                match event:
                    case Planned():
                        bar.begin(event)
                    case JobDone():
                        bar.done(event)
                    case Written(files=files):
                        written = files
    except KeyboardInterrupt:
        kept = plan.out / "work"
        raise Interrupted(f"interrupted: what is measured stays in {kept}; the same command goes on") from None
    console.line(f"{written[0]}: the page; {plural(len(written) - 1, 'file')} of figures and numbers beside it")


class _Bar:
    """Measurements done, and the time left by their weight; kept ones count for nothing in it."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.begun = self.last = time.monotonic()
        self.jobs = self.number = 0
        self.weight = self.passed = self.new = self.seconds = 0.0
        self._bar: Any = None
        self._task: Any = None

    def begin(self, planned: Planned) -> None:
        self.jobs, self.weight = planned.jobs, planned.weight
        if not self.console.shows_bar:
            return
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, Progress, TextColumn

        live = RichConsole(stderr=True, highlight=False)
        columns = (BarColumn(24), TextColumn("{task.description}", markup=False))
        self._bar = Progress(*columns, console=live, transient=True)
        self._task = self._bar.add_task(f"0/{self.jobs}", total=self.weight)
        self._bar.start()
        self.console.above(live)

    def done(self, job: JobDone) -> None:
        self.number += 1
        self.passed += job.weight
        if not job.kept:
            self.new += job.weight
            self.seconds += job.seconds
        if self.console.json_lines:
            record = {"type": "measured", "what": job.what, "seconds": round(job.seconds, 3), "kept": job.kept}
            self.console.emit(record)
        self.jobs, self.weight = max(self.jobs, self.number), max(self.weight, self.passed)
        text = f"{self.number}/{self.jobs}  {job.what}"
        if self.new:
            text += f"  eta {clock((self.weight - self.passed) * self.seconds / self.new)}"
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._task, description=text, total=self.weight, completed=self.passed)
        elif now - self.last >= PLAIN_EVERY_S:
            self.last = now
            self.console.line(text)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.stop()
            self.console.above(None)


def _thresholds(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError:
        raise UsageError(f"--thresholds {text}: must be numbers separated by commas, such as 0.007,0.003") from None


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in (part.strip() for part in text.split(",")) if name)
