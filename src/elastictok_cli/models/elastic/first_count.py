"""Guess how many tokens a block needs, before any candidate is tried: where the search starts.

The guess costs a hundredth of a candidate. It decides no token by itself: what is kept was measured.
"""

from __future__ import annotations

import numpy as np

from ...metrics import block_mse, contrast
from ..base import Frames

# Fitted with elastictok-mini to first blocks of training clips at 0.015 and 0.007: see `needed_share`.
PATCH_THRESHOLD, TOKENS_PER_PATCH = 0.5, 1.4
MIN_SHARE = 1 / 8  # of the tokens: from there a search is soon at fewer


def needed_share(source: Frames, threshold: float, patch: tuple[int, int]) -> float:
    """The share of patches that must be more than their mean colour, so that the error is the threshold.

    As in reverse water-filling: patches of the smallest variance are left out first. source: uint8 (T, H, W, 3).
    patch: its height and width in pixels, which divide H and W.
    """
    frames, height, width, _ = source.shape
    high, wide = patch
    pixels = source.astype(np.float32).reshape(frames, height // high, high, width // wide, wide, 3) / 127.5
    variance = np.sort(pixels.var((2, 4)).mean(-1).reshape(-1))
    left_out = int(np.searchsorted(np.cumsum(variance) / len(variance), threshold))
    return 1 - left_out / len(variance)


def is_cut(source: Frames, before: Frames) -> bool:
    """Whether a block shows something else than the frame before it: the difference has more energy than the block."""
    return block_mse(source, np.repeat(before, len(source), axis=0)) > contrast(source)
