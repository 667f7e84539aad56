"""Cut coded frames into the padded tiles that a model takes, and join them again."""

from __future__ import annotations

import numpy as np

from ..container import Header
from ..models.base import Frames, TokenModel
from ..video.geometry import crop, pad, tile, untile


class Tiling:
    """The tiles of one file, numbered row by row from the top left. A file without tiles has one, the whole picture.

    width, height: of the coded frames. padded, tile: (height, width). Padding repeats the edge.
    """

    def __init__(self, header: Header) -> None:
        geometry = header.geometry
        self.width, self.height = header.coded_size
        self.padded = (geometry.height, geometry.width)
        self.tile = geometry.tile_hw
        self.rows = geometry.height // self.tile[0]
        self.columns = geometry.width // self.tile[1]
        self.tiles = self.rows * self.columns

    def cut(self, frames: Frames) -> list[Frames]:
        """Cut a block, (T, height, width, 3), into `tiles` contiguous arrays (T, *tile, 3).

        Raises ValueError for frames of another size.
        """
        if frames.shape[1:] != (self.height, self.width, 3):
            raise ValueError(f"frames of shape {frames.shape[1:]} in a file of {self.width}x{self.height}")
        return [np.ascontiguousarray(part) for part in tile(pad(frames, self.padded), self.tile)]

    def join(self, tiles: list[Frames], model: TokenModel) -> Frames:
        """What `decode` shows of a block's tiles: joined, filtered by the model, without the padding.

        Returns (T, height, width, 3). Without a filter it is the inverse of `cut`.
        """
        whole = tiles[0] if len(tiles) == 1 else untile(tiles, self.columns)
        return crop(model.post_filter(whole), self.width, self.height)

    def part(self, frames: Frames, number: int) -> Frames:
        """The part of frames (T, height, width, 3) that a tile shows, (T, *visible, 3)."""
        y, x = divmod(number, self.columns)
        (tile_height, tile_width), (height, width) = self.tile, self.visible(number)
        return frames[:, y * tile_height :, x * tile_width :][:, :height, :width]

    def visible(self, number: int) -> tuple[int, int]:
        """Return (height, width) of the part of a tile that is not padding. It starts at the tile's top left."""
        y, x = divmod(number, self.columns)
        tile_height, tile_width = self.tile
        return min(tile_height, self.height - y * tile_height), min(tile_width, self.width - x * tile_width)
