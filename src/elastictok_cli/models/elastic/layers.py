"""The layers of the original's encoder and decoder: RMS norm, attention with rotary embedding, SwiGLU.

Attention is block-causal: the queries of a block see the keys of their own block and of all blocks before it. They get
exactly those keys, so no mask is needed, and the same code serves whole sequences and single blocks with a cache.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import ElasticConfig

KeyValue = tuple[Tensor, Tensor]  # each (batch, heads, tokens, head size), keys already rotated
KvCache = tuple[KeyValue, ...]  # keys and values of earlier blocks, one pair per layer
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]  # queries, keys, values to outputs, each as in KeyValue
Rope = tuple[Tensor, Tensor]  # cosines and sines, (tokens, head size / 2), float32

# numpy's float32 power is Intel's (SVML) on processors with AVX-512, which made the data of the published models.
# Elsewhere it is the C library's, which rounds correctly. For each published base: the i at which base ** (i / 64) was
# one unit in the last place above (1) or below (-1) the correctly rounded value. They were found in the golden data; at
# every other i, both values give the same frequency, or the same cosines to 2e-8 at position 16383.
ULP_CORRECTIONS: dict[float, dict[int, int]] = {
    5e7: {6: 1, 13: -1, 16: 1, 18: -1, 19: 1, 21: 1, 22: 1, 29: 1, 39: 1},
    5e6: {6: -1, 15: -1, 16: 1, 32: 1, 33: 1, 38: -1, 41: -1, 44: -1, 47: -1},
    1e4: {7: 1, 10: -1, 25: -1, 27: 1, 45: -1, 47: 1, 54: -1, 59: -1, 63: -1},
}


def rope_table(
    positions: npt.NDArray[np.int64], size: int, theta: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Cosines and sines of the rotary embedding, each float32 (positions, size / 2). size: width of a head.

    Computed by numpy in float32 as in the original: torch's power differs by one unit in the last place of a frequency,
    which is 3e-4 of the cosine at position 16383.
    """
    exponent = np.arange(0, size, 2).astype(np.float32) / np.float32(size)
    angle = np.outer(positions.astype(np.float32), np.float32(1) / _powers(theta, exponent))
    return np.cos(angle), np.sin(angle)


def _powers(theta: float, exponent: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """theta ** exponent. For the published bases, the values that their models were trained with, on any machine."""
    corrections = ULP_CORRECTIONS.get(theta)
    places = exponent * 64
    if corrections is None or (places % 1).any():
        return np.asarray(np.float32(theta) ** exponent)
    powers = np.array([math.pow(theta, float(e)) for e in exponent]).astype(np.float32)
    for i, place in enumerate(places):
        if correction := corrections.get(int(place)):
            powers[i] = np.nextafter(powers[i], np.float32(np.inf * correction))
    return powers


def apply_rope(x: Tensor, rope: Rope) -> Tensor:
    """Rotate the pairs (x0, x1), (x2, x3), ... of (..., tokens, head size) by their angles, in float32."""
    cos, sin = rope
    even, odd = x.float()[..., 0::2], x.float()[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2).to(x.dtype)


class RMSNorm(nn.Module):
    """RMS norm, x / rms(x) * weight, computed in float32 for any type of x. A zero vector stays zero."""

    def __init__(self, config: ElasticConfig) -> None:
        super().__init__()
        self.eps = config.rms_norm_eps
        self.weight = nn.Parameter(torch.empty(config.hidden_size))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        wide = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps) * self.weight.float()
        return wide.to(x.dtype)


class Attention(nn.Module):
    """Multi-head attention with rotary positions over blocks of `max_toks` tokens."""

    def __init__(self, config: ElasticConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.block, self.head_size = config.max_toks, config.head_size
        self.wq, self.wk, self.wv, self.wo = (nn.Linear(width, width, bias=False) for _ in range(4))
        self.attend: Attend = (
            F.scaled_dot_product_attention
        )  # training on a CPU replaces it by one with a faster gradient

    def forward(self, x: Tensor, rope: Rope, past: KeyValue | None) -> tuple[Tensor, KeyValue]:
        """x: (batch, tokens of whole blocks, width). past: keys and values before it. Also returns those of x."""
        heads = (*x.shape[:2], -1, self.head_size)
        q, k, v = (w(x).reshape(heads).transpose(1, 2) for w in (self.wq, self.wk, self.wv))
        q, k = apply_rope(q, rope), apply_rope(k, rope)
        new = (k, v)
        if past is not None:
            k, v = torch.cat((past[0], k), 2), torch.cat((past[1], v), 2)
        before = k.shape[2] - q.shape[2]
        parts = []
        for start in range(0, q.shape[2], self.block):
            seen = before + start + self.block
            parts.append(self.attend(q[:, :, start : start + self.block], k[:, :, :seen], v[:, :, :seen]))
        mixed = torch.cat(parts, 2) if len(parts) > 1 else parts[0]
        return self.wo(mixed.transpose(1, 2).flatten(2)), new


class FeedForward(nn.Module):
    """The feed-forward network, SwiGLU."""

    def __init__(self, config: ElasticConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.w1, self.w3 = (nn.Linear(width, inner, bias=False) for _ in range(2))
        self.w2 = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.w2(F.silu(self.w1(x)) * self.w3(x))
        return y


class Layer(nn.Module):
    """A transformer layer: attention and feed-forward, each on its normalised input, with a residual connection."""

    def __init__(self, config: ElasticConfig) -> None:
        super().__init__()
        self.attention_norm, self.ffn_norm = RMSNorm(config), RMSNorm(config)
        self.attention, self.feed_forward = Attention(config), FeedForward(config)

    def forward(self, x: Tensor, rope: Rope, past: KeyValue | None) -> tuple[Tensor, KeyValue]:
        mixed, new = self.attention(self.attention_norm(x), rope, past)
        x = x + mixed
        return x + self.feed_forward(self.ffn_norm(x)), new


class Transformer(nn.Module):
    """The layers and the last norm. Positions continue from those of the cache."""

    def __init__(self, config: ElasticConfig, layers: int) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(Layer(config) for _ in range(layers))
        self.ln_f = RMSNorm(config)

    def forward(self, x: Tensor, past: KvCache | None = None) -> tuple[Tensor, KvCache]:
        """x: (batch, tokens of whole blocks, width). Returns the same shape, and keys and values of x by layer."""
        start = 0 if past is None else past[0][0].shape[2]
        positions = np.arange(start, start + x.shape[1])
        table = rope_table(positions, self.config.head_size, self.config.theta)
        cos, sin = (torch.from_numpy(part).to(x.device) for part in table)
        new = []
        for i, layer in enumerate(self.layers):
            x, rows = layer(x, (cos, sin), None if past is None else past[i])
            new.append(rows)
        return self.ln_f(x), tuple(new)


def extend_cache(past: KvCache | None, new: KvCache) -> KvCache:
    """The cache with the keys and values of one more block."""
    if past is None:
        return new
    return tuple((torch.cat((k, a), 2), torch.cat((v, b), 2)) for (k, v), (a, b) in zip(past, new, strict=True))
