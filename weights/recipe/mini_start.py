"""The initial weights of elastictok-mini: a model that already codes each patch as well as linear maps can.

From random weights, training needs its first hour to get there. Three things are set by hand. Training may change all
of them, and the architecture (models/elastic/network.py) is the same:

- in_proj is the principal components of the training patches; pre_quant, post_quant and out_proj are fitted with the
  quantiser between them, without attention.
- A *constant*: one dimension of the residual stream that is equal in all tokens. Without it the norms would remove the
  amplitude, and no head could attend by position alone. In the encoder it comes with the mask embeddings. In the
  decoder the first feed-forward makes it: the squares of the values in a normalised token sum up to the width.
- Heads that attend to neighbours (left, right, above, below, the frames before and after), made of the constant and the
  rotary angles.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np
import numpy.typing as npt
import torch
from mini_loss import quantise
from torch import Tensor

from elastictok_cli.models.elastic.layers import Attention, Layer
from elastictok_cli.models.elastic.network import Elastic

CONSTANT = -1  # its dimension of the residual stream, in both halves
FLAG = -2  # the encoder's: kept or not
CONTENT = 32.0  # squared length of a token; the constant's is four times as large, so that norms stay almost linear
NEAR = 2.0  # how much a head prefers its position to the neighbour of that position, in logits


def principal(patches: Tensor) -> tuple[Tensor, Tensor]:
    """Principal components by rows, (values, values), and their variances, largest first. patches: (n, values)."""
    variance, vectors = torch.linalg.eigh((patches.T @ patches).double() / len(patches))
    return vectors.T.flip(0).float(), variance.flip(0).clamp(min=1e-6).float()


@torch.no_grad()
def look_at(attention: Attention, head: int, offset: int, theta: float, constant: float) -> None:
    """Let a head attend to the token `offset` positions further on. constant: its value in a normalised token.

    Its logits are a sum of cosines of the distance to that position times each rotary frequency.
    """
    size = attention.head_size
    frequency = theta ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    drop = float((1 - torch.cos(frequency)).sum()) / size**0.5  # between a place and its neighbour, per unit
    height = (NEAR / drop) ** 0.5 / constant
    rows = slice(head * size, (head + 1) * size)
    even = torch.stack((torch.ones_like(frequency), torch.zeros_like(frequency)), -1).flatten()
    turned = torch.stack((torch.cos(offset * frequency), -torch.sin(offset * frequency)), -1).flatten()
    for matrix, pattern in ((attention.wq, even), (attention.wk, turned)):
        matrix.weight[rows] *= 0.3  # so that content still counts
        matrix.weight[rows, CONSTANT] = (height * pattern).float()


@torch.no_grad()
def begin(network: Elastic, patches: Tensor, seed: int = 0) -> None:
    """Fill all weights. patches: float32 (n, values) on [-1, 1], some thousands of training patches."""
    c = network.config
    generator = torch.Generator().manual_seed(seed)
    for name, weight in network.named_parameters():
        if weight.ndim == 1:
            weight.fill_(1)
        elif name.endswith(("wo.weight", "w2.weight")):
            weight.zero_()  # every layer starts as the identity
        else:
            weight.normal_(0, weight.shape[-1] ** -0.5, generator=generator)
    width, latent = c.hidden_size, c.latent_size
    components, variance = principal(patches)
    shown = min(width - 2, c.patch_values)
    scale = variance[:shown] ** -0.25  # between whitened and unchanged
    scale *= (CONTENT / float((variance[:shown] * scale**2).sum())) ** 0.5
    encoder, decoder = network.encoder, network.decoder
    encoder.in_proj.weight.zero_()
    encoder.in_proj.weight[:shown] = scale[:, None] * components[:shown]
    for embedding, flag in ((encoder.is_kept, 0.5), (encoder.is_masked, -0.5)):
        embedding.zero_()
        embedding[0, CONSTANT], embedding[0, FLAG] = 2 * CONTENT**0.5, flag
    typical = (5.25 * CONTENT / width) ** 0.5  # root mean square of a token: content, constant and flag
    # The mean of a patch varies most by far: two numbers code it, half a level apart, so together they have twice as
    # many levels.
    held = [0, *range(latent - 1)]
    encoder.pre_quant.weight.zero_()
    for number, component in enumerate(held):
        encoder.pre_quant.weight[number, component] = typical / float(scale[component] * variance[component] ** 0.5)
    constant = 2 * CONTENT**0.5 / typical
    encoder.pre_quant.weight[:2, CONSTANT] = torch.tensor([0.07, -0.07]) / constant
    decoder.post_quant.weight.zero_()
    decoder.post_quant.weight[:latent] = torch.eye(latent)
    _make_constant(network)
    decoder.out_proj.weight.zero_()
    seen = _decoder_end(network, patches)
    wanted = torch.atanh(patches.clamp(-0.98, 0.98))
    ridge = 1e-4 * len(seen) * torch.eye(width)
    decoder.out_proj.weight.copy_(torch.linalg.solve(seen.T @ seen + ridge, seen.T @ wanted).T)
    beside, row = (-1, 1), c.resolution // c.patch_size[2]
    still = c.max_toks // (c.frames_per_block // c.patch_size[0])  # tokens of one time
    around, in_time = (*beside, -row, row), (-still, still, -2 * still)
    for number, layers in enumerate((encoder.transformer.layers, decoder.transformer.layers)):
        for depth, layer in enumerate(layers):
            if number == 1 and depth == 0:
                continue  # it has no constant yet
            attention = cast(Layer, layer).attention
            offsets = in_time if depth % 2 else around
            for head in range(min(c.num_attention_heads, len(offsets))):
                look_at(attention, head, offsets[(head + depth // 2) % len(offsets)], c.theta, constant)


def _make_constant(network: Elastic) -> None:
    """Set the decoder's first layer: dropped tokens (zeros) get the mean latent, and all tokens the constant."""
    c, layer = network.config, cast(Layer, network.decoder.transformer.layers[0])
    size = min(c.latent_size, c.head_size)
    one = torch.eye(size)
    layer.attention.wv.weight[: c.head_size].zero_()
    layer.attention.wv.weight[:size, :size] = one
    layer.attention.wo.weight[c.latent_size : c.latent_size + size, :size] = 0.1 * one
    inside = c.latent_size + size  # a token has these dimensions now, so their squares sum up to the width
    signs = torch.cat((torch.eye(inside), -torch.eye(inside)))  # silu(a) a + silu(-a) (-a) = a squared
    forward = layer.feed_forward
    for matrix in (forward.w1, forward.w3):
        matrix.weight[: 2 * inside].zero_()
        matrix.weight[: 2 * inside, :inside] = signs
    forward.w2.weight[CONSTANT, : 2 * inside] = 2 * c.latent_size**0.5 / c.hidden_size


