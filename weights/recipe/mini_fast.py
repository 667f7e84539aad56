"""Speeds up a training step of elastictok-mini: matrix products in bfloat16, the rest in float32, torch.compile.

On a processor with bfloat16 matrices (AMX) that is about two and a half times as fast. What is left there is
attention's gradient, which torch's own kernel for CPUs computes tile by tile; here it is five batched products. And
memory is kept: a fifth of the time went to pages that the C library gave back after each use and got again from the
system. On a GPU, torch's own attention is the fast one.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from elastictok_cli.models.elastic.layers import Attend, Attention, Layer
from elastictok_cli.models.elastic.network import Elastic

Gradients = Callable[..., tuple[Tensor, ...]]


def gradients(q: Tensor, k: Tensor, v: Tensor, out: Tensor, lse: Tensor, grad: Tensor) -> tuple[Tensor, ...]:
    """Gradients of softmax(q k' / sqrt(size)) v. All are (batch * heads, tokens, size).

    lse: (batch * heads, tokens), log of the sum of each query's exponentials.
    """
    scale = q.shape[-1] ** -0.5
    inner = (grad.float() * out.float()).sum(-1, keepdim=True)
    share = torch.exp(torch.bmm(q, k.transpose(1, 2)).float() * scale - lse[..., None])
    logits = (share * (torch.bmm(grad, v.transpose(1, 2)).float() - inner) * scale).to(q.dtype)
    share = share.to(q.dtype)
    return torch.bmm(logits, k), torch.bmm(logits.transpose(1, 2), q), torch.bmm(share.transpose(1, 2), grad)


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, gradients: Gradients) -> Tensor:
        out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, k, v)
        ctx.save_for_backward(q, k, v, out, lse)
        ctx.gradients = gradients
        return cast(Tensor, out)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        q, k, v, out, lse = ctx.saved_tensors
        parts = (x.flatten(0, 1) for x in (q, k, v, out, lse, grad.to(q.dtype)))
        made = ctx.gradients(*parts)
        return *(part.view(x.shape) for part, x in zip(made, (q, k, v), strict=True)), None


def attention(gradients: Gradients) -> Attend:
    """A replacement of scaled_dot_product_attention: all are (batch, heads, tokens, size)."""

    @torch.compiler.disable
    def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return cast(Tensor, _Attention.apply(q, k, v, gradients))  # type: ignore[no-untyped-call]

    return attend


def keep_memory() -> None:
    """Let glibc take large arrays from the heap and never shrink it. Does nothing with another C library."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for option, value in ((-4, 0), (-1, 2**31 - 1), (-2, 2**28)):  # M_MMAP_MAX, M_TRIM_THRESHOLD, M_TOP_PAD
            mallopt(option, value)


def speed_up(network: Elastic, compiled: bool = True) -> None:
    """Compile the network in place, unless told not to. Parameters keep their names."""
    gpu = network.encoder.is_kept.device.type == "cuda"
    layers = [module for module in network.modules() if isinstance(module, Layer)]
    if not gpu:
        attend = attention(torch.compile(gradients, dynamic=False) if compiled else gradients)
        for layer in layers:
            cast(Attention, layer.attention).attend = attend
    if compiled:
        # On a GPU layer by layer: all layers share the code that is compiled for the first.
        for part in layers if gpu else (network.encoder, network.decoder):
            part.compile(dynamic=False)
