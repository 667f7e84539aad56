"""`elastictok verify`: is the file whole, are its tokens those written, is it as good as it says?"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from . import options as opt
from .console import Console, plural
from .files import STREAM, source_of

if TYPE_CHECKING:
    from ..codec.events import Verified
    from ..video import Source


def verify(
    file: opt.EtokFile,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="INPUT", help="The video it was made of: measure every block again."),
    ] = None,
    model: opt.Model = None,
    device: opt.Device = "auto",
    precision: opt.Precision = None,
    json_lines: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    debug: opt.Debug = False,
) -> None:
    """Check structure, checksums and tokens; with the source, that each block is as good as it says.

    [bold]elastictok verify in.etok[/bold]                   exit 4 if damaged\n
    [bold]elastictok verify in.etok --source in.mp4[/bold]   7 if not as good, 3 if of other times
    """
    console = Console(quiet, verbose, json_lines)
    opened = source_of(file)

    from ..codec.events import Verified
    from ..codec.verify import verify as run
    from ..container import Reader
    from ..errors import DamagedFile, InputError, ThresholdMissed, UnsupportedFile
    from ..models.registry import load_for
    from .prepare import prepare
    from .progress import follow

    with Reader(opened, name=None if file != STREAM else "standard input") as reader:
        loaded = None
        try:
            loaded = load_for(reader.header, device, model, precision)
        except UnsupportedFile as error:
            if source is not None or model is not None:
                raise
            console.note(f"only structure and checksums are checked: {error}")
        if loaded is not None:
            prepare(loaded, console)
        with _source(source, reader.header.coded_size) as video:
            result = follow(run(reader, loaded, video), console)
    assert isinstance(result, Verified)
    if result.blocks_unmatched and result.blocks_unmatched + bool(result.blocks_false) == len(result.findings):
        blocks = plural(result.blocks_unmatched, "block")
        raise InputError(f"{source}: has no frame at the times of {blocks} of {file}; it is not what was encoded")
    if result.blocks_false:
        raise ThresholdMissed(f"{file}: {result.findings[-1]}")
    if result.findings:
        rest = f" (and {plural(len(result.findings) - 1, 'more finding')})" if result.findings[1:] else ""
        raise DamagedFile(f"{file}: {result.findings[0]}{rest}")
    console.line(f"{file}: good; {_checked(result, loaded is not None)}")


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
