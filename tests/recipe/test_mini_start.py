"""The initial weights: linear codes, the constant in both networks, heads that attend to their position."""

from __future__ import annotations

import mini_start
import numpy as np
import pytest
import torch

from elastictok_cli.models.elastic.network import Elastic

from .mini import CONFIG, smooth


@pytest.fixture(scope="module")
def patches() -> torch.Tensor:
    rng = np.random.default_rng(0)
    frames = np.stack([smooth(rng, 2) for _ in range(200)])
    return Elastic(CONFIG).patches(torch.from_numpy(frames)).flatten(0, 1)


@pytest.fixture(scope="module")
def begun(patches: torch.Tensor) -> Elastic:
    network = Elastic(CONFIG)
    mini_start.begin(network, patches)
    return network


def test_principal_components_come_by_variance(patches: torch.Tensor) -> None:
    components, variance = mini_start.principal(patches)
    assert torch.allclose(components @ components.T, torch.eye(len(components)), atol=1e-4)
    assert (variance[:-1] >= variance[1:]).all()
    assert torch.isclose((patches @ components[0]).square().mean(), variance[0], rtol=1e-3)


def test_the_fit_lowers_the_error_and_the_network_begins_with_it(patches: torch.Tensor) -> None:
    network = Elastic(CONFIG)
    mini_start.begin(network, patches)
    errors = list(mini_start.fit(network, patches, 60, batch=256))
    assert np.mean(errors[-5:]) < 0.8 * np.mean(errors[:5])
    assert np.mean(errors[-5:]) < 0.1 * float(patches.square().mean())
    # no layer changes anything yet but the decoder's first, so whole blocks come out as single patches do
    with torch.no_grad():
        block = patches[:8][None]
        z, _ = network.encode(block, torch.ones(1, 8, dtype=torch.bool))
        whole, _ = network.decode(z)
        alone = mini_start.past_attention(network, patches[:8])
    assert (whole[0] - alone).square().mean() < 0.1 * alone.square().mean()


def test_kept_and_dropped_tokens_have_the_same_constant_in_the_decoder(begun: Elastic) -> None:
    """From the second layer on. Without it, dropped tokens, which start as zeros, could not attend by position."""
    layer = begun.decoder.transformer.layers[0]
    latents = torch.rand(1, 8, 6, generator=torch.Generator().manual_seed(1)) - 0.5
    latents[:, 5:] = 0
    angles = torch.zeros(8, CONFIG.head_size // 2)
    with torch.no_grad():
        x, _ = layer(begun.decoder.post_quant(latents), (torch.cos(angles), torch.sin(angles)), None)
    constant = x[0, :, mini_start.CONSTANT]
    assert constant.min() > 0.8 * constant.max() > 0


@pytest.mark.parametrize("offset", [-1, 1, -3, 0])
def test_a_head_attends_to_its_position(offset: int) -> None:
    from elastictok_cli.models.elastic.layers import Attention, apply_rope, rope_table

    attention = Attention(CONFIG)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.zero_()
    mini_start.look_at(attention, 1, offset, CONFIG.theta, constant=3.0)
    x = torch.zeros(16, CONFIG.hidden_size)
    x[:, mini_start.CONSTANT] = 3.0
    rope = tuple(torch.from_numpy(part) for part in rope_table(np.arange(16), CONFIG.head_size, CONFIG.theta))
    with torch.no_grad():
        q, k = (
            apply_rope(w(x).reshape(16, -1, CONFIG.head_size).transpose(0, 1), (rope[0], rope[1]))
            for w in (attention.wq, attention.wk)
        )
        logits = (q @ k.transpose(1, 2))[1] / CONFIG.head_size**0.5
    for place in range(4, 12):
        row = logits[place]
        assert int(row.argmax()) == place + offset
        assert float(row[place + offset] - row[place + offset + 1]) == pytest.approx(mini_start.NEAR, rel=0.01)
