"""`elastictok encode`: a video or picture to an .etok file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from . import options as opt
from .console import Console, Interrupted, plural
from .files import STREAM, source_of, target_of

if TYPE_CHECKING:
    from ..codec.target import Target

GOAL = "What to reach"
PICTURE = "What to code"


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
        typer.Option("--psnr", metavar="DB", help="The same as PSNR: 27.6 is 0.007.", rich_help_panel=GOAL),
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option("--tokens", metavar="N", help="Instead: exactly N tokens a block.", rich_help_panel=GOAL),
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", metavar="N", help="No block gets more than N, met or not.", rich_help_panel=GOAL),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="A block that misses is an error (exit 7).", rich_help_panel=GOAL)
    ] = False,
    picture_size: Annotated[
        str,
        typer.Option(
            "--size", metavar="SIZE", help="fit256, source, N (shorter side) or WxH.", rich_help_panel=PICTURE
        ),
    ] = "fit256",
    start: opt.Start = None,
    duration: opt.Duration = None,
    no_audio: opt.NoAudio = False,
    gop: Annotated[
        int | None,
        typer.Option("--gop", metavar="N", help="Blocks in a group that decodes alone (default: the model's)."),
    ] = None,
    search: Annotated[
        str, typer.Option("--search", metavar="NAME", help="fast, full, binned, binary or original.")
    ] = "fast",
    model: opt.Model = None,
    device: opt.Device = "auto",
    precision: opt.Precision = None,
    threads: Annotated[int, typer.Option("--threads", metavar="N", min=1, help="Candidates tried at once.")] = 2,
    force: opt.Force = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with OUTPUT.part; when interrupted, leave it for another --resume."),
    ] = False,
    json_lines: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    debug: opt.Debug = False,
) -> None:
    """Code a video or picture with as few tokens per block as its pictures allow.

    [bold]elastictok encode in.mp4[/bold]                           in.etok\n
    [bold]elastictok encode in.mp4 --psnr 32 --size source[/bold]   better, and every pixel\n
    [bold]cat in.mp4 | elastictok encode - > out.etok[/bold]        in a pipe
    """
    console = Console(quiet, verbose, json_lines)
    target = _target(threshold, psnr, tokens)
    opened = source_of(source)
    name = target_of(output, source, ".etok", force, json_lines)
    _check_stream(resume, name, max_tokens)
    part = Path(f"{name}.part")
    if name != STREAM and part.exists() and not resume:
        console.note(f"{part} is left of an interrupted run and is replaced; --resume goes on with it")

    from ..codec.encoder import encode as run
    from ..codec.events import Finished
    from ..codec.header import make_header
    from ..container import Writer
    from ..models.registry import load
    from ..video import open_source
    from .forecast import forecast, is_slow
    from .prepare import prepare
    from .progress import Display, follow
    from .summary import tell

    loaded = load(model, device, precision or "float32")
    prepare(loaded, console)
    out: str | BinaryIO = sys.stdout.buffer if name == STREAM else name
    with open_source(opened, size=picture_size, start=start, duration=duration) as video:
        header = make_header(video.info, loaded, target, search=search, gop_blocks=gop, audio=not no_audio)
        forecast(loaded, header, video.info.frames_estimate, False, console)
        writer, done = Writer.resume(name, header) if resume else (Writer(out, header), [])
        if done:
            console.line(f"going on after {plural(sum(gop.frames for gop in done), 'frame')} of {part}")
        display = Display(console)
        try:
            events = run(
                video,
                loaded,
                writer,
                target,
                max_tokens=max_tokens,
                threads=threads,
                strict=strict,
                done=done,
                tried=display.tried if is_slow(loaded) else None,
            )
            finished = follow(events, console, display)
        except KeyboardInterrupt:
            raise Interrupted(_interrupted(name, resume)) from None
        finally:
            writer.abort(keep_part=resume)
    assert isinstance(finished, Finished)
    tell(finished, header, name, start is None and duration is None, console)
    if finished.partial:
        from ..errors import PartialResult

        raise PartialResult(
            f"{source}: ends before it should; the {plural(finished.frames, 'frame')} that could be read are in {name}"
        )


def _target(threshold: float | None, psnr: float | None, tokens: int | None) -> Target:
    from ..codec.target import Target
    from ..errors import UsageError

    given = [n for n, v in (("--threshold", threshold), ("--psnr", psnr), ("--tokens", tokens)) if v is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} cannot both be the goal; leave {given[1]} out")
    if psnr is not None:
        return Target.psnr(psnr)
    if tokens is not None:
        return Target.fixed(tokens)
    return Target.threshold() if threshold is None else Target.threshold(threshold)


def _check_stream(resume: bool, name: str, max_tokens: int | None) -> None:
    from ..errors import UsageError

    if resume and name == STREAM:
        raise UsageError("--resume needs an output file; standard output cannot be gone on with")
    if max_tokens is not None and max_tokens < 1:
        raise UsageError(f"--max-tokens {max_tokens}: must be 1 or more")


def _interrupted(name: str, resume: bool) -> str:
    if name == STREAM:
        return "interrupted: what was written to standard output is not whole"
    if resume:
        return f"interrupted: {name}.part is kept; the same command goes on with it"
    return f"interrupted: {name}.part is removed, nothing else was touched (--resume would have kept it)"
