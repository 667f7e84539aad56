"""`elastictok encode`: a video or picture to an .etok file."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from ..units import bytes_of
from . import options as opt
from .console import Console, Interrupted, plural
from .files import STREAM, source_of, target_of

if TYPE_CHECKING:
    from ..codec.target import Target
    from ..container import Header

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
        typer.Option(
            "--tokens",
            metavar="N",
            help="Instead: as near to N tokens a block (a tile, with models that tile) as they go, never more.",
            rich_help_panel=GOAL,
        ),
    ] = None,
    no_measure: Annotated[
        bool,
        typer.Option(
            "--no-measure",
            help="With --tokens: reconstruct nothing, tell no error; half the time with an original model.",
            rich_help_panel=GOAL,
        ),
    ] = False,
    target_size: Annotated[
        str | None,
        typer.Option(
            "--target-size",
            metavar="SIZE",
            help="Instead: the best that fits into SIZE (1.5MB), in the time of up to three passes.",
            rich_help_panel=GOAL,
        ),
    ] = None,
    target_bpp: Annotated[
        float | None,
        typer.Option("--target-bpp", metavar="X", help="The same, in bits per coded pixel.", rich_help_panel=GOAL),
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-tokens",
            metavar="N",
            help="No block (no tile, with models that tile) gets more than N, met or not.",
            rich_help_panel=GOAL,
        ),
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
    start: Annotated[float | None, opt.start(PICTURE)] = None,
    duration: Annotated[float | None, opt.duration(PICTURE)] = None,
    no_audio: Annotated[bool, opt.no_audio(PICTURE)] = False,
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
    jobs: opt.Jobs = None,
    threads: Annotated[
        int | None,
        typer.Option("--threads", metavar="N", min=1, help="Of all processes together (default: the cores)."),
    ] = None,
    force: opt.Force = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on with OUTPUT.part; when interrupted, leave it for another --resume."),
    ] = False,
    keep_curves: Annotated[
        bool,
        typer.Option("--keep-curves", help="Also write OUTPUT.curves.json: all candidates, for 'stats --rates'."),
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
    _check_input(source)
    target = target_of_options(threshold, psnr, tokens, target_size, target_bpp, no_measure)
    opened = source_of(source)
    name = target_of(output, source, ".etok", force, json_lines)
    _check(resume, strict, name, max_tokens, target, keep_curves)

    from ..container import Writer, part_path

    part = part_path(name)
    if name != STREAM and part.exists() and not resume and not target.is_size:
        console.note(f"{part} is left of an interrupted run and is replaced; --resume goes on with it")

    from ..codec.encoder import encode as run
    from ..codec.events import Finished
    from ..codec.header import make_header
    from ..codec.multipass import encode_to_size
    from ..codec.rate_control import MAX_PASSES
    from ..codec.workers import cores, jobs_for
    from ..models.registry import load
    from ..video import open_source
    from .curves import keeping
    from .forecast import forecast, is_slow
    from .prepare import prepare
    from .progress import Display, follow
    from .summary import tell

    loaded = load(model, device, precision or "float32")
    prepare(loaded, console)
    out: str | BinaryIO = sys.stdout.buffer if name == STREAM else name
    with open_source(opened, size=picture_size, start=start, duration=duration) as video:

        def header_for(goal: Target) -> Header:
            return make_header(
                video.info, loaded, goal, search=search, gop_blocks=gop, audio=not no_audio, max_tokens=max_tokens
            )

        header = header_for(target)
        forecast(loaded, header, video.info.frames_estimate, False, console, MAX_PASSES if target.is_size else 1)
        jobs = jobs or jobs_for(header, loaded, video.info.frames_estimate)
        threads = threads or max(jobs, cores())
        display = Display(console)
        on_probe = display.on_probe if is_slow(loaded) else None
        writer: Writer | None = None
        try:
            if target.is_size:
                events = encode_to_size(
                    video, loaded, out, header_for, target,
                    max_tokens=max_tokens, threads=threads, jobs=jobs, on_probe=on_probe,
                )  # fmt: skip
            else:
                writer, done = Writer.resume(name, header) if resume else (Writer(out, header), [])
                if done:
                    console.line(f"going on after {plural(sum(gop.frames for gop in done), 'frame')} of {part}")
                events = run(
                    video,
                    loaded,
                    writer,
                    target,
                    max_tokens=max_tokens,
                    threads=threads,
                    jobs=jobs,
                    strict=strict,
                    done=done,
                    on_probe=on_probe,
                )
            finished = follow(keeping(events, name) if keep_curves else events, console, display)
        except KeyboardInterrupt:
            raise Interrupted(_interrupted(name, resume, target)) from None
        finally:
            if writer is not None:
                writer.abort(keep_part=resume)
    assert isinstance(finished, Finished)
    if display.reached is not None:
        header = replace(header, threshold=display.reached.threshold)
    tell(finished, header, name, start is None and duration is None, console)
    if finished.partial:
        from ..errors import PartialResult

        raise PartialResult(
            f"{source}: is damaged or ends before it should; "
            f"the {plural(finished.frames, 'frame')} that could be read are in {name}"
        )


def _check_input(source: str) -> None:
    """What is no video, and what was probably meant. Raises InputError."""
    from ..errors import InputError

    path = Path(source)
    movie = "make a video of them first (ffmpeg -i %05d.png -c:v ffv1 out.mkv)"
    if source and path.is_dir():
        raise InputError(f"{source}: is a folder; 'elastictok batch' takes its videos; if it holds pictures, {movie}")
    if path.exists():
        return
    from ..video.suffixes import PICTURES

    if re.search(r"%\d*d", path.name) or ("*" in path.name and path.suffix[1:].lower() in PICTURES):
        raise InputError(f"{source}: pictures with numbers are not read as a video; {movie}")
    if "*" in path.name:
        raise InputError(f"{source}: there is no such file; 'elastictok batch' takes many videos")


def target_of_options(
    threshold: float | None,
    psnr: float | None,
    tokens: int | None,
    target_size: str | None,
    target_bpp: float | None,
    no_measure: bool = False,
) -> Target:
    from ..codec.target import Target
    from ..errors import UsageError

    goals: dict[str, float | str | None] = {
        "--threshold": threshold,
        "--psnr": psnr,
        "--tokens": tokens,
        "--target-size": target_size,
        "--target-bpp": target_bpp,
    }
    given = [name for name, value in goals.items() if value is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(given)} cannot both be the goal; leave {given[1]} out")
    if no_measure and tokens is None:
        raise UsageError("--no-measure goes with --tokens N; any other goal is met by measuring")
    if psnr is not None:
        return Target.psnr(psnr)
    if tokens is not None:
        return Target.fixed(tokens, not no_measure)
    if target_bpp is not None:
        return Target.bpp(target_bpp)
    if target_size is not None:
        try:
            return Target.size(bytes_of(target_size))
        except ValueError:
            raise UsageError(f"--target-size {target_size}: no size; 1.5MB, 800kB and 1500000 are") from None
    return Target.threshold() if threshold is None else Target.threshold(threshold)


def _check(resume: bool, strict: bool, name: str, max_tokens: int | None, target: Target, curves: bool) -> None:
    from ..errors import UsageError

    if target.is_size and (resume or strict):
        option, why = ("--resume", "one pass") if resume else ("--strict", "a threshold")
        raise UsageError(f"{option} needs {why}; with a size as the goal, leave it out")
    if resume and name == STREAM:
        raise UsageError("--resume needs an output file; standard output cannot be gone on with")
    if curves and name == STREAM:
        raise UsageError("--keep-curves writes beside the output; -o FILE names one")
    if max_tokens is not None and max_tokens < 1:
        raise UsageError(f"--max-tokens {max_tokens}: must be 1 or more")


def _interrupted(name: str, resume: bool, target: Target) -> str:
    if target.is_size:
        return "interrupted: no pass is kept, nothing else was touched"
    if name == STREAM:
        return "interrupted: what was written to standard output is not whole"
    if resume:
        return f"interrupted: {name}.part is kept; the same command goes on with it"
    return f"interrupted: {name}.part is removed, nothing else was touched (--resume would have kept it)"
