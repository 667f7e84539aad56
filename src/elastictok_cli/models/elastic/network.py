"""The original ElasticTok (arXiv 2410.08368) in PyTorch: encoder, bottleneck, decoder.

Pixels are float32 on [-1, 1], cut into patches; a token belongs to a patch. A block keeps its first `kept`
tokens, and
the encoder is told which: every count is an encoder pass of its own. A dropped token reaches the decoder as
zeros. Frames, thresholds and states are `adapter.py`'s business.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .bottleneck import FSQ, VAE
from .config import ElasticConfig
from .layers import Past, Transformer


class Encoder(nn.Module):
    """Patches and which of them are kept, to what the bottleneck takes."""

    def __init__(self, config: ElasticConfig) -> None:
        super().__init__()
        self.in_proj = nn.Linear(config.patch_values, config.hidden_size, bias=False)
        self.is_kept, self.is_masked = (nn.Parameter(torch.empty(1, config.hidden_size)) for _ in range(2))
        self.transformer = Transformer(config, config.num_encoder_layers)
        self.pre_quant = nn.Linear(config.hidden_size, config.pre_latent_size, bias=False)

    def forward(self, patches: Tensor, mask: Tensor, past: Past | None = None) -> tuple[Tensor, Past]:
        """patches: (batch, tokens, values), mask: bool (batch, tokens), true where kept. Returns float32."""
        x = self.in_proj(patches.to(self.in_proj.weight.dtype))
        x = x + torch.where(mask[..., None], self.is_kept, self.is_masked)
        x, new = self.transformer(x, past)
        return self.pre_quant(x).float(), new


class Decoder(nn.Module):
    """Latents, zero where dropped, to patches."""

    def __init__(self, config: ElasticConfig) -> None:
        super().__init__()
        self.post_quant = nn.Linear(config.latent_size, config.hidden_size, bias=False)
        self.transformer = Transformer(config, config.num_decoder_layers)
        self.out_proj = nn.Linear(config.hidden_size, config.patch_values, bias=False)

    def forward(self, latents: Tensor, past: Past | None = None) -> tuple[Tensor, Past]:
        """latents: (batch, tokens, latent size). Returns float32 patches on [-1, 1]."""
        x, new = self.transformer(self.post_quant(latents.to(self.post_quant.weight.dtype)), past)
        return torch.tanh(self.out_proj(x).float()), new


class Elastic(nn.Module):
    """The whole model. Several blocks in a call are the full path, one block with a past the cached path."""

    def __init__(self, config: ElasticConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.bottleneck = FSQ(config.fsq_quant_levels) if config.bottleneck_type == "fsq" else VAE(config.latent_size)
        self.decoder = Decoder(config)

    def encode(self, patches: Tensor, mask: Tensor, past: Past | None = None) -> tuple[Tensor, Past]:
        """Latents, zero where the mask is false, and the keys and values for the blocks after."""
        z, new = self.encoder(patches, mask, past)
        return self.bottleneck(z) * mask[..., None], new

    def decode(self, latents: Tensor, past: Past | None = None) -> tuple[Tensor, Past]:
        """Patches of the blocks whose latents these are, and the keys and values for the blocks after."""
        patches, new = self.decoder(latents, past)
        return patches, new

    # --- pixels

    def patches(self, frames: Tensor) -> Tensor:
        """uint8 (batch, frames, side, side, 3) to float32 (batch, tokens, values); time, row, column."""
        t, h, w = self.config.patch_size
        b, frame_count, side, _, _ = frames.shape
        x = frames.reshape(b, frame_count // t, t, side // h, h, side // w, w, 3)
        return x.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(b, -1, self.config.patch_values).float() / 127.5 - 1

    def pixels(self, patches: Tensor) -> Tensor:
        """The inverse of `patches`, still float32 on [-1, 1]."""
        t, h, w = self.config.patch_size
        side = self.config.resolution
        x = patches.reshape(len(patches), -1, side // h, side // w, t, h, w, 3)
        return x.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(len(patches), -1, side, side, 3)
