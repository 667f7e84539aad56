"""The loss of elastictok-mini: random masks, the quantiser with a gradient, the error per block."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elastictok_cli.models.elastic.bottleneck import FSQ, VAE
from elastictok_cli.models.elastic.config import ElasticConfig
from elastictok_cli.models.elastic.network import Elastic

BATCH_ROWS = 16  # rows that are measured together


def share_count(config: ElasticConfig, share: float) -> int:
    """Number of tokens in a share of all, at least min_toks."""
    return max(config.min_toks, round(share * config.max_toks))


def kept_counts(rng: np.random.Generator, blocks: int, fewest: int, most: int) -> npt.NDArray[np.int64]:
    """Random numbers of kept tokens, int64 (blocks,): fewest + 1 .. most, all equally likely as in the paper.

    The draws of one call are stratified: one in each equal part of the range, in random order. Each block has the same
    distribution, and their mean has less noise.
    """
    places = (rng.permutation(blocks) + rng.random(blocks)) / blocks
    return fewest + 1 + np.floor(places * (most - fewest)).astype(np.int64)


def mask(kept: Tensor, most: int) -> Tensor:
    """The mask of the first tokens of each block: bool (batch, blocks * most). kept: (batch, blocks), counts."""
    return (torch.arange(most, device=kept.device) < kept[..., None]).flatten(1)


def quantise(bottleneck: FSQ | VAE, z: Tensor) -> Tensor:
    """`bottleneck(z)` with a straight-through gradient of the rounding. Raises TypeError for any other than FSQ."""
    if not isinstance(bottleneck, FSQ):
        raise TypeError("only models with FSQ codes are trained here")
    return round_through(bottleneck.bounded(z)) / bottleneck.middle.to(z.device)


def round_through(x: Tensor) -> Tensor:
    """Round, with a straight-through gradient."""
    return x + (torch.round(x) - x).detach()


def block_errors(network: Elastic, frames: Tensor, kept: npt.NDArray[np.int64]) -> Tensor:
    """Mean squared error on [-1, 1] of each block: float32 (batch, blocks).

    frames: uint8 (batch, blocks * frames_per_block, side, side, 3). kept: int64 (batch, blocks). Each block of a row
    sees those before it, as in a GOP. The result is on the network's device.
    """
    c, device = network.config, network.encoder.is_kept.device
    patches = network.patches(frames.to(device, non_blocking=True))
    present = mask(torch.from_numpy(kept).to(device), c.max_toks)
    z, _ = network.encoder(patches, present)
    decoded, _ = network.decode(quantise(network.bottleneck, z) * present[..., None])
    return (decoded - patches).square().reshape(*kept.shape, -1).mean(-1)


@torch.no_grad()
def measured(network: Elastic, frames: Tensor, kept: npt.NDArray[np.int64]) -> Tensor:
    """`block_errors` of any number of rows, without gradients. The result is on the CPU."""
    parts = (slice(first, first + BATCH_ROWS) for first in range(0, len(frames), BATCH_ROWS))
    return torch.cat([block_errors(network, frames[part], kept[part]).cpu() for part in parts])
