"""`elastictok encode`: a video or picture to an .etok file."""

from __future__ import annotations

import re
import sys
from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from ..errors import InputError, PartialResult, UsageError
from . import options as opt
from .console import Console, Interrupted, plural
from .files import STREAM, source_of, target_of
from .settings import settings_of

if TYPE_CHECKING:
    from ..codec.settings import EncodeSettings
    from ..container import Header

GOAL = "Goal"
PICTURE = "Input"


def encode(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="A video or picture, or - for standard input.")],
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Default: INPUT's name with .etok; - for stdout."),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            "-t",
            metavar="MSE",
            help="Largest error of a block, pixels on [-1, 1] (default: 0.007).",
            rich_help_panel=GOAL,
        ),
    ] = None,
    psnr: Annotated[
        float | None,
        typer.Option("--psnr", metavar="DB", help="The same as a PSNR: 27.6 dB is 0.007.", rich_help_panel=GOAL),
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option(
            "--tokens",
            metavar="N",
            help="Instead: at most N tokens per block (per tile, with models that have tiles), close to N.",
            rich_help_panel=GOAL,
        ),
    ] = None,
    no_measure: Annotated[
        bool,
        typer.Option(
            "--no-measure",
            help="With --tokens: reconstruct and measure nothing; halves the time of an original model.",
            rich_help_panel=GOAL,
        ),
    ] = False,
    target_size: Annotated[
        str | None,
        typer.Option(
            "--target-size",
            metavar="SIZE",
            help="Instead: the best quality that fits into SIZE (1.5MB); takes up to three passes.",
            rich_help_panel=GOAL,
        ),
    ] = None,
    target_bpp: Annotated[
        float | None,
        typer.Option(
            "--target-bpp", metavar="X", help="As --target-size, in bits per coded pixel.", rich_help_panel=GOAL
        ),
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-tokens",
            metavar="N",
            help="At most N tokens per block (per tile, with models that have tiles), even if it misses the threshold.",
            rich_help_panel=GOAL,
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail if a block misses the threshold (exit 7).", rich_help_panel=GOAL)
    ] = False,
    percentile: Annotated[
        float,
        typer.Option(
            "--percentile",
            metavar="P",
            help="Fail if fewer than P % of the blocks meet the threshold (exit 7). Default: 0.",
            show_default=False,
            rich_help_panel=GOAL,
        ),
    ] = 0.0,
    picture_size: Annotated[
        str | None,
        typer.Option(
            "--size",
            metavar="SIZE",
            help="source, fitN (shorter side at most N), N (shorter side) or WxH (default: the model's).",
            rich_help_panel=PICTURE,
        ),
    ] = None,
    start: Annotated[float | None, opt.start(PICTURE)] = None,
    duration: Annotated[float | None, opt.duration(PICTURE)] = None,
    no_audio: Annotated[bool, opt.no_audio(PICTURE)] = False,
    gop: Annotated[
        int | None,
        typer.Option("--gop", metavar="N", help="Blocks per GOP, which decodes by itself (default: the model's)."),
    ] = None,
    search: Annotated[
        str,
        typer.Option(
            "--search",
            metavar="NAME",
            help="fast, full, binned, binary or original.",
            autocompletion=opt.complete_search,
        ),
    ] = "fast",
    effort: Annotated[
        str,
        typer.Option(
            "--effort",
            metavar="NAME",
            help="fast, default or best: smaller files for more time; best: mini tries longer where blocks miss.",
        ),
    ] = "default",
    model: opt.Model = None,
    device: opt.Device = "auto",
    precision: opt.Precision = None,
    jobs: opt.Jobs = None,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads", metavar="N", min=1, help="Threads of all processes together (default: one per core)."
        ),
    ] = None,
    force: opt.Force = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Continue OUTPUT.part, and keep it when interrupted."),
    ] = False,
    keep_curves: Annotated[
        bool,
        typer.Option("--keep-curves", help="Also write OUTPUT.curves.json: every candidate, for 'stats --rates'."),
    ] = False,
    whole_curves: Annotated[
        bool,
        typer.Option(
            "--whole-curves",
            help="As --keep-curves, with more candidates above and below the choice; several times slower.",
        ),
    ] = False,
    json_lines: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    debug: opt.Debug = False,
) -> None:
    """Encode a video or picture with as few tokens per block as the goal allows.

    [bold]elastictok encode in.mp4[/bold]                           in.etok\n
    [bold]elastictok encode in.mp4 --psnr 32 --size source[/bold]   better, and every pixel\n
    [bold]cat in.mp4 | elastictok encode - > out.etok[/bold]        in a pipe
    """
    settings = settings_of(locals())  # every option above, by its name
    console = Console(quiet, verbose, json_lines)
    _check_input(source)
    opened = source_of(source)
    name = target_of(output, source, ".etok", force, json_lines)
    keep_curves = keep_curves or whole_curves
    if keep_curves and name == STREAM:
        raise UsageError("--keep-curves writes beside the output; -o FILE names one")

    from ..codec.events import Event, Finished, Opened
    from ..codec.pipeline import encode_file
    from ..codec.prepare import prepare
    from ..codec.rate_control import MAX_PASSES
    from ..models.registry import load
    from .curves import keeping
    from .forecast import forecast
    from .progress import Display, follow
    from .summary import tell

    loaded = load(model, device, precision or "float32")
    prepare(loaded, console.note)
    out: str | BinaryIO = sys.stdout.buffer if name == STREAM else name
    display = Display(console)
    headers: list[Header] = []

    def forecasted(events: Generator[Event, None, None]) -> Generator[Event, None, None]:
        """The events but the first; in its place, a forecast is printed as soon as the source is open."""
        with closing(events):
            for event in events:
                if isinstance(event, Opened):
                    headers.append(event.header)
                    passes = MAX_PASSES if settings.target.is_size else 1
                    forecast(loaded, event.header, event.frames_estimate, False, console, passes)
                else:
                    yield event

    try:
        events = forecasted(
            encode_file(opened, out, loaded, settings, on_probe=display.on_probe if loaded.spec.slow else None)
        )
        finished = follow(keeping(events, name) if keep_curves else events, console, display)
    except KeyboardInterrupt:
        raise Interrupted(_interrupted(name, settings)) from None
    assert isinstance(finished, Finished)
    (header,) = headers
    if display.reached is not None:
        header = replace(header, threshold=display.reached.threshold)
    tell(finished, header, name, start is None and duration is None, console)
    if finished.partial:
        raise PartialResult(
            f"{source}: is damaged or ends before it should; "
            f"the {plural(finished.frames, 'frame')} that could be read are in {name}"
        )


def _check_input(source: str) -> None:
    """What is no video, and what was probably meant. Raises InputError."""
    path = Path(source)
    movie = "make a video of them first (ffmpeg -i %05d.png -c:v ffv1 out.mkv)"
    if source and path.is_dir():
        raise InputError(f"{source}: is a folder; 'elastictok batch' takes its videos; if it holds pictures, {movie}")
    if path.exists():
        return
    from ..video.inputs import PICTURES

    if re.search(r"%\d*d", path.name) or ("*" in path.name and path.suffix[1:].lower() in PICTURES):
        raise InputError(f"{source}: pictures with numbers are not read as a video; {movie}")
    if "*" in path.name:
        raise InputError(f"{source}: there is no such file; 'elastictok batch' takes many videos")


def _interrupted(name: str, settings: EncodeSettings) -> str:
    if settings.target.is_size:
        return "interrupted: no pass is kept, nothing else was touched"
    if name == STREAM:
        return "interrupted: what was written to standard output is not whole"
    if settings.resume:
        return f"interrupted: {name}.part is kept; the same command goes on with it"
    return f"interrupted: {name}.part is removed, nothing else was touched (--resume would have kept it)"
