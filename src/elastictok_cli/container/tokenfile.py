"""The tokens of an .etok file as numpy arrays in one .npz, and back. Never pickle, never torch.

counts, steps   int32 (blocks, tiles)     values   uint16 (tokens,) or int8 (tokens, channels): those of all
met, mse        bool, float64, likewise            tiles of all blocks, one after the other, `counts` each
gop, frames     int32 (blocks,)           places   uint32 (tokens,), where the model's tokens have a place
pts             int64 (all frames,)       header   JSON, for people; head: the same, for `etok_of`
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from fractions import Fraction
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..entropy.bitstream import CodeTokens, find_syntax, token_encoder
from ..errors import DamagedFile, InputError, UnsupportedFile
from .format import MSE_MOST, BlockRecord, Gop, Header, TileRecord
from .gop_tokens import decode_gop
from .head import pack_head, parse_head
from .reader import Reader
from .writer import Writer

VERSION = 1
MOST_ARRAYS = 1 << 29  # bytes; deflate makes a thousand times as much of a file
MOST_TEXT = 200
SHAPES: Mapping[str, tuple[str, int]] = {  # type and axes of what `etok_of` needs
    "format": ("i", 0),
    "head": ("u", 1),
    "gop": ("i", 1),
    "frames": ("i", 1),
    "pts": ("i", 1),
    "counts": ("i", 2),
    "steps": ("i", 2),
    "met": ("b", 2),
    "mse": ("f", 2),
}
Arrays = dict[str, npt.NDArray[Any]]


def token_arrays(reader: Reader, tables: Any = None) -> Arrays:
    """All tokens of a file. tables: the model's, for those that need them. Raises DamagedFile.

    Holds the tokens of the whole file in memory.
    """
    header = replace(reader.header, audio=())
    rows: dict[str, list[Any]] = {name: [] for name in ("gop", "frames", "pts", "counts", "steps", "met", "mse")}
    values: list[npt.NDArray[Any]] = []
    places: list[npt.NDArray[Any]] = []
    for number, gop in enumerate(reader.gops()):
        rows["pts"].append(gop.pts)
        where = f"{reader.name}: {reader.place(number)}"
        # the tokens first: their digest is compared behind the last block
        for tokens, record in zip(decode_gop(gop, header, tables, where), gop.blocks, strict=True):
            rows["gop"].append(number)
            rows["frames"].append(record.frames)
            for name in ("count", "step", "met", "mse"):
                key = f"{name}s" if name in ("count", "step") else name
                rows[key].append([getattr(tile, name) for tile in record.tiles])
            values += [np.asarray(tile.values) for tile in tokens]
            places += [np.asarray(tile.places) for tile in tokens if hasattr(tile, "places")]
    tiles = header.geometry.tiles
    arrays: Arrays = {
        "format": np.array(VERSION, np.int32),
        "header": np.array(json.dumps(_described(header), sort_keys=True)),
        "head": np.frombuffer(pack_head(header), np.uint8),
        "pts": np.concatenate([np.zeros(0, np.int64), *rows["pts"]]),
        "values": np.concatenate(values) if values else find_syntax(header.syntax).empty(header.channels),
    }
    for name, letter in (("gop", "i4"), ("frames", "i4")):
        arrays[name] = np.array(rows[name], letter)
    for name, letter in (("counts", "i4"), ("steps", "i4"), ("met", "?"), ("mse", "f8")):
        arrays[name] = np.array(rows[name], letter).reshape(-1, tiles)
    if places:
        arrays["places"] = np.concatenate(places)
    return arrays


def save_tokens(file: BinaryIO, arrays: Arrays) -> None:
    """Write the .npz; equal arrays give equal bytes."""
    import zipfile  # here, since `stats` has no use for it and must start fast

    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, array in arrays.items():
            # opened by name: its date is that of all zip files without one
            with archive.open(zipfile.ZipInfo(f"{key}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def is_token_file(path: str | os.PathLike[str]) -> bool:
    """Whether a path leads to an .npz (or another zip), by its first bytes."""
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except OSError:
        return False


def etok_of(path: str | os.PathLike[str] | BinaryIO, name: str | None = None) -> bytes:
    """The .etok file, without sound, that has these tokens. Counts, steps and values may be others than those once
    exported; what cannot be is a DamagedFile.

    Raises UnsupportedFile for tokens of a model whose grammar is more than its codes.
    """
    name = name or str(path)
    arrays = _load(path, name)
    header = parse_head(arrays["head"].tobytes(), f"{name}: header")
    if not find_syntax(header.syntax, name).codes:
        raise UnsupportedFile(
            f"{name}: tokens of {header.model} are decoded from their .etok file, which says what these arrays do not"
        )
    header = replace(header, audio=())
    out = io.BytesIO()
    writer = Writer(out, header)
    try:
        for gop in _gops(arrays, header, name):
            writer.write_gop(gop)
    except (ValueError, OverflowError) as error:
        raise DamagedFile(f"{name}: {error}") from None
    writer.finish()
    return out.getvalue()


def _gops(arrays: Arrays, header: Header, name: str) -> list[Gop]:
    counts, values, tiles = arrays["counts"], _checked(arrays["values"], header), header.geometry.tiles
    blocks = len(counts)
    for key in ("gop", "frames", "steps", "met", "mse"):
        if len(arrays[key]) != blocks or arrays[key].shape[1:] not in ((), (tiles,)):
            raise ValueError(f"{key} of shape {arrays[key].shape} for {blocks} blocks of {tiles} tiles")
    if counts.shape[1] != tiles or (counts < 0).any() or counts.sum() != len(values):
        raise ValueError(f"{len(values)} values, and counts of {tiles} tiles that add up to {counts.sum()}")
    times = len(arrays["pts"])  # no block has more, so that the sum does not wrap
    if ((arrays["frames"] < 1) | (arrays["frames"] > times)).any() or arrays["frames"].sum() != times:
        raise ValueError(f"{times} times for {arrays['frames'].sum()} frames")
    if (counts > header.max_tokens).any():
        raise ValueError(f"{counts.max()} tokens in a tile of at most {header.max_tokens}")
    if ((arrays["steps"] < 0) | (arrays["steps"] >= max(1, header.steps))).any():
        raise ValueError(f"steps must be 0 .. {max(1, header.steps) - 1}")
    if (arrays["gop"][1:] < arrays["gop"][:-1]).any():
        raise ValueError("the GOPs are not in order")
    found: list[Gop] = []
    token = frame = 0
    for number in np.unique(arrays["gop"]):
        encoder, records, first = token_encoder(header), [], frame
        for block in np.flatnonzero(arrays["gop"] == number):
            length = int(arrays["frames"][block])
            row = []
            for tile in range(tiles):
                count, step = int(counts[block, tile]), int(arrays["steps"][block, tile])
                encoder.write(CodeTokens(values[token : token + count], length, step), tile)
                mse = float(arrays["mse"][block, tile])
                if not (0 <= mse <= MSE_MOST if header.is_measured else np.isnan(mse)):
                    raise ValueError(f"{mse} is no mean squared error")
                row.append(TileRecord(count, bool(arrays["met"][block, tile]), mse, step))
                token += count
            records.append(BlockRecord(length, tuple(row)))
            frame += length
        pts = arrays["pts"][first:frame].astype(np.int64)
        found.append(Gop(first, pts, tuple(records), encoder.finish(), encoder.digest))
    return found


def _checked(values: npt.NDArray[Any], header: Header) -> npt.NDArray[Any]:
    """The values as the token encoder takes them. Raises ValueError for what cannot be tokens."""
    check = find_syntax(header.syntax).check
    return values if check is None else check(values, header.channels)


def _load(path: str | os.PathLike[str] | BinaryIO, name: str) -> Arrays:
    """Every length is compared with what is there before it is believed."""
    import zipfile

    arrays: Arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            claimed = sum(archive.getinfo(f"{key}.npy").file_size for key in (*SHAPES, "values"))
            if claimed > MOST_ARRAYS:
                raise ValueError(f"{claimed:,} bytes of arrays are over the {MOST_ARRAYS:,} that are read")
            for key in (*SHAPES, "values"):
                with archive.open(f"{key}.npy") as member:
                    arrays[key] = _member(member, archive.getinfo(f"{key}.npy").file_size)
    except KeyError as error:
        raise DamagedFile(f"{name}: no file of 'elastictok tokens': {str(error).strip(chr(39))}") from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise DamagedFile(f"{name}: damaged: {str(error)[:MOST_TEXT]}") from None  # it may quote half the file
    except Exception as error:  # zlib.error, and whatever else a broken archive gives
        raise DamagedFile(f"{name}: damaged: {type(error).__name__}") from None
    for key, (kind, axes) in SHAPES.items():
        if arrays[key].ndim != axes or arrays[key].dtype.kind != kind:
            raise DamagedFile(f"{name}: {key} is {arrays[key].dtype} of shape {arrays[key].shape}")
    if arrays["format"] != VERSION:
        raise UnsupportedFile(f"{name}: version {arrays['format']} is newer than this elastictok reads ({VERSION})")
    return arrays


def _member(member: Any, size: int) -> npt.NDArray[Any]:
    version = np.lib.format.read_magic(member)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read:
        raise ValueError(f"an array of format {version}")
    shape, fortran, dtype = read[version](member)
    if dtype.hasobject:
        raise ValueError("an array of objects, which could run code")
    data = member.read(size)
    if len(data) != int(np.prod(shape, dtype=object)) * dtype.itemsize:
        raise ValueError(f"{len(data)} bytes for an array of shape {shape}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _described(header: Header) -> dict[str, Any]:
    """A Header as JSON: fractions as text, bytes as hex."""

    def plain(value: Any) -> Any:
        if isinstance(value, Fraction):
            return str(value)
        return value.hex() if isinstance(value, bytes) else value

    return {key: plain(value) for key, value in {**asdict(header), "extra": dict(header.extra)}.items()}
