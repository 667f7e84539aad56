"""A small convolutional filter across the borders of patches and tiles, on the joined picture.

Patches and tiles are coded side by side, and their borders show. The filter sees 24 pixels across each border and five
along it, and adds what the pixels lack: first across the upright borders, then, with the same weights, across the level
ones.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH = 8  # pixels between borders
ACROSS = 3 * PATCH  # pixels that the filter sees and changes, half of them on each side of a border
BEYOND = ACROSS // 2 - PATCH  # how far it reaches beyond the patches on both sides
ALONG = 3  # pixels that each of its two layers sees along a border


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

    def _upright(self, x: Tensor, left: int) -> Any:
        borders = left + PATCH * torch.arange(1, x.shape[3] // PATCH, device=x.device)
        if not len(borders):
            return x
        kind = self.kind[(borders % self.tile == 0).long()].T[:, None]
        seen = F.pad(x.to(self.kind.dtype), (BEYOND, BEYOND, ALONG // 2, ALONG // 2), mode="replicate")
        y = F.relu(self.see(seen) + kind)
        y = F.relu(self.mix(F.pad(y, (0, 0, ALONG // 2, ALONG // 2), mode="replicate")))
        return x + self.add(y)[..., BEYOND:-BEYOND].float()
