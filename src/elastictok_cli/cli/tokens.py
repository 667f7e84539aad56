"""`elastictok tokens`: the tokens of an .etok file as numpy arrays in an .npz, or as a parquet table."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..atomic_file import atomic_write
from ..errors import UsageError
from . import options as opt
from .console import Console, plural, size
from .files import STREAM, source_of, target_of


def tokens(
    source: opt.EtokFile,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Default: FILE.tokens.npz; - for stdout."),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="KIND", help="npz or parquet (default: by the output's ending).")
    ] = None,
    model: opt.Model = None,
    force: opt.Force = False,
    json_lines: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Export tokens, counts and errors of every block and tile as numpy arrays or as a table.

    [bold]elastictok tokens in.etok -o in.npz[/bold]        then numpy.load("in.npz")["values"]\n
    [bold]elastictok tokens in.etok --to parquet[/bold]     a row for each tile of each block\n
    [bold]elastictok decode in.npz[/bold]                   back to video, if tokens are codes; also from parquet
    """
    console = Console(quiet, json_lines=json_lines)
    opened = source_of(source)
    kind = to or ("parquet" if output is not None and output.endswith(".parquet") else "npz")
    if kind not in ("npz", "parquet"):
        raise UsageError(f"--to {to}: is npz or parquet")
    name = target_of(output, source, f".tokens.{kind}", force, json_lines)

    from ..container import Reader, save_tokens, token_arrays
    from ..container.tokentable import save_table
    from ..models.registry import tables_for

    with Reader(opened, name=None if source != STREAM else "standard input") as reader:
        arrays = token_arrays(reader, tables_for(reader.header, model, reader.name))
        sound = bool(reader.header.audio)
        out = io.BytesIO()
        if kind == "npz":
            save_tokens(out, arrays)
        else:
            save_table(out, Path(reader.name).name, reader.digest, reader.header, arrays)
    _write(name, out.getbuffer())
    if sound:
        console.note("the sound stays in the .etok file")
    if json_lines:
        numbers = {"tokens": len(arrays["values"]), "blocks": len(arrays["counts"]), "bytes": out.getbuffer().nbytes}
        console.emit({"type": "tokens", "name": name, "arrays": sorted(arrays), **numbers})
    blocks = plural(len(arrays["counts"]), "block")
    console.line(
        f"{name if name != STREAM else 'output'}: {plural(len(arrays['values']), 'token')} of {blocks}, "
        f"{size(out.getbuffer().nbytes)}"
    )


def _write(name: str, data: memoryview) -> None:
    """Under a temporary name first, so that it appears whole."""
    if name == STREAM:
        sys.stdout.buffer.write(data)
        return
    with atomic_write(name) as part:
        part.write_bytes(data)
