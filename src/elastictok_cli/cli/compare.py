"""`elastictok compare`: a video or sheet that shows the source beside what became of it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import UsageError
from . import options as opt
from .console import Console, Interrupted, clock, plural, size
from .files import STREAM, check_file, target_of

if TYPE_CHECKING:
    from ..codec.events import Event
    from ..codec.keep import Keep
    from ..codec.settings import EncodeSettings
    from ..compare import Panel
    from ..container import Reader
    from ..models.base import TokenModel


def compare(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="The video that the .etok files were made from.")],
    files: Annotated[list[str] | None, typer.Argument(metavar="[FILE.etok ...]", help="Made from it; up to 6.")] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="mp4, mkv, mov, webm or gif; png: a contact sheet (default: INPUT's name with .compare.mp4).",
        ),
    ] = None,
    threshold: Annotated[
        list[float] | None,
        typer.Option(
            "--threshold", "-t", metavar="MSE", help="Encode INPUT at this threshold for the comparison. Repeatable."
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep",
            metavar="N|P%",
            help="Also show each file with only the first N tokens (or P %) of each block. Repeatable.",
        ),
    ] = None,
    start: opt.Start = None,
    duration: opt.Duration = None,
    picture_size: Annotated[
        str | None,
        typer.Option("--size", metavar="SIZE", help="With -t: as in encode."),
    ] = None,
    height: Annotated[
        int | None,
        typer.Option("--height", metavar="N", help="Height of one picture (default: the coded height, at least 240)."),
    ] = None,
    rows: Annotated[int, typer.Option("--rows", metavar="N", min=1, max=50, help="Rows of a contact sheet.")] = 4,
    theme: opt.ThemeName = "dark",
    codec: Annotated[
        str | None,
        typer.Option("--codec", metavar="NAME", help="h264, hevc, av1, vp9 (default: h264; vp9 in .webm)."),
    ] = None,
    crf: Annotated[int, typer.Option("--crf", metavar="Q", help="Quality of the codec; 0 is best.")] = 16,
    no_audio: opt.NoAudio = False,
    model: opt.Model = None,
    device: opt.Device = "auto",
    precision: opt.Precision = None,
    force: opt.Force = False,
    json_lines: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    debug: opt.Debug = False,
) -> None:
    """Show the source beside its reconstructions, with the tokens per block drawn below as the video plays.

    [bold]elastictok compare in.mp4 in.etok[/bold]               in.compare.mp4\n
    [bold]elastictok compare in.mp4 -t 0.007 -t 0.001[/bold]     encoded for it\n
    [bold]elastictok compare in.mp4 in.etok -o sheet.png[/bold]  a contact sheet
    """
    console = Console(quiet, verbose, json_lines)
    if source == STREAM or STREAM in (files or ()) or output == STREAM:
        raise UsageError("compare reads its files several times; name them, - is not possible")
    check_file(source)
    name = target_of(output, source, ".compare.mp4", force, json_lines)
    for file in files or ():
        check_file(file)
        if Path(name).exists() and Path(name).samefile(file):
            raise UsageError(f"{name}: is one of the files to compare; -o must name another file")
    thresholds: Sequence[float | None] = threshold if threshold else [] if files else [None]
    if picture_size is not None and not thresholds:
        raise UsageError("--size: the files have a size already; use it with -t, which encodes INPUT")

    from ..codec.events import Finished
    from ..codec.keep import Keep
    from ..codec.settings import EncodeSettings
    from ..compare import CompareOptions
    from ..compare import compare as run
    from ..container import Reader
    from ..report.theme import theme_of
    from ..video import open_source
    from .progress import follow

    options = CompareOptions(
        height=height, rows=rows, codec=codec, crf=crf, audio=not no_audio, duration=duration,
        theme=theme_of(theme), overwrite=force,
    )  # fmt: skip
    keeps = [Keep.parse(text) for text in keep or ()]
    settings = EncodeSettings(size=picture_size, start=start, duration=duration, audio=False)
    with ExitStack() as stack:
        readers = [stack.enter_context(Reader(file)) for file in files or ()]
        if thresholds:
            made = _encode(source, thresholds, settings, _folder(stack), (model, device, precision), console)
            readers += [stack.enter_context(Reader(path, name=Path(source).name)) for path in made]
        panels = _panels(readers, keeps, (model, device, precision), console)
        coded_size = max((reader.header.coded_size for reader in readers), key=lambda size: size[0] * size[1])
        video = stack.enter_context(
            open_source(source, size="{}x{}".format(*coded_size), start=start, duration=duration)
        )
        try:
            finished = follow(run(video, panels, name, options), console)
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted: {name} is not written, nothing is left behind") from None
    assert isinstance(finished, Finished)
    console.line(
        f"{name}: {plural(finished.frames, 'frame')} in {clock(finished.seconds)}, {size(Path(name).stat().st_size)}"
    )


def _folder(stack: ExitStack) -> Path:
    from tempfile import TemporaryDirectory

    return Path(stack.enter_context(TemporaryDirectory(prefix="elastictok-")))


def _encode(
    source: str,
    thresholds: Sequence[float | None],
    settings: EncodeSettings,
    folder: Path,
    model: tuple[str | None, str, str | None],
    console: Console,
) -> list[Path]:
    """Files for this comparison only. thresholds: None for the default. model: name, device and precision."""
    from dataclasses import replace

    from ..codec.pipeline import encode_file
    from ..codec.prepare import prepare
    from ..codec.target import Target
    from ..models.registry import load
    from .progress import follow

    name, device, precision = model
    loaded = load(name, device, precision or "float32")
    prepare(loaded, console.note)
    paths = []
    for threshold in thresholds:
        target = Target.threshold() if threshold is None else Target.threshold(threshold)
        paths.append(folder / f"{target.value:g}.etok")
        console.line(f"encoding {Path(source).name} at threshold {target.value:g}")
        events = encode_file(source, paths[-1], loaded, replace(settings, target=target))
        follow(_without_opened(events), Console(console.quiet, console.verbose))
    return paths


def _without_opened(events: Generator[Event, None, None]) -> Generator[Event, None, None]:
    from ..codec.events import Opened

    with closing(events):
        yield from (event for event in events if not isinstance(event, Opened))


def _panels(
    readers: Sequence[Reader], keeps: Sequence[Keep], model: tuple[str | None, str, str | None], console: Console
) -> list[Panel]:
    """Each file, followed by its cuts."""
    from ..compare import Panel

    choices: list[Keep | None] = [None, *keeps]
    shown = [(reader, keep) for reader in readers for keep in choices]
    models = _models([reader for reader, _ in shown], model, console)
    return [Panel.of(reader, loaded, keep) for (reader, keep), loaded in zip(shown, models, strict=True)]


def _models(readers: Sequence[Reader], model: tuple[str | None, str, str | None], console: Console) -> list[TokenModel]:
    """One model per panel.

    Slow models, which are large, are shared. The others keep the last block that they decoded, so they are not.
    """
    from ..codec.prepare import prepare
    from ..models.registry import load_for

    name, device, precision = model
    loaded: list[TokenModel] = []
    for reader in readers:
        same = [m for m, r in zip(loaded, readers, strict=False) if m.spec.slow and _key(r) == _key(reader)]
        loaded.append(same[0] if same else load_for(reader.header, device, name, precision, reader.name))
        prepare(loaded[-1], console.note)
    return loaded


def _key(reader: Reader) -> tuple[Any, ...]:
    return reader.header.model_digest, reader.header.extra.get("precision")
