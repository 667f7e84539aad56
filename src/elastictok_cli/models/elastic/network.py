"""The network of the original ElasticTok (arXiv 2410.08368) in PyTorch: encoder, bottleneck, decoder.

Pixels are float32 on [-1, 1], cut into patches of one token each. A block keeps its first tokens and drops the others
(the paper's tail masking). The mask is an input of the encoder, so every count of tokens is an encoder pass of its own.
The decoder gets zeros for dropped tokens. Frames, thresholds and states belong to adapter.py.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .bottleneck import FSQ, VAE
from .config import ElasticConfig
from .layers import KvCache, Transformer
from .seams import SeamFilter


class Encoder(nn.Module):
    """Patches and the mask of kept tokens to the input of the bottleneck."""

    def __init__(self, config: ElasticConfig) -> None:
        super().__init__()
        self.in_proj = nn.Linear(config.patch_values, config.hidden_size, bias=False)
        self.is_kept, self.is_masked = (nn.Parameter(torch.empty(1, config.hidden_size)) for _ in range(2))
        self.transformer = Transformer(config, config.num_encoder_layers)
        self.pre_quant = nn.Linear(config.hidden_size, config.pre_latent_size, bias=False)

    def forward(self, patches: Tensor, mask: Tensor, past: KvCache | None = None) -> tuple[Tensor, KvCache]:
        """patches: (batch, tokens, patch_values). mask: bool (batch, tokens), true for kept tokens.

        Returns float32 (batch, tokens, pre_latent_size), and the keys and values of these blocks.
        """
        x = self.in_proj(patches.to(self.in_proj.weight.dtype))
        x = x + torch.where(mask[..., None], self.is_kept, self.is_masked)
        x, new = self.transformer(x, past)
        return self.pre_quant(x).float(), new


class Decoder(nn.Module):
    """Latents, zero for dropped tokens, to patches."""

    def __init__(self, config: ElasticConfig) -> None:
        super().__init__()
        self.post_quant = nn.Linear(config.latent_size, config.hidden_size, bias=False)
        self.transformer = Transformer(config, config.num_decoder_layers)
        self.out_proj = nn.Linear(config.hidden_size, config.patch_values, bias=False)

    def forward(self, latents: Tensor, past: KvCache | None = None) -> tuple[Tensor, KvCache]:
        """latents: (batch, tokens, latent_size). Returns patches as the encoder takes them, and keys and values."""
        x, new = self.transformer(self.post_quant(latents.to(self.post_quant.weight.dtype)), past)
        return torch.tanh(self.out_proj(x).float()), new


class Elastic(nn.Module):
    """The whole network. A call takes several blocks at once, or one block with the cache of those before it."""

    def __init__(self, config: ElasticConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.bottleneck = FSQ(config.fsq_quant_levels) if config.bottleneck_type == "fsq" else VAE(config.latent_size)
        self.decoder = Decoder(config)
        self.seams = SeamFilter(config.seam_width, config.resolution) if config.seam_width else None

    def encode(self, patches: Tensor, mask: Tensor, past: KvCache | None = None) -> tuple[Tensor, KvCache]:
        """Latents (batch, tokens, latent_size), zero where the mask is false, and new keys and values."""
        z, new = self.encoder(patches, mask, past)
        return self.bottleneck(z) * mask[..., None], new

    def decode(self, latents: Tensor, past: KvCache | None = None) -> tuple[Tensor, KvCache]:
        """Patches of the blocks with these latents, and new keys and values."""
        patches, new = self.decoder(latents, past)
        return patches, new

    # --- pixels

    def patches(self, frames: Tensor) -> Tensor:
        """Frames to patches: uint8 (batch, frames, side, side, 3) to float32 (batch, tokens, patch_values).

        Tokens are ordered by time, row, column.
        """
        t, h, w = self.config.patch_size
        b, frame_count, side, _, _ = frames.shape
        x = frames.reshape(b, frame_count // t, t, side // h, h, side // w, w, 3)
        return x.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(b, -1, self.config.patch_values).float() / 127.5 - 1

    def pixels(self, patches: Tensor) -> Tensor:
        """Patches to frames, the inverse of `patches` but for the type: float32 on [-1, 1]."""
        t, h, w = self.config.patch_size
        side = self.config.resolution
        x = patches.reshape(len(patches), -1, side // h, side // w, t, h, w, 3)
        return x.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(len(patches), -1, side, side, 3)

    def filtered(self, frames: Tensor) -> Tensor:
        """Joined tiles without their seams: uint8 (frames, height, width, 3) to float32 of that shape, on [-1, 1].

        height, width: multiples of the resolution. The same pixels if the model has no filter.
        """
        x = frames.float() / 127.5 - 1
        return x if self.seams is None else self.seams(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
