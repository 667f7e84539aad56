"""`elastictok pack`: the tokens of many .etok files as shards for training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import ElasticTokError, InputError, PartialResult, UsageError
from . import options as opt
from .console import Console, plural, size

if TYPE_CHECKING:
    from ..container import Gop, Reader


def pack(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="Folders of .etok files, or such files.")],
    output: Annotated[
        str,
        typer.Option("--output", "-o", metavar="PATTERN", help="Names of the shards, with a number: shards/%05d.tar."),
    ],
    tokens_per_shard: Annotated[
        int,
        typer.Option("--tokens-per-shard", metavar="N", min=1, help="Approximate tokens per shard; GOPs stay whole."),
    ] = 50_000_000,
    model: opt.Model = None,
    force: opt.Force = False,
    json_lines: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Write tokens as WebDataset shards: one sample per GOP, with an index for TokenDataset.

    [bold]elastictok pack tokens/ -o shards/%05d.tar[/bold]   00000.tar, ..., index.json\n
    [bold]elastictok pack a.etok b.etok -o %d.tar -f[/bold]   single files, over what is there

    elastictok_cli.data.TokenDataset("shards/") makes batches of them.
    """
    console = Console(quiet, json_lines=json_lines)
    files = list(_files(inputs))

    from ..container import Reader
    from ..data.shards import ShardWriter
    from ..models.registry import tables_for

    failed = 0
    writer: ShardWriter | None = None
    first: Reader | None = None
    tables: Any = None
    try:
        for key, path in files:
            try:
                with Reader(path) as reader:
                    if writer is None or first is None:
                        first, tables = reader, tables_for(reader.header, model, reader.name)
                        writer = ShardWriter(output, _about(reader), tokens_per_shard, force)
                    _same_model(first, reader)
                    samples = list(_samples(reader, tables, key))
            except UsageError:
                raise
            except ElasticTokError as error:
                if writer is None:
                    raise
                failed += 1
                console.note(f"left out: {error}")
                continue
            for sample in samples:
                writer.add(*sample)
        assert writer is not None
        index = writer.finish()
    finally:
        if writer is not None:
            writer.abort()
    bytes_out = sum(shard["bytes"] for shard in index.said["shards"])
    if json_lines:
        numbers = {"tokens": index.tokens, "samples": len(index), "files": len(files) - failed, "files_failed": failed}
        console.emit(
            {"type": "pack", "name": str(writer.folder), **numbers, "shards": len(index.names), "bytes": bytes_out}
        )
    console.line(
        f"{writer.folder}: {plural(index.tokens, 'token')} of {plural(len(files) - failed, 'file')} in "
        f"{plural(len(index), 'sample')}, {plural(len(index.names), 'shard')}, {size(bytes_out)}"
    )
    if failed:
        raise PartialResult(f"{plural(failed, 'file')} of {len(files):,} left out; the shards hold the others")


def _files(inputs: list[str]) -> Iterator[tuple[str, Path]]:
    """(key, path) of every .etok file, in the order of the inputs and of their names."""
    seen: set[str] = set()
    for name in inputs:
        path = Path(name)
        found = sorted(path.rglob("*.etok")) if path.is_dir() else [path]
        if not path.exists() or not found:
            raise InputError(f"{name}: {'no .etok file in it' if path.exists() else 'there is no such file or folder'}")
        for file in found:
            inside = file.relative_to(path) if path.is_dir() else Path(file.name)
            key = inside.with_suffix("").as_posix().replace(".", "_")  # as the writer has it
            while key in seen:
                key += "+"
            seen.add(key)
            yield key, file


def _about(reader: Reader) -> dict[str, Any]:
    """What a reader of any sample must know about its tokens."""
    from ..entropy.bitstream import find_syntax

    header = reader.header
    syntax = find_syntax(header.syntax)
    return {
        "model": header.model,
        "model_digest": header.model_digest.hex(),
        "syntax": header.syntax,
        "dtype": syntax.dtype,
        "channels": header.channels if syntax.vectors else 1,
        "places": syntax.place_size > 0,
    }


def _same_model(first: Reader, reader: Reader) -> None:
    one, two = first.header, reader.header
    if (one.model_digest, one.syntax, one.channels) != (two.model_digest, two.syntax, two.channels):
        raise UsageError(
            f"{reader.name}: tokens of {two.model} ({two.model_digest.hex()[:12]}), but {first.name} has tokens of "
            f"{one.model} ({one.model_digest.hex()[:12]}); pack each model by itself"
        )


def _samples(reader: Reader, tables: Any, key: str) -> Iterator[tuple[str, Any, Any, dict[str, Any]]]:
    """(key, values, places, JSON) of every GOP. Raises DamagedFile."""
    import numpy as np

    from ..container import decode_gop
    from ..entropy.bitstream import find_syntax

    header, places = reader.header, None
    for number, gop in enumerate(reader.gops()):
        where = f"{reader.name}: {reader.gop_name(number)}"
        tiles = [tile for block in decode_gop(gop, header, tables, where) for tile in block]
        values = np.concatenate([np.asarray(tile.values) for tile in tiles])
        if find_syntax(header.syntax).place_size:
            places = np.concatenate([np.asarray(tile.places) for tile in tiles])
        yield f"{key}/{number:06d}", values, places, _said(reader, number, gop)


def _said(reader: Reader, number: int, gop: Gop) -> dict[str, Any]:
    header = reader.header
    return {
        "file": Path(reader.name).name,
        "gop": number,
        "first_frame": gop.first_frame,
        "time_s": header.seconds(int(gop.pts[0])),
        "width": header.coded_size[0],
        "height": header.coded_size[1],
        "threshold": header.threshold,
        "frames": [block.frames for block in gop.blocks],
        "counts": [[tile.count for tile in block.tiles] for block in gop.blocks],
        "steps": [[tile.qindex for tile in block.tiles] for block in gop.blocks],
        "mse": [[tile.mse if header.is_measured else None for tile in block.tiles] for block in gop.blocks],
        "met": [[tile.met for tile in block.tiles] for block in gop.blocks],
    }
