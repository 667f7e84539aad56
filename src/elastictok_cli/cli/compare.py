"""`elastictok compare`: a video or sheet that shows the source beside what became of it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import UsageError
from . import options as opt
from .console import Console, Interrupted, clock, plural, size
from .files import STREAM, check_file, target_of

if TYPE_CHECKING:
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
        typer.Option("--threshold", "-t", metavar="MSE", help="Encode INPUT at it, for this once. May be repeated."),
    ] = None,
    height: Annotated[
        int | None, typer.Option("--height", metavar="N", help="Pixels of one picture (default: as coded, from 240).")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", metavar="N", min=1, max=50, help="Moments on a contact sheet.")] = 4,
    theme: opt.ThemeName = "dark",
    codec: Annotated[
        str | None,
        typer.Option("--codec", metavar="NAME", help="h264, hevc, av1, vp9 (default: h264; vp9 in .webm)."),
    ] = None,
    crf: Annotated[int, typer.Option("--crf", metavar="Q", help="Its quality, 0 the best.")] = 16,
    no_audio: opt.NoAudio = False,
    model: opt.Model = None,
    device: opt.Device = "auto",
    force: opt.Force = False,
    json_lines: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    debug: opt.Debug = False,
) -> None:
    """Source left, reconstructions right, and the tokens of every block below, drawn as the video plays.

    [bold]elastictok compare in.mp4 in.etok[/bold]               in.compare.mp4\n
    [bold]elastictok compare in.mp4 -t 0.007 -t 0.001[/bold]     encoded for it\n
    [bold]elastictok compare in.mp4 in.etok -o sheet.png[/bold]  a contact sheet
    """
    console = Console(quiet, verbose, json_lines)
    if source == STREAM or STREAM in (files or ()) or output == STREAM:
        raise UsageError("compare reads its files several times and writes one; name them, - is no choice here")
    check_file(source)
    name = target_of(output, source, ".compare.mp4", force, json_lines)
    for file in files or ():
        check_file(file)
        if Path(name).exists() and Path(name).samefile(file):
            raise UsageError(f"{name}: is one of the files to compare; -o must name another file")

    from ..codec.events import Finished
    from ..compare import CompareOptions
    from ..compare import compare as run
    from ..container import Reader
    from ..report.theme import theme_of
    from ..video import open_source
    from .progress import follow

    chosen = CompareOptions(height, rows, codec, crf, not no_audio, theme_of(theme), force)
    with ExitStack() as stack:
        readers = [stack.enter_context(Reader(file)) for file in files or ()]
        goals = threshold if threshold is not None else [] if readers else [None]
        if goals:
            folder = _folder(stack)
            made = [_encode(source, goal, folder, model, device, console) for goal in goals]
            readers += [stack.enter_context(Reader(path, name=Path(source).name)) for path in made]
        models = _models(readers, device, model, console)
        width, rows_ = max((reader.header.coded_size for reader in readers), key=lambda wh: wh[0] * wh[1])
        video = stack.enter_context(open_source(source, size=f"{width}x{rows_}"))
        try:
            finished = follow(run(video, readers, models, name, chosen), console)
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
    source: str, threshold: float | None, folder: Path, model: str | None, device: str, console: Console
) -> Path:
    """A file for this comparison only. None: the default threshold."""
    from ..codec.events import Opened
    from ..codec.pipeline import encode_file
    from ..codec.settings import EncodeSettings
    from ..codec.target import Target
    from ..models.registry import load
    from .prepare import prepare
    from .progress import follow

    target = Target.threshold() if threshold is None else Target.threshold(threshold)
    path = folder / f"{target.value:g}.etok"
    loaded = load(model, device, "float32")
    prepare(loaded, console)
    console.line(f"encoding {Path(source).name} at threshold {target.value:g}")
    events = encode_file(source, path, loaded, EncodeSettings(target=target, audio=False))
    follow((event for event in events if not isinstance(event, Opened)), Console(console.quiet, console.verbose))
    return path


def _models(readers: list[Reader], device: str, model: str | None, console: Console) -> list[TokenModel]:
    """One for each file. Slow models, which are large, are shared; nano keeps the last block it decoded, so each file
    has its own."""
    from ..models.registry import load_for
    from .forecast import is_slow
    from .prepare import prepare

    loaded: list[TokenModel] = []
    for reader in readers:
        same = [m for m, r in zip(loaded, readers, strict=False) if is_slow(m) and _key(r) == _key(reader)]
        loaded.append(same[0] if same else load_for(reader.header, device, model))
        prepare(loaded[-1], console)
    return loaded


def _key(reader: Reader) -> tuple[bytes, object]:
    return reader.header.model_digest, reader.header.extra.get("precision")
