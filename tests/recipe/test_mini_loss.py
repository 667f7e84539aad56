"""Random masks as in the paper, the gradient of the quantiser, and an error that equals the package's."""

from __future__ import annotations

import mini_loss
import mini_start
import numpy as np
import pytest
import torch

from elastictok_cli.models.elastic.adapter import ElasticModel
from elastictok_cli.models.elastic.network import Elastic

from .mini import CONFIG, smooth


@pytest.fixture(scope="module")
def network() -> Elastic:
    network = Elastic(CONFIG)
    random = torch.Generator().manual_seed(0)
    rng = np.random.default_rng(0)
    frames = np.stack([smooth(rng, 2) for _ in range(50)])
    mini_start.begin(network, network.patches(torch.from_numpy(frames)).flatten(0, 1))
    with torch.no_grad():  # layers that do something, so that order and past matter
        for name, weight in network.named_parameters():
            if name.endswith(("wo.weight", "w2.weight")):
                weight += torch.randn(weight.shape, generator=random) * 0.2
    return network


def test_counts_are_uniform_from_one_above_the_fewest_to_all() -> None:
    rng = np.random.default_rng(0)
    drawn = np.concatenate([mini_loss.kept_counts(rng, 5, 2, 8) for _ in range(2000)])
    values, times = np.unique(drawn, return_counts=True)
    assert values.tolist() == [3, 4, 5, 6, 7, 8]
    assert times.min() > 0.9 * len(drawn) / 6
    first = [mini_loss.kept_counts(rng, 5, 2, 8)[0] for _ in range(2000)]  # each place by itself, too
    assert np.unique(first, return_counts=True)[1].min() > 0.8 * len(first) / 6


def test_a_batch_has_few_and_many() -> None:
    rng = np.random.default_rng(1)
    for _ in range(50):
        assert sorted(np.digitize(mini_loss.kept_counts(rng, 4, 32, 512), [152, 272, 392])) == [0, 1, 2, 3]


def test_the_first_tokens_of_each_block_are_kept() -> None:
    present = mini_loss.mask(torch.tensor([[1, 3], [4, 2]]), 4)
    assert present.int().tolist() == [[1, 0, 0, 0, 1, 1, 1, 0], [1, 1, 1, 1, 1, 1, 0, 0]]


def test_quantising_in_training_is_quantising_with_a_gradient(network: Elastic) -> None:
    z = (torch.rand(50, 6, generator=torch.Generator().manual_seed(2)) * 6 - 3).requires_grad_()
    made = mini_loss.quantise(network.bottleneck, z)
    assert torch.allclose(made, network.bottleneck(z), atol=1e-6)
    made.sum().backward()
    smooth_ones = z.detach().clone().requires_grad_()
    (network.bottleneck.bounded(smooth_ones) / network.bottleneck.middle).sum().backward()
    assert torch.equal(z.grad, smooth_ones.grad) and z.grad.abs().min() > 0


def test_the_loss_of_a_row_is_what_the_codec_measures_block_by_block(network: Elastic) -> None:
    """The full pass with its mask and the cached pass of encode: the same tokens, the same pictures."""
    rng = np.random.default_rng(3)
    frames = smooth(rng, 2 * CONFIG.frames_per_block)
    kept = np.array([[5, 3]])
    with torch.no_grad():
        errors = mini_loss.block_errors(network, torch.from_numpy(frames)[None], kept)[0]
    model = ElasticModel(network, bytes(16))
    try:
        state = model.start(16, 16)
        for block in range(2):
            source = frames[2 * block : 2 * block + 2]
            analysis = model.prepare(state, source)
            tokens = model.tokens(state, analysis, int(kept[0, block]))
            shown = model.reconstruct(state, tokens)
            mse = float(((shown / 127.5 - source / 127.5) ** 2).mean())
            assert mse == pytest.approx(float(errors[block]), rel=0.02)  # bytes are rounded, the loss is not
            state = model.advance(state, tokens, analysis)
    finally:
        network.requires_grad_(True)


def test_a_block_sees_those_before_it_and_none_after_it(network: Elastic) -> None:
    rng = np.random.default_rng(4)
    frames = np.stack([smooth(rng, 4), smooth(rng, 4)])
    late, early = frames.copy(), frames.copy()
    late[:, 2:] = 255 - late[:, 2:]
    early[:, :2] = 255 - early[:, :2]
    kept = np.full((2, 2), 6)
    with torch.no_grad():
        plain, other_late, other_early = (
            mini_loss.block_errors(network, torch.from_numpy(v), kept) for v in (frames, late, early)
        )
    assert torch.allclose(plain[:, 0], other_late[:, 0], atol=1e-6)
    assert not torch.allclose(plain[:, 1], other_early[:, 1], atol=1e-4)
