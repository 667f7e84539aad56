"""Save the tokens of an .etok file as a parquet table, one row per tile of a block, and read such a table again.

pyarrow, pandas, duckdb and `datasets` open it; docs/tokens.md has its columns. Needs pyarrow (extra `batch`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..errors import DamagedFile, UsageError
from .format import Header
from .parquet import pyarrow_for
from .tokenfile import Arrays

MAGIC = b"PAR1"
NEEDED = ("tokens", "block", "tile", "frames", "height", "width")
# Of the others, those that change what is decoded, if they are there.
USED = ("file_digest", "model", "model_digest", "gop", "pts", "time_base")


@dataclass(frozen=True, eq=False, kw_only=True)
class TokenTable:
    """The tokens of one clip, as a table has them.

    values: integers (tokens,) or (tokens, channels), of all tiles of all blocks in order. counts: int64 (places,), of
    each tile of each block. shape: (T, H, W, 3). The rest is None where the table does not have it. model,
    model_digest: of the model. gop_blocks: blocks of a GOP. pts: int64 (T,), ticks of time_base.
    """

    values: npt.NDArray[Any]
    counts: npt.NDArray[np.int64]
    shape: tuple[int, int, int, int]
    model: str | None = None
    model_digest: bytes | None = None
    gop_blocks: int | None = None
    pts: npt.NDArray[np.int64] | None = None
    time_base: Fraction | None = None


def save_table(file: BinaryIO, name: str, digest: bytes, header: Header, arrays: Arrays) -> None:
    """Write the table of a file. name, digest: of the .etok file. arrays: of `token_arrays`. Raises UsageError."""
    pa = pyarrow_for("parquet")
    counts = arrays["counts"]
    blocks, tiles = counts.shape
    frame_ends = np.cumsum(arrays["frames"], dtype=np.int64)

    def by_block(values: npt.NDArray[Any]) -> Any:
        return pa.array(np.repeat(values, tiles))

    def lists(lengths: npt.NDArray[Any], values: Any) -> Any:
        return pa.ListArray.from_arrays(pa.array(np.cumsum([0, *lengths]), pa.int32()), values)

    def constant(value: Any) -> Any:
        return pa.repeat(pa.scalar(value), blocks * tiles)

    values = arrays["values"]
    flat = pa.array(values.reshape(-1).astype(np.int32))
    tokens = flat if values.ndim == 1 else pa.FixedSizeListArray.from_arrays(flat, values.shape[1])
    pts = [arrays["pts"][end - length : end] for end, length in zip(frame_ends, arrays["frames"], strict=True)]
    times = [part for part in pts for _ in range(tiles)]
    columns = {
        "file": constant(name),
        "file_digest": constant(digest.hex()),
        "model": constant(header.model),
        "model_digest": constant(header.model_digest.hex()),
        "height": constant(header.coded_size[1]),
        "width": constant(header.coded_size[0]),
        "gop": by_block(arrays["gop"]),
        "block": by_block(np.arange(blocks, dtype=np.int32)),
        "tile": pa.array(np.tile(np.arange(tiles, dtype=np.int32), blocks)),
        "first_frame": by_block(frame_ends - arrays["frames"]),
        "frames": by_block(arrays["frames"]),
        "pts": lists(np.repeat(arrays["frames"], tiles), pa.array(np.concatenate([np.zeros(0, np.int64), *times]))),
        "time_base": constant(str(header.time_base)),
        "count": pa.array(counts.reshape(-1)),
        "qindex": pa.array(arrays["steps"].reshape(-1)),
        "mse": pa.array(arrays["mse"].reshape(-1), from_pandas=True),  # NaN, not measured, becomes null
        "met": pa.array(arrays["met"].reshape(-1)),
        "tokens": lists(counts.reshape(-1), tokens),
    }
    about = header.extra.get("about")
    for key, value in about.items() if isinstance(about, Mapping) else ():
        if key not in columns and isinstance(value, str | int | float):
            columns[key] = constant(value)
    pa.parquet.write_table(pa.table(columns), file)


def load_table(path: str | os.PathLike[str]) -> TokenTable:
    """Read a table that `save_table` wrote, or one with the columns NEEDED alone, in any order of its rows.

    Raises UsageError for a table without these columns or of several clips, DamagedFile.
    """
    pa = pyarrow_for("parquet")
    try:
        file = pa.parquet.ParquetFile(path)
        names = set(file.schema_arrow.names)
        missing = [name for name in NEEDED if name not in names]
        if not missing:
            columns = [name for name in (*NEEDED, *USED) if name in names]
            table = file.read(columns).combine_chunks().sort_by([("block", "ascending"), ("tile", "ascending")])
    except (pa.ArrowException, OSError) as error:
        raise DamagedFile(f"{path}: no table that can be read: {str(error).splitlines()[0][:200]}") from None
    if missing:
        raise UsageError(f"{path}: has no column {', '.join(missing)}; {', '.join(NEEDED)} are needed")
    if not len(table):
        raise UsageError(f"{path}: has no row")
    try:
        return _parsed(table, str(path))
    except (ValueError, TypeError, OverflowError, ZeroDivisionError, AttributeError, pa.ArrowException) as error:
        raise DamagedFile(f"{path}: {str(error).splitlines()[0][:200]}") from None


def _parsed(table: Any, name: str) -> TokenTable:
    def column(key: str) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = table.column(key).to_numpy()
        return found

    def constant(key: str) -> Any:
        if key not in table.column_names:
            return None
        found = table.column(key).unique().to_pylist()
        if len(found) > 1:
            raise UsageError(f"{name}: has rows of {len(found)} different {key}; take those of one clip")
        return found[0]

    constant("file_digest")
    tiles = int(column("tile").max()) + 1
    blocks, left = divmod(len(table), tiles)
    places = np.arange(len(table))
    if left or (column("block") != places // tiles).any() or (column("tile") != places % tiles).any():
        raise UsageError(f"{name}: every tile of every block is needed once, counted from 0")
    lists = table.column("tokens").combine_chunks()
    values = lists.flatten()
    is_vector = values.type.num_fields > 0
    flat = (values.flatten() if is_vector else values).to_numpy()
    frames = column("frames").reshape(blocks, tiles)[:, 0].astype(np.int64)
    shape = (int(frames.sum()), int(constant("height")), int(constant("width")), 3)
    digest, base = constant("model_digest"), constant("time_base")
    gops = None if "gop" not in table.column_names else np.bincount(column("gop").astype(np.int64))[0] // tiles
    pts = None
    if base is not None and "pts" in table.column_names:
        pts = np.concatenate(table.column("pts").take(places[::tiles]).to_numpy())
    return TokenTable(
        values=flat.reshape(len(values), -1) if is_vector else flat,
        counts=lists.value_lengths().to_numpy().astype(np.int64),
        shape=shape,
        model=constant("model"),
        model_digest=None if digest is None else bytes.fromhex(digest),
        gop_blocks=None if gops is None else int(gops),
        pts=pts,
        time_base=None if pts is None else Fraction(base),
    )
