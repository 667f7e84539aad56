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
    from ..container import BlockRecord, Reader
    from ..data import Vocabulary


def pack(
    inputs: Annotated[list[str], typer.Argument(metavar="INPUT...", help="Folders of .etok files, or such files.")],
    output: Annotated[
        str,
        typer.Option("--output", "-o", metavar="PATTERN", help="Names of the shards, with a number: shards/%05d.tar."),
    ],
    tokens_per_shard: Annotated[
        int,
        typer.Option("--tokens-per-shard", metavar="N", min=1, help="Approximate tokens per shard; clips stay whole."),
    ] = 50_000_000,
    syntax_tokens: Annotated[
        bool, typer.Option("--syntax-tokens", help="Take tokens that are a codec's decisions (elastictok-nano), too.")
    ] = False,
    model: opt.Model = None,
    force: opt.Force = False,
    json_lines: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Write tokens as WebDataset shards: one sample per file, with an index for TokenDataset.

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
                        _check_codes(reader, syntax_tokens)
                        first, tables = reader, tables_for(reader.header, model, reader.name)
                        writer = ShardWriter(output, _about(reader), _vocabulary(reader), tokens_per_shard, force)
                    _same_model(first, reader)
                    sample = _sample(reader, tables)
            except UsageError:
                raise
            except ElasticTokError as error:
                if writer is None:
                    raise
                failed += 1
                console.note(f"left out: {error}")
                continue
            writer.add(key, *sample)
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


def _check_codes(reader: Reader, syntax_tokens: bool) -> None:
    """Raise UsageError for tokens that are no codes, unless they are asked for."""
    from ..entropy.bitstream import find_syntax
    from ..models.registry import find_entry

    find_entry(reader.header.model)  # a package outside this one registers the syntax along with its model
    if not find_syntax(reader.header.syntax).codes and not syntax_tokens:
        raise UsageError(
            f"{reader.name}: tokens of {reader.header.model} are a codec's decisions, which cannot be decoded from "
            "their values; encode with --model elastictok-mini, or pack them anyway with --syntax-tokens"
        )


def _vocabulary(reader: Reader) -> Vocabulary:
    from ..data import Vocabulary
    from ..entropy.bitstream import find_syntax

    syntax = find_syntax(reader.header.syntax)
    return Vocabulary(0 if syntax.vectors else syntax.vocabulary)


def _about(reader: Reader) -> dict[str, Any]:
    """What a reader of any sample must know about its tokens."""
    from ..entropy.bitstream import find_syntax

    header = reader.header
    return {
        "model": header.model,
        "model_digest": header.model_digest.hex(),
        "syntax": header.syntax,
        "channels": header.channels if find_syntax(header.syntax).vectors else 1,
        "block_frames": header.block_frames,
    }


def _same_model(first: Reader, reader: Reader) -> None:
    one, two = first.header, reader.header
    if (one.model_digest, one.syntax, one.channels) != (two.model_digest, two.syntax, two.channels):
        raise UsageError(
            f"{reader.name}: tokens of {two.model} ({two.model_digest.hex()[:12]}), but {first.name} has tokens of "
            f"{one.model} ({one.model_digest.hex()[:12]}); pack each model by itself"
        )


def _sample(reader: Reader, tables: Any) -> tuple[Any, Any, dict[str, Any]]:
    """(values, counts, JSON) of a file, see `ShardWriter.add`. Raises DamagedFile."""
    import numpy as np

    from ..container import decode_gop

    header, values, times = reader.header, [], []
    blocks: list[BlockRecord] = []
    first_pts: int | None = None
    for number, gop in enumerate(reader.gops()):
        where = f"{reader.name}: {reader.gop_name(number)}"
        values += [tile.values for block in decode_gop(gop, header, tables, where) for tile in block]
        first = 0
        for record in gop.blocks:
            first_pts = int(gop.pts[0]) if first_pts is None else first_pts
            times.append(header.seconds(int(gop.pts[first]) - first_pts))
            first += record.frames
        blocks += gop.blocks
    counts = np.array([[tile.count for tile in block.tiles] for block in blocks], np.int64)
    geometry = header.geometry
    rows, columns = geometry.height // geometry.tile_hw[0], geometry.width // geometry.tile_hw[1]
    said = {
        "file": Path(reader.name).name,
        "width": header.coded_size[0],
        "height": header.coded_size[1],
        "frames": sum(block.frames for block in blocks),
        "tiles": [rows, columns],
        "gop_blocks": header.gop_blocks,
        "threshold": header.threshold,
        "times": times,
        "counts": counts.tolist(),
        "mse": [[tile.mse if header.is_measured else None for tile in block.tiles] for block in blocks],
        "met": [[tile.met for tile in block.tiles] for block in blocks],
        **({"about": header.extra["about"]} if "about" in header.extra else {}),
    }
    return np.concatenate(values), counts, said
