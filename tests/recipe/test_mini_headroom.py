"""What keeps blocks above a threshold, on a model small enough to be fitted in a test."""

from __future__ import annotations

import headroom_mini
import mini_start
import numpy as np
import pytest
import torch
from mini_loss import measured
from torch import Tensor

from elastictok_cli.models.elastic.network import Elastic

from .mini import CONFIG, rows, smooth


@pytest.fixture(scope="module")
def network() -> Elastic:
    network = Elastic(CONFIG)
    frames = np.stack([smooth(np.random.default_rng(seed), 2) for seed in range(50)])
    mini_start.begin(network, network.patches(torch.from_numpy(frames)).flatten(0, 1))
    return network.requires_grad_(False)


@pytest.fixture(scope="module")
def patches(network: Elastic) -> Tensor:
    return network.patches(rows(np.random.default_rng(1), 6, 2))


def test_the_error_equals_that_of_the_codec(network: Elastic, patches: Tensor) -> None:
    wrong = headroom_mini.wrong(network, patches, headroom_mini.bounded(network, patches).round())
    frames = rows(np.random.default_rng(1), 6, 2)
    errors = measured(network, frames, np.full((6, 1), CONFIG.max_toks))
    assert torch.allclose(wrong.square().mean((1, 2)), errors[:, 0], rtol=1e-4)


def test_fitted_codes_are_codes_and_better_in_every_block(network: Elastic, patches: Tensor) -> None:
    codes = headroom_mini.bounded(network, patches)
    fitted = headroom_mini.fitted(network, patches, codes, 10)
    assert torch.equal(fitted, fitted.round())
    on_grid = network.bottleneck.latents(network.bottleneck.tokens(fitted / network.bottleneck.middle))
    assert torch.equal(on_grid * network.bottleneck.middle, fitted)  # none beyond the last level
    before, after = (headroom_mini.wrong(network, patches, c).square().mean((1, 2)) for c in (codes.round(), fitted))
    assert (after <= before + 1e-7).all() and after.mean() < 0.95 * before.mean()
