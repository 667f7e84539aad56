"""The layers that the original's encoder and decoder share: RMS norm, rotary attention, SwiGLU.

Attention is block-causal without a mask: the queries of a block see the keys of their own block and of all
before it, so they are handed exactly those. The full path and the cached path are therefore the same code.
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
Past = tuple[KeyValue, ...]  # one per layer
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]  # queries, keys, values to what is seen, each as in KeyValue
Rope = tuple[Tensor, Tensor]  # cosines and sines, (tokens, head size / 2), float32

# numpy's float32 power is Intel's (SVML) where the processor has AVX-512, and the C library's, which rounds correctly,
# elsewhere. The releases' data come from the former. For their bases: of base ** (i / 64), the i at which it is one
# unit in the last place above or below the correctly rounded value (found in the golden data; at the other i either
# value gives the same frequency, or the same cosines to 2e-8 at position 16383).
ROUNDED_OTHERWISE: dict[float, dict[int, int]] = {
    5e7: {6: 1, 13: -1, 16: 1, 18: -1, 19: 1, 21: 1, 22: 1, 29: 1, 39: 1},
    5e6: {6: -1, 15: -1, 16: 1, 32: 1, 33: 1, 38: -1, 41: -1, 44: -1, 47: -1},
    1e4: {7: 1, 10: -1, 25: -1, 27: 1, 45: -1, 47: 1, 54: -1, 59: -1, 63: -1},
}


def rope_table(
    positions: npt.NDArray[np.int64], size: int, theta: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Cosine and sine of every position's angles, float32 (positions, size / 2).

    In numpy and in float32 at every step, as the original: torch's power differs by one ulp in the frequency,
    and that is 3e-4 of the cosine at position 16383.
    """
    exponent = np.arange(0, size, 2).astype(np.float32) / np.float32(size)
    angle = np.outer(positions.astype(np.float32), np.float32(1) / _powers(theta, exponent))
    return np.cos(angle), np.sin(angle)


def _powers(theta: float, exponent: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """theta ** exponent: for the releases' bases as their data have it, on any machine; else by this one's numpy."""
    moves = ROUNDED_OTHERWISE.get(theta)
    places = exponent * 64
    if moves is None or (places % 1).any():
        return np.asarray(np.float32(theta) ** exponent)
    powers = np.array([math.pow(theta, float(e)) for e in exponent]).astype(np.float32)
    for i, place in enumerate(places):
        if move := moves.get(int(place)):
            powers[i] = np.nextafter(powers[i], np.float32(np.inf * move))
    return powers


def rotate(x: Tensor, rope: Rope) -> Tensor:
    """Turn the pairs (x0, x1), (x2, x3), ... of (..., tokens, head size) by their angles, in float32."""
    cos, sin = rope
    even, odd = x.float()[..., 0::2], x.float()[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2).to(x.dtype)


class RMSNorm(nn.Module):
    """x / rms(x) * weight, in float32 whatever the type of x; rms(0) gives 0."""

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
        self.attend: Attend = F.scaled_dot_product_attention  # training on a CPU has one with a faster gradient

    def forward(self, x: Tensor, rope: Rope, past: KeyValue | None) -> tuple[Tensor, KeyValue]:
        """x: (batch, whole blocks, width). past: keys and values before it. Also returns those of x."""
        heads = (*x.shape[:2], -1, self.head_size)
        q, k, v = (w(x).reshape(heads).transpose(1, 2) for w in (self.wq, self.wk, self.wv))
        q, k = rotate(q, rope), rotate(k, rope)
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
    """SwiGLU."""

    def __init__(self, config: ElasticConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.w1, self.w3 = (nn.Linear(width, inner, bias=False) for _ in range(2))
        self.w2 = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.w2(F.silu(self.w1(x)) * self.w3(x))
        return y


class Layer(nn.Module):
    """Attention and feed-forward, each on the norm of its input and added to it."""

    def __init__(self, config: ElasticConfig) -> None:
        super().__init__()
        self.attention_norm, self.ffn_norm = RMSNorm(config), RMSNorm(config)
        self.attention, self.feed_forward = Attention(config), FeedForward(config)

    def forward(self, x: Tensor, rope: Rope, past: KeyValue | None) -> tuple[Tensor, KeyValue]:
        mixed, new = self.attention(self.attention_norm(x), rope, past)
        x = x + mixed
        return x + self.feed_forward(self.ffn_norm(x)), new


class Transformer(nn.Module):
    """The layers and the last norm; positions run on from the blocks before."""

    def __init__(self, config: ElasticConfig, layers: int) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.ModuleList(Layer(config) for _ in range(layers))
        self.ln_f = RMSNorm(config)

    def forward(self, x: Tensor, past: Past | None = None) -> tuple[Tensor, Past]:
        """x: (batch, tokens, width), whole blocks. Returns that shape, and keys and values of x by layer."""
        start = 0 if past is None else past[0][0].shape[2]
        positions = np.arange(start, start + x.shape[1])
        table = rope_table(positions, self.config.head_size, self.config.theta)
        cos, sin = (torch.from_numpy(part).to(x.device) for part in table)
        new = []
        for i, layer in enumerate(self.layers):
            x, rows = layer(x, (cos, sin), None if past is None else past[i])
            new.append(rows)
        return self.ln_f(x), tuple(new)


def longer(past: Past | None, new: Past) -> Past:
    """The past of the next block."""
    if past is None:
        return new
    return tuple((torch.cat((k, a), 2), torch.cat((v, b), 2)) for (k, v), (a, b) in zip(past, new, strict=True))
