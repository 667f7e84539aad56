"""Between encoder and decoder: finite scalar quantisation, or the VAE's mean with a quantiser of ours behind
it.

Both turn what the encoder ends in into *latents* (what the decoder is fed), and latents into tokens and back.
What is
stored is what the decoder gets: `latents(tokens(z))` is exact for FSQ and the nearest stored value for the
VAE.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn


class FSQ(nn.Module):
    """arXiv 2309.15505 with the original's conventions: a dimension is rounded to one of `levels` values."""

    def __init__(self, levels: tuple[int, ...]) -> None:
        super().__init__()
        self.levels = levels
        wide = np.array(levels, np.float64)
        half = (wide - 1) * (1 - 1e-3) / 2
        offset = np.where(wide % 2 == 0, 0.5, 0.0)
        # tan, where the paper's inverse would be atanh: the published models were trained with it.
        constants = (half, offset, np.tan(offset / half), wide // 2)
        # On the CPU also where "meta" is the default; no part of the weights.
        tensors = (torch.tensor(value, dtype=torch.float32, device="cpu") for value in constants)
        self.reach, self.offset, self.shift, self.middle = tensors
        self.basis = np.cumprod((1, *levels[:-1]))  # the first dimension is the lowest digit

    def bounded(self, z: Tensor) -> Tensor:
        """What is rounded: (..., dimensions), within the levels."""
        reach, offset, shift = (part.to(z.device) for part in (self.reach, self.offset, self.shift))
        return torch.tanh(z + shift) * reach - offset

    def forward(self, z: Tensor) -> Tensor:
        """Encoder output (..., dimensions) to latents on the grid, -1 .. 1."""
        return torch.round(self.bounded(z)) / self.middle.to(z.device)

    def tokens(self, latents: Tensor) -> npt.NDArray[np.int64]:
        """Grid points (..., dimensions) to indexes (...)."""
        digits = torch.round(latents.cpu() * self.middle + self.middle).numpy().astype(np.int64)
        index: npt.NDArray[np.int64] = digits @ self.basis
        return index

    def latents(self, tokens: npt.NDArray[Any]) -> Tensor:
        """The inverse of `tokens`, float32."""
        digits = tokens.astype(np.int64)[..., None] // self.basis % np.array(self.levels)
        return (torch.from_numpy(digits).float() - self.middle) / self.middle


class VAE(nn.Module):
    """The mean of the distribution; its variance only matters in training.

    scale: the quantiser's step by dimension. A token is int8 by dimension, so latents beyond 127 steps are
    cut off.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.scale = nn.Parameter(torch.ones(size), requires_grad=False)

    def forward(self, z: Tensor) -> Tensor:
        """Encoder output (..., 2 size) to means (..., size)."""
        return z[..., : self.size]

    def tokens(self, latents: Tensor) -> npt.NDArray[np.int8]:
        """Means to int8 steps of the same shape."""
        steps = torch.round(latents.float().cpu() / self.scale.cpu()).clamp(-127, 127)
        values: npt.NDArray[np.int8] = steps.numpy().astype(np.int8)
        return values

    def latents(self, tokens: npt.NDArray[Any]) -> Tensor:
        """What the decoder is fed, float32."""
        return torch.from_numpy(tokens.astype(np.float32)) * self.scale.cpu()
