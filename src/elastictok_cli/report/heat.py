"""Where in the picture the tokens went: a count for each patch (or tile) of each block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ..container import Reader, decode_gop
from ..entropy.bitstream import find_syntax

Counts = npt.NDArray[np.int64]


def has_places(reader: Reader) -> bool:
    """The tokens of this file's model stand for places in the picture, finer than a tile."""
    return find_syntax(reader.header.syntax).place_size > 0


def cell_size(reader: Reader) -> tuple[int, int]:
    """(height, width) in pixels of what one count is for."""
    side = find_syntax(reader.header.syntax).place_size
    return (side, side) if side else reader.header.geometry.tile_hw


def heat_maps(reader: Reader, tables: Any = None) -> Iterator[Counts]:
    """Tokens of every cell, int64 (rows, columns), for each block in order.

    tables: the model's start values, for models with places: their tokens must be decoded. Raises DamagedFile.
    """
    header = reader.header
    geometry = header.geometry
    height, width = cell_size(reader)
    shape = geometry.height // height, geometry.width // width
    for number, gop in enumerate(reader.gops()):
        if not has_places(reader):
            yield from (np.array([tile.count for tile in block.tiles]).reshape(shape) for block in gop.blocks)
            continue
        for tiles in decode_gop(gop, header, tables, f"{reader.name}: {reader.gop_name(number)}", False):
            places = np.asarray(tiles[0].places, np.int64)
            yield np.bincount(places % (shape[0] * shape[1]), minlength=shape[0] * shape[1]).reshape(shape)
