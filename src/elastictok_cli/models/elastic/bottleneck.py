"""The bottlenecks between encoder and decoder: finite scalar quantisation (FSQ), or the VAE's mean, quantised to int8.

Both turn the encoder's output into *latents*, the decoder's input, and latents into tokens and back. The quantiser of
the VAE is not in the original. `latents(tokens(z))` is z for FSQ, and the nearest value that can be stored for the VAE.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn


class FSQ(nn.Module):
    """Finite scalar quantisation (arXiv 2309.15505) with the conventions of the original ElasticTok.

    levels: number of values of each dimension.
    """

    def __init__(self, levels: tuple[int, ...]) -> None:
        super().__init__()
        self.levels = levels
        count = np.array(levels, np.float64)
        half = (count - 1) * (1 - 1e-3) / 2
        offset = np.where(count % 2 == 0, 0.5, 0.0)
        # The paper says atanh, but the published models were trained with tan.
        constants = (half, offset, np.tan(offset / half), count // 2)
        # On the CPU even where "meta" is the default device: they are not weights.
        tensors = (torch.tensor(value, dtype=torch.float32, device="cpu") for value in constants)
        self.half_range, self.offset, self.shift, self.middle = tensors
        self.basis = np.cumprod((1, *levels[:-1]))  # the first dimension is the lowest digit

    @property
    def grid(self) -> tuple[Tensor, Tensor, Tensor]:
        """What latents are multiples of, and the smallest and largest multiple: each (dimensions,)."""
        count = torch.tensor(self.levels)
        return 1 / self.middle, -(count // 2), (count - 1) // 2

    def bounded(self, z: Tensor) -> Tensor:
        """Encoder output (..., dimensions), bounded to the range of the levels, before rounding."""
        half_range, offset, shift = (part.to(z.device) for part in (self.half_range, self.offset, self.shift))
        return torch.tanh(z + shift) * half_range - offset

    def forward(self, z: Tensor) -> Tensor:
        """Encoder output (..., dimensions) to latents of the same shape, on the grid in -1 .. 1."""
        return torch.round(self.bounded(z)) / self.middle.to(z.device)

    def tokens(self, latents: Tensor) -> npt.NDArray[np.int64]:
        """Latents (..., dimensions) to tokens (...), 0 .. codebook size - 1."""
        digits = torch.round(latents.cpu() * self.middle + self.middle).numpy().astype(np.int64)
        index: npt.NDArray[np.int64] = digits @ self.basis
        return index

    def latents(self, tokens: npt.NDArray[Any]) -> Tensor:
        """The inverse of `tokens`, float32."""
        digits = tokens.astype(np.int64)[..., None] // self.basis % np.array(self.levels)
        return (torch.from_numpy(digits).float() - self.middle) / self.middle


class VAE(nn.Module):
    """The VAE: its latent is the mean of the distribution. The variance only matters in training.

    size: dimensions of the latent. scale: quantisation step by dimension. Tokens are int8, so latents are clipped to
    127 steps.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.scale = nn.Parameter(torch.ones(size), requires_grad=False)

    @property
    def grid(self) -> tuple[Tensor, Tensor, Tensor]:
        """As `FSQ.grid`."""
        return self.scale, torch.full((self.size,), -127), torch.full((self.size,), 127)

    def forward(self, z: Tensor) -> Tensor:
        """Encoder output, means and log-variances (..., 2 size), to latents (..., size)."""
        return z[..., : self.size]

    def tokens(self, latents: Tensor) -> npt.NDArray[np.int8]:
        """Latents to tokens of the same shape, int8 multiples of the scale."""
        steps = torch.round(latents.float().cpu() / self.scale.cpu()).clamp(-127, 127)
        values: npt.NDArray[np.int8] = steps.numpy().astype(np.int8)
        return values

    def latents(self, tokens: npt.NDArray[Any]) -> Tensor:
        """Tokens to latents of the same shape, float32."""
        return torch.from_numpy(tokens.astype(np.float32)) * self.scale.cpu()
