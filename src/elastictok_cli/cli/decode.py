"""`elastictok decode`: an .etok file to a video, a picture or numbered pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, BinaryIO, cast

import typer

from ..errors import PartialResult
from . import options as opt
from .console import Console, Interrupted, clock, plural, size
from .files import STREAM, source_of, target_of

OUT = "Output"


def decode(
    source: opt.EtokFile,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="mp4, mkv, mov, webm, gif, y4m, png, frames/%05d.png (default: FILE.decoded.mp4); - is y4m on stdout.",
        ),
    ] = None,
    start: opt.Start = None,
    duration: opt.Duration = None,
    codec: Annotated[
        str,
        typer.Option("--codec", metavar="NAME", help="h264, hevc, av1 or ffv1 (lossless).", rich_help_panel=OUT),
    ] = "h264",
    crf: Annotated[
        int, typer.Option("--crf", metavar="Q", help="Quality of the codec; 0 is best.", rich_help_panel=OUT)
    ] = 14,
    picture_size: Annotated[
        str,
        typer.Option(
            "--size", metavar="SIZE", help="coded, or source (scaled to the size of the input).", rich_help_panel=OUT
        ),
    ] = "coded",
    audio: Annotated[
        str,
        typer.Option(
            "--audio",
            metavar="HOW",
            help="copy, none, or auto: copy where the format allows it, otherwise AAC.",
            rich_help_panel=OUT,
        ),
    ] = "auto",
    keep: Annotated[
        str | None,
        typer.Option(
            "--keep",
            metavar="N|P%",
            help="Use only the first N tokens of each block, or P % of them.",
            rich_help_panel=OUT,
        ),
    ] = None,
    recover: Annotated[
        bool, typer.Option("--recover", help="Decode the intact GOPs of a damaged file (exit 8).")
    ] = False,
    model: opt.Model = None,
    device: opt.Device = "auto",
    precision: opt.Precision = None,
    jobs: opt.Jobs = None,
    force: opt.Force = False,
    json_lines: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    debug: opt.Debug = False,
) -> None:
    """Decode an .etok file to video, with its times, rotation, colours and sound.

    [bold]elastictok decode in.etok[/bold]                          in.decoded.mp4\n
    [bold]elastictok decode in.etok -o frames/%05d.png[/bold]       numbered pictures\n
    [bold]elastictok decode in.etok --start 60 --duration 5[/bold]  a part\n
    [bold]elastictok decode in.etok --keep 50%[/bold]               half of the tokens of each block\n
    [bold]elastictok decode in.tokens.npz[/bold]                    what 'tokens' wrote (if its tokens are codes)\n
    [bold]elastictok decode new.npz --model elastictok-mini[/bold]  any 'values', 'counts' and 'shape'
    """
    console = Console(quiet, verbose, json_lines)
    opened = source_of(source)

    from ..codec.settings import DecodeSettings

    settings = DecodeSettings(
        start=start,
        duration=duration,
        keep=keep,
        codec=codec,
        crf=crf,
        size=picture_size,
        audio=cast(Any, audio),
        jobs=jobs,
        overwrite=force,
    )

    from ..codec.events import Finished
    from ..codec.pipeline import decode_file
    from ..codec.prepare import prepare
    from ..container import Reader, is_token_file
    from ..models.registry import entries, load_for
    from ..tokenizer.bare import etok_of_tokens
    from .forecast import forecast
    from .progress import follow

    etok: str | bytes | BinaryIO = opened
    if opened == source and is_token_file(source):
        entries()  # other packages register the syntax of their tokens along with their model
        etok = etok_of_tokens(source, model)
    with Reader(etok, recover=recover, name=source if source != STREAM else "standard input") as reader:
        ending = ".decoded.png" if reader.header.is_still else ".decoded.mp4"
        name = target_of(output, source, ending, force, json_lines)
        loaded = load_for(reader.header, device, model, precision, reader.name)
        prepare(loaded, console.note)
        forecast(loaded, reader.header, reader.frames if start is None and duration is None else None, True, console)
        try:
            finished = follow(decode_file(reader, name, loaded, settings), console)
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted: {name} is not written, nothing is left behind") from None
    assert isinstance(finished, Finished)
    speed = finished.frames / finished.seconds if finished.seconds else 0
    written = f", {size(Path(name).stat().st_size)}" if Path(name).is_file() else ""
    console.line(
        f"{name if name != STREAM else 'output'}: {plural(finished.frames, 'frame')} in "
        f"{clock(finished.seconds)} ({speed:.1f} fps){written}"
    )
    if finished.partial:
        shown = plural(finished.frames, "frame")
        raise PartialResult(f"{source}: damaged; the {shown} that are whole are in {name}")
