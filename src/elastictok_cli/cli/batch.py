"""`elastictok batch`: many files to .etok files, on all cores or on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ElasticTokError, PartialResult, UsageError
from . import options as opt
from .console import Console, Interrupted, clock, plural, size
from .settings import settings_of
from .shared import takes_encode_options

if TYPE_CHECKING:
    from ..batch.engine import Engine
    from ..codec.settings import EncodeSettings
    from ..models.base import TokenModel


@takes_encode_options
def batch(
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Files and folders, or URLs such as s3://bucket/folder/.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="OUTDIR", help="Folder of the .etok files.")],
    pattern: Annotated[
        str | None,
        typer.Option(
            "--glob", metavar="PATTERN", help='Files to take from folders: "**/*.mp4" (default: usual video suffixes).'
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", metavar="N", min=1, help="Files at once (default: one per core)."),
    ] = None,
    engine: Annotated[str, typer.Option("--engine", metavar="NAME", help="local, or ray.")] = "local",
    address: Annotated[
        str | None,
        typer.Option(
            "--address", metavar="HOST:PORT", help="Address of a Ray cluster, or auto (default: start Ray here)."
        ),
    ] = None,
    retries: Annotated[
        int, typer.Option("--retries", metavar="N", min=0, help="Retries after a lost process or a network error.")
    ] = 2,
    fail_fast: Annotated[bool, typer.Option("--fail-fast", help="Stop at the first file that fails.")] = False,
    force: opt.Force = False,
    json_lines: opt.Json = False,
    quiet: opt.Quiet = False,
    verbose: opt.Verbose = False,
    debug: opt.Debug = False,
    options: Any = None,
) -> None:
    """Encode many files into a mirrored folder tree. A file that fails does not stop the others.

    [bold]elastictok batch in/ -o out/[/bold]                  in/a/b.mp4 to out/a/b.etok\n
    [bold]elastictok batch in/ -o out/ --psnr 32 -j 4[/bold]   with encode's options\n
    [bold]elastictok batch s3://in/ -o out/ --engine ray[/bold]   on a cluster\n
    [bold]elastictok batch robot/ -o out/[/bold]               a LeRobot dataset (v3): each episode is a file

    Run the same command again to continue: files whose source and options are unchanged are skipped. Outputs that
    something else wrote are only replaced with -f. OUTDIR gets results.jsonl and results.parquet, a row for each file.
    """
    console = Console(quiet, verbose, json_lines)
    settings = settings_of(options)
    if engine not in ("local", "ray"):
        raise UsageError(f"--engine {engine}: is local or ray")
    if address is not None and engine == "local":
        raise UsageError("--address is for --engine ray")
    if output.exists() and not output.is_dir():
        raise UsageError(f"-o {output}: is a file; -o names a folder")

    from ..batch.plan import plan
    from ..batch.results import JOURNAL, TABLE, Journal, save_table
    from ..batch.run import run
    from ..codec.prepare import prepare
    from ..models.registry import load
    from .table import Table

    items = plan(inputs, pattern, output)
    if any(item.episode for item in items) and (settings.start, settings.duration) != (None, None):
        raise UsageError("--start, --duration: the episodes of a LeRobot dataset have their own; leave them out")
    loaded = load(options["model"], options["device"], options["precision"] or "float32")
    prepare(loaded, console.note)
    table = Table(console, items)
    with Journal(output) as journal:
        try:
            crew = _engine(engine, settings, loaded, jobs, address, console)
            events = run(items, output, crew, journal, retries=retries, fail_fast=fail_fast, replace_others=force)
            table.follow(events)
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted: {plural(table.there, 'file')} of {len(items):,} there; the same command goes on"
            ) from None
        rows = list(journal.rows.values())
    names = [JOURNAL, *([TABLE] if save_table(output / TABLE, rows) else [])]
    if len(names) == 1:
        console.note(f"{TABLE} needs pyarrow; pip install 'elastictok[batch]' brings it")
    _tell(table, output, names, console)


def _engine(
    name: str, settings: EncodeSettings, model: TokenModel, jobs: int | None, address: str | None, console: Console
) -> Engine:
    if name == "ray":
        from ..batch.cluster import RayEngine

        ray = RayEngine(settings, model, jobs, address)
        console.line(f"Ray: {plural(ray.nodes, 'node')}, {plural(ray.workers, 'file')} at once")
        return ray
    from ..batch.engine import LocalEngine
    from ..codec.workers import cores

    return LocalEngine(settings, model, jobs or cores())


def _tell(table: Any, output: Path, names: list[str], console: Console) -> None:
    """The summary, and the exit code of what failed."""
    count = table.counts
    done = count["done"] + count["partial"]
    console.line(
        f"{output}: {plural(done, 'file')} encoded, {count['skipped']:,} unchanged, {count['failed']:,} failed, of "
        f"{table.total:,}; {', '.join(names)}"
    )
    if done:
        console.line(
            f"video   {size(table.bytes_in)} to {size(table.bytes_out)}, {table.frames:,} frames, "
            f"{table.tokens:,} tokens"
        )
        console.line(f"speed   {table.frames / table.seconds:.1f} fps in {clock(table.seconds)}")
    if table.json_total is not None:
        console.emit(table.json_total)
    bad = count["failed"] + table.partial
    if not bad and table.ended == table.total:
        return
    said = {"failed": count["failed"], "partial": table.partial, "not begun": table.total - table.ended}
    text = ", ".join(f"{plural(number, 'file')} {what}" for what, number in said.items() if number)
    if count["failed"] and not table.there:
        raise Nothing(f"no file could be encoded: {table.first_error}", table.first_code)
    raise PartialResult(f"{text}; {output / names[0]} names each")


class Nothing(ElasticTokError):
    """Every file failed; the exit code is that of the first."""

    def __init__(self, text: str, exit_code: int) -> None:
        super().__init__(text)
        self.exit_code = exit_code
