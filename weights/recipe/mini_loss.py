"""What elastictok-mini is trained to do: masks, the quantiser with a gradient, the error by block."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elastictok_cli.models.elastic.bottleneck import FSQ, VAE
from elastictok_cli.models.elastic.config import ElasticConfig
from elastictok_cli.models.elastic.network import Elastic

AT_ONCE = 16  # rows that are measured together


def share_count(config: ElasticConfig, share: float) -> int:
    """How many tokens a share of all is, no fewer than the model's fewest."""
    return max(config.min_toks, round(share * config.max_toks))


def kept_counts(rng: np.random.Generator, blocks: int, fewest: int, most: int) -> npt.NDArray[np.int64]:
    """Tokens kept in each of `blocks` blocks: fewest + 1 .. most, all equally likely, as the paper draws them.

    The draws of one call are spread over the range (one in each equal part, in random order): the same distribution
    for each block, with less noise in their mean.
    """
    places = (rng.permutation(blocks) + rng.random(blocks)) / blocks
    return fewest + 1 + np.floor(places * (most - fewest)).astype(np.int64)


def mask(kept: Tensor, most: int) -> Tensor:
    """kept: (batch, blocks). Returns bool (batch, blocks * most): the first tokens of each block."""
    return (torch.arange(most, device=kept.device) < kept[..., None]).flatten(1)


def quantise(bottleneck: FSQ | VAE, z: Tensor) -> Tensor:
    """As `bottleneck(z)`, with the gradient of what is rounded passed straight through. FSQ only: TypeError."""
    if not isinstance(bottleneck, FSQ):
        raise TypeError("only models with FSQ codes are trained here")
    return round_through(bottleneck.bounded(z)) / bottleneck.middle.to(z.device)


def round_through(x: Tensor) -> Tensor:
    """Rounded, with the gradient passed straight through."""
    return x + (torch.round(x) - x).detach()


def block_errors(network: Elastic, frames: Tensor, kept: npt.NDArray[np.int64]) -> Tensor:
    """Mean squared error on [-1, 1] of each block: float32 (batch, blocks).

    frames: uint8 (batch, blocks * frames of a block, side, side, 3). kept: (batch, blocks). Blocks of a row see those
    before them, as in a GOP. On the network's device.
    """
    c, device = network.config, network.encoder.is_kept.device
    patches = network.patches(frames.to(device, non_blocking=True))
    present = mask(torch.from_numpy(kept).to(device), c.max_toks)
    z, _ = network.encoder(patches, present)
    made, _ = network.decode(quantise(network.bottleneck, z) * present[..., None])
    return (made - patches).square().reshape(*kept.shape, -1).mean(-1)


@torch.no_grad()
def measured(network: Elastic, frames: Tensor, kept: npt.NDArray[np.int64]) -> Tensor:
    """`block_errors` of any number of rows, without gradients, on the CPU."""
    parts = (slice(first, first + AT_ONCE) for first in range(0, len(frames), AT_ONCE))
    return torch.cat([block_errors(network, frames[part], kept[part]).cpu() for part in parts])
