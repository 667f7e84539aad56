"""`elastictok verify`: is the file whole, are its tokens those written, is it as good as it says?"""

from __future__ import annotations

from contextlib import AbstractContextManager, closing, nullcontext
from math import isfinite
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from . import options as opt
from .console import Console, plural
from .files import STREAM, source_of

if TYPE_CHECKING:
    from ..codec.events import Verified
    from ..container import Reader
    from ..models.base import TokenModel
    from ..video import Source
    from ..video.perceptual import Perceptual


def verify(
    file: opt.EtokFile,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="INPUT", help="The video that was encoded: measure every block again."),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option("--metric", metavar="NAME", help="With --source: also xpsnr or vmaf. Repeatable."),
    ] = None,
    ffmpeg: opt.FfmpegPath = None,
    model: opt.Model = None,
    device: opt.Device = "auto",
    precision: opt.Precision = None,
    json_lines: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    debug: opt.Debug = False,
) -> None:
    """Check structure, checksums and tokens; with --source, also that each block is as good as stored.

    [bold]elastictok verify in.etok[/bold]                   exit code 4 if damaged\n
    [bold]elastictok verify in.etok --source in.mp4[/bold]   7 if a block is worse than stored, 3 if another video
    """
    console = Console(quiet, verbose, json_lines)
    if metric and source is None:
        raise UsageError("--metric compares with the source; --source INPUT names it")
    opened = source_of(file)

    from ..codec.events import Verified
    from ..codec.prepare import prepare
    from ..codec.verify import verify as run
    from ..container import Reader
    from ..errors import DamagedFile, InputError, ThresholdMissed, UnsupportedFile
    from ..models.registry import load_for
    from ..video.ffmpeg import find_ffmpeg
    from ..video.perceptual import find_measure
    from .progress import follow

    measure = find_measure(find_ffmpeg(ffmpeg), tuple(dict.fromkeys(metric))) if metric else None
    scores: dict[str, float] = {}
    with Reader(opened, name=None if file != STREAM else "standard input") as reader:
        loaded = None
        try:
            loaded = load_for(reader.header, device, model, precision, reader.name)
        except UnsupportedFile as error:
            if source is not None or model is not None:
                raise
            console.note(f"only structure and checksums are checked: {error}")
        if loaded is not None:
            prepare(loaded, console.note)
        with _source(source, reader.header.coded_size) as video:
            result = follow(run(reader, loaded, video), console)
            assert isinstance(result, Verified)
            if measure is not None and video is not None and loaded is not None and not result.findings:
                scores = _scores(measure, reader, loaded, video, console)
    if result.blocks_unmatched and result.blocks_unmatched + bool(result.blocks_false) == len(result.findings):
        blocks = plural(result.blocks_unmatched, "block")
        raise InputError(f"{source}: has no frame at the times of {blocks} of {file}; it is not what was encoded")
    if result.blocks_false:
        raise ThresholdMissed(f"{file}: {result.findings[-1]}")
    if result.findings:
        rest = f" (and {plural(len(result.findings) - 1, 'more finding')})" if result.findings[1:] else ""
        raise DamagedFile(f"{file}: {result.findings[0]}{rest}")
    console.line(f"{file}: good; {_checked(result, loaded is not None)}{_in_words(scores)}")


def _scores(
    measure: Perceptual, reader: Reader, model: TokenModel, source: Source, console: Console
) -> dict[str, float]:
    """Decode the file once more, for the measures of an external ffmpeg."""
    from ..compare.matched import Matched

    with closing(Matched(source, [reader], [model]).shots()) as shots:
        scores = measure((shot.pictures[1], shot.pictures[0]) for shot in shots)
    if console.json_lines:
        console.emit({"type": "perceptual", **{name: value for name, value in scores.items() if isfinite(value)}})
    return scores


def _in_words(scores: dict[str, float]) -> str:
    units = {"xpsnr": " dB"}
    return "".join(f"; {name.upper()} {value:.2f}{units.get(name, '')}" for name, value in scores.items())


def _source(name: str | None, coded_size: tuple[int, int]) -> AbstractContextManager[Source | None]:
    if name is None:
        return nullcontext()
    from ..video import open_source

    return open_source(source_of(name), size=f"{coded_size[0]}x{coded_size[1]}")


def _checked(result: Verified, tokens: bool) -> str:
    from ..metrics import quality_text

    what = f"structure, checksums{' and tokens' if tokens else ''} of {plural(result.frames, 'frame')}"
    if result.mse is None:
        return what
    measured = f"{plural(result.blocks, 'block')} measured again"
    worst, low = quality_text(result.worst_mse or 0.0), quality_text(result.low_mse or 0.0)
    quality = f"mean {quality_text(result.mse)}, worst frame {worst}, 1 % low {low}"
    return f"{what}; {measured}, all as stored; {quality}"
