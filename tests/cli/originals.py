"""Tiny original models with random weights, as files for --model: blocks of two frames, tiles of 32x32."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file

from elastictok_cli.models.elastic.config import ElasticConfig
from elastictok_cli.models.elastic.network import Elastic

SIDE, MOST = 32, 32


def write_original(folder: Path, kind: str = "fsq") -> Path:
    """kind: fsq, or vae (five numbers a token)."""
    config = ElasticConfig(
        name=f"tiny-{kind}",
        bottleneck_type=kind,
        hidden_size=32,
        intermediate_size=48,
        num_encoder_layers=2,
        num_decoder_layers=3,
        num_attention_heads=2,
        rms_norm_eps=1e-5,
        theta=5e6,
        patch_size=(1, 8, 8),
        frames_per_block=2,
        resolution=SIDE,
        max_toks=MOST,
        min_toks=4,
        max_sequence_length=4 * MOST,
        vae_bottleneck_dim=5,
    )
    network = Elastic(config)
    random = torch.Generator().manual_seed(0)
    weights = network.state_dict()
    for key, value in weights.items():
        if key != "bottleneck.scale":
            noise = torch.randn(value.shape, generator=random)
            weights[key] = noise / value.shape[-1] ** 0.5 if value.ndim > 1 else 1 + 0.3 * noise
        else:
            weights[key] = torch.full_like(value, 1 / 32)
    said = {"model": config.name, "generation": "1", "syntax": config.syntax, "config": config.to_json()}
    path = folder / f"{config.name}.safetensors"
    save_file(weights, path, metadata=said)
    return path