def past_attention(network: Elastic, patches: Tensor) -> Tensor:
    """What the network does to single patches before a layer has learned: float32 (n, values) to the same shape."""
    return torch.tanh(network.decoder.out_proj(_decoder_end(network, patches)))


def _decoder_end(network: Elastic, patches: Tensor) -> Tensor:
    encoder, decoder = network.encoder, network.decoder
    x = encoder.transformer.ln_f(encoder.in_proj(patches) + encoder.is_kept)
    x = decoder.post_quant(quantise(network.bottleneck, encoder.pre_quant(x)))
    first = cast(Layer, decoder.transformer.layers[0])
    x = x + first.feed_forward(first.ffn_norm(x))
    return cast(Tensor, decoder.transformer.ln_f(x))


def fit(network: Elastic, patches: Tensor, steps: int, batch: int = 2048, seed: int = 0) -> Iterator[float]:
    """Fit the maps around the quantiser to single patches. Yields the error of each step."""
    free = [network.encoder.pre_quant.weight, network.decoder.post_quant.weight, network.decoder.out_proj.weight]
    optimizer = torch.optim.Adam(free, lr=3e-3)
    rng: np.random.Generator = np.random.default_rng(seed)
    for step in range(steps):
        chosen: npt.NDArray[np.int64] = rng.integers(0, len(patches), batch)
        x = patches[torch.from_numpy(chosen)]
        loss = (past_attention(network, x) - x).square().mean()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        post = network.decoder.post_quant.weight
        if post.grad is not None:
            post.grad[network.config.latent_size :] = 0  # `_make_constant` relies on it
        optimizer.param_groups[0]["lr"] = 3e-3 * (1 - step / steps) + 1e-5
        optimizer.step()
        yield loss.item()
