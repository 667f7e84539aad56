"""Pixels on [-1, 1] to uint8."""

from __future__ import annotations

import torch
from torch import Tensor

from ..base import Frames


def to_uint8(pixels: Tensor) -> Frames:
    """Pixels on [-1, 1] to uint8, rounded."""
    frames: Frames = ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    return frames


def to_uint8_truncated(pixels: Tensor) -> Frames:
    """Pixels on [-1, 1] to uint8, truncated as the original saves them."""
    frames: Frames = ((pixels.clamp(-1, 1) + 1) * 127.5).to(torch.uint8).cpu().numpy()
    return frames
