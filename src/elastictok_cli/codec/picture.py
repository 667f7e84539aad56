"""From coded frames to what a model sees, and back: padding by repeating the edge, and tiles."""

from __future__ import annotations

import numpy as np

from ..container import Header
from ..models.base import Frames
from ..video.geometry import crop, pad, tile, untile


class Picture:
    """The cut of one file. Tiles are numbered in rows from the top left; without tiles, all is one."""

    def __init__(self, header: Header) -> None:
        geometry = header.geometry
        self.width, self.height = header.coded_size
        self.padded = (geometry.height, geometry.width)
        self.tile = geometry.tile_hw
        self.rows = geometry.height // self.tile[0]
        self.columns = geometry.width // self.tile[1]
        self.tiles = self.rows * self.columns

    def cut(self, frames: Frames) -> list[Frames]:
        """The tiles of a block: coded (T, height, width, 3) to `tiles` contiguous arrays (T, *tile, 3)."""
        if frames.shape[1:] != (self.height, self.width, 3):
            raise ValueError(f"frames of shape {frames.shape[1:]} in a file of {self.width}x{self.height}")
        return [np.ascontiguousarray(part) for part in tile(pad(frames, self.padded), self.tile)]

    def visible(self, tile: int) -> tuple[int, int]:
        """Height and width of what is not padding in a tile; it starts at the tile's top left."""
        y, x = divmod(tile, self.columns)
        th, tw = self.tile
        return min(th, self.height - y * th), min(tw, self.width - x * tw)

    def join(self, tiles: list[Frames]) -> Frames:
        """The inverse of `cut`: (T, height, width, 3), padding cut off."""
        whole = tiles[0] if len(tiles) == 1 else untile(tiles, self.columns)
        return crop(whole, self.width, self.height)
