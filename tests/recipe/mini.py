"""A model of elastictok-mini's shape, small enough for a test: blocks of 2 frames of 16x16, 8 tokens each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from elastictok_cli.models.elastic.config import ElasticConfig

CONFIG = ElasticConfig(
    name="tiny-mini",
    bottleneck_type="fsq",
    hidden_size=32,
    intermediate_size=40,
    num_encoder_layers=2,
    num_decoder_layers=2,
    num_attention_heads=4,
    rms_norm_eps=1e-5,
    theta=100.0,
    patch_size=(1, 8, 8),
    frames_per_block=2,
    resolution=16,
    max_toks=8,
    min_toks=2,
    max_sequence_length=16,
)


def smooth(rng: np.random.Generator, frames: int) -> npt.NDArray[np.uint8]:
    """Pictures that few numbers describe: moving slopes of brightness, uint8 (frames, 16, 16, 3)."""
    side = CONFIG.resolution
    level, across, down, drift = rng.uniform(-1, 1, 4) * (100, 4, 4, 6)
    y, x = np.mgrid[:side, :side]
    v = 128 + level + across * (x - 8) + down * (y - 8) + drift * np.arange(frames)[:, None, None]
    return np.repeat(v[..., None], 3, -1).clip(0, 255).astype(np.uint8)


def rows(rng: np.random.Generator, count: int, frames: int) -> torch.Tensor:
    """The rows of a training step, smooth pictures: uint8 (count, frames, 16, 16, 3)."""
    return torch.from_numpy(np.stack([smooth(rng, frames) for _ in range(count)]))
