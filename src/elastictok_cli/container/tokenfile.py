"""Save the tokens of an .etok file as numpy arrays in one .npz, and make an .etok file of them. No pickle, no torch.

counts, steps   int32 (blocks, tiles)     values   uint16 (tokens,) or int8 (tokens, channels): the tokens of all
met, mse        bool, float64, likewise            tiles of all blocks, `counts` of each, one after the other
gop, frames     int32 (blocks,)           places   uint32 (tokens,), if the model's tokens have a position
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
from .format import MAX_MSE, BlockRecord, Gop, Header, TileRecord
from .gop_tokens import decode_gop
from .head import pack_head, parse_head
from .reader import Reader
from .writer import Writer

VERSION = 1
MAX_ARRAY_BYTES = 1 << 29  # deflate can expand a file by a factor of a thousand
MAX_MESSAGE = 200  # characters of an error, which may quote half of the file
SHAPES: Mapping[str, tuple[str, int]] = {  # kind of dtype and number of axes of the arrays that `etok_of` needs
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
TILE_FIELDS = {"counts": "count", "steps": "qindex", "met": "met", "mse": "mse"}  # array: field of TileRecord
JSON_NAMES = {"num_qindex": "steps", "tile_hw": "tile"}  # where the header's JSON has other names than Header
Arrays = dict[str, npt.NDArray[Any]]


def token_arrays(reader: Reader, tables: Any = None) -> Arrays:
    """Return all tokens of a file. They are all in memory at once.

    tables: start values from the model's weights, for syntaxes that need them. Raises DamagedFile.
    """
    header = replace(reader.header, audio=())
    rows: dict[str, list[Any]] = {name: [] for name in ("gop", "frames", "pts", *TILE_FIELDS)}
    values: list[npt.NDArray[Any]] = []
    places: list[npt.NDArray[Any]] = []
    for number, gop in enumerate(reader.gops()):
        rows["pts"].append(gop.pts)
        where = f"{reader.name}: {reader.gop_name(number)}"
        # Tokens come first in `zip`, because their digest is compared after the last block.
        for tokens, record in zip(decode_gop(gop, header, tables, where), gop.blocks, strict=True):
            rows["gop"].append(number)
            rows["frames"].append(record.frames)
            for key, field in TILE_FIELDS.items():
                rows[key].append([getattr(tile, field) for tile in record.tiles])
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
    """Write the .npz. Equal arrays give equal bytes."""
    import zipfile  # imported here, because `stats` must start fast and does not need it

    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, array in arrays.items():
            # ZipInfo has a fixed date
            with archive.open(zipfile.ZipInfo(f"{key}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def is_token_file(path: str | os.PathLike[str]) -> bool:
    """Whether the file at `path` is an .npz (or another zip) or a parquet table, by its first bytes."""
    try:
        with open(path, "rb") as file:
            return file.read(4) in (b"PK\x03\x04", b"PAR1")
    except OSError:
        return False


def etok_of(path: str | os.PathLike[str] | BinaryIO, name: str | None = None) -> bytes:
    """Return the .etok file, without sound, that holds the tokens of an .npz of `elastictok tokens`.

    Counts, steps and values may have been edited; DamagedFile is raised if they are impossible. Raises UnsupportedFile
    for tokens of a model whose syntax stores more than the tokens' values.
    """
    name = name or str(path)
    return etok_of_arrays(_load(path, name), name)


def etok_of_arrays(arrays: Arrays, name: str) -> bytes:
    """Return the .etok file of the arrays of an .npz. Raises as `etok_of`."""
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
    times = len(arrays["pts"])  # no block has more frames, so the sum below cannot overflow
    if ((arrays["frames"] < 1) | (arrays["frames"] > times)).any() or arrays["frames"].sum() != times:
        raise ValueError(f"{times} times for {arrays['frames'].sum()} frames")
    if (counts > header.max_tokens).any():
        raise ValueError(f"{counts.max()} tokens in a tile of at most {header.max_tokens}")
    if ((arrays["steps"] < 0) | (arrays["steps"] >= max(1, header.num_qindex))).any():
        raise ValueError(f"steps must be 0 .. {max(1, header.num_qindex) - 1}")
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
                count, qindex = int(counts[block, tile]), int(arrays["steps"][block, tile])
                encoder.write(CodeTokens(values[token : token + count], length, qindex), tile)
                mse = float(arrays["mse"][block, tile])
                if not (0 <= mse <= MAX_MSE if header.is_measured else np.isnan(mse)):
                    raise ValueError(f"{mse} is not a mean squared error")
                met = bool(arrays["met"][block, tile])
                row.append(TileRecord(count=count, met=met, mse=mse, qindex=qindex))
                token += count
            records.append(BlockRecord(frames=length, tiles=tuple(row), tile_shares=header.tile_shares))
            frame += length
        pts = arrays["pts"][first:frame].astype(np.int64)
        payload = encoder.finish()
        found.append(Gop(first_frame=first, pts=pts, blocks=tuple(records), payload=payload, digest=encoder.digest))
    return found


def _checked(values: npt.NDArray[Any], header: Header) -> npt.NDArray[Any]:
    """Return the values as the token encoder takes them. Raises ValueError if they cannot be tokens."""
    check = find_syntax(header.syntax).check
    return values if check is None else check(values, header.channels)


def _load(path: str | os.PathLike[str] | BinaryIO, name: str) -> Arrays:
    """Load the arrays. Every length in the file is compared with the bytes that are there before it is used."""
    import zipfile

    arrays: Arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            claimed = sum(archive.getinfo(f"{key}.npy").file_size for key in (*SHAPES, "values"))
            if claimed > MAX_ARRAY_BYTES:
                raise ValueError(f"{claimed:,} bytes of arrays are over the {MAX_ARRAY_BYTES:,} that are read")
            for key in (*SHAPES, "values"):
                with archive.open(f"{key}.npy") as member:
                    arrays[key] = _member(member, archive.getinfo(f"{key}.npy").file_size)
    except KeyError as error:
        raise DamagedFile(f"{name}: not a file of 'elastictok tokens': {str(error).strip(chr(39))}") from None
    except OSError as error:
        raise InputError(f"{name}: cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as error:
        raise DamagedFile(f"{name}: damaged: {str(error)[:MAX_MESSAGE]}") from None
    except Exception as error:  # zlib.error, and whatever else a damaged archive raises
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
    """Return a header as JSON data: fractions as text, bytes as hex."""

    def plain(value: Any) -> Any:
        if isinstance(value, Fraction):
            return str(value)
        return value.hex() if isinstance(value, bytes) else value

    fields = {**asdict(header), "extra": dict(header.extra)}
    return {JSON_NAMES.get(key, key): plain(value) for key, value in fields.items()}
