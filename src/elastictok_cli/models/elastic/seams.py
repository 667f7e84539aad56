"""A small convolutional filter across the borders of patches and tiles, on the joined picture.

Patches and tiles are coded side by side, and their borders show. The filter sees 16 pixels across each border and a few
along it, and adds what the pixels lack: first across the upright borders, then, with the same weights, across the level
ones.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH = 8  # pixels between borders
ACROSS = 2 * PATCH  # pixels that the filter sees and changes, half of them on each side of a border
ALONG = 3


class SeamFilter(nn.Module):
    """The filter. width: of its hidden layers. tile: side of a tile in pixels, a multiple of PATCH."""

    def __init__(self, width: int, tile: int) -> None:
        super().__init__()
        self.tile = tile
        self.see = nn.Conv2d(3, width, (ALONG, ACROSS), stride=(1, PATCH), bias=False)
        self.kind = nn.Parameter(torch.zeros(2, width))  # of a border: between patches, between tiles
        self.mix = nn.Conv2d(width, width, (ALONG, 1))
        self.add = nn.ConvTranspose2d(width, 3, (1, ACROSS), stride=(1, PATCH), bias=False)
        nn.init.zeros_(self.add.weight)  # an untrained filter changes nothing

    @property
    def macs(self) -> float:
        """Multiplications per pixel of a large picture."""
        taps = 3 * ACROSS * ALONG + ALONG * self.mix.out_channels + 3 * ACROSS
        return 2 * self.mix.out_channels * taps / PATCH

    def forward(self, x: Tensor, top: int = 0, left: int = 0) -> Tensor:
        """Filter pixels, float32 (batch, 3, height, width) on [-1, 1].

        height, width: multiples of PATCH. top, left: place of the first pixel, likewise.
        """
        x = self._upright(x, left)
        x = self._upright(x.transpose(2, 3), top)
        return x.transpose(2, 3)

    def _upright(self, x: Tensor, left: int) -> Tensor:
        if x.shape[3] < ACROSS:  # no border
            return x
        borders = left + PATCH * torch.arange(1, x.shape[3] // PATCH, device=x.device)
        kind = self.kind[(borders % self.tile == 0).long()].T[:, None]
        y = F.relu(self.see(_longer(x.to(self.kind.dtype))) + kind)
        y = F.relu(self.mix(_longer(y)))
        return x + self.add(y).float()


def _longer(x: Tensor) -> Tensor:
    """Repeat the first and last row, so that a kernel along the border keeps the height."""
    return F.pad(x, (0, 0, ALONG // 2, ALONG // 2), mode="replicate")
