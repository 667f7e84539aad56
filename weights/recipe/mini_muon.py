"""Muon (Jordan et al., 2024, https://kellerjordan.github.io/posts/muon/) over many small matrices at once.

torch.optim.Muon takes them one by one, and so the 84 matrices of elastictok-mini are some 2,000 small kernels a step,
too many for a GPU that is fed by Python. Matrices of one shape are orthogonalised together here; the step is the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

COEFFICIENTS = (3.4445, -4.775, 2.0315)  # of the quintic iteration: steep at zero, singular values end near one
ITERATIONS = 5


def orthogonal(matrices: Tensor) -> Tensor:
    """Approximately the nearest orthogonal matrices, (n, rows, columns), in bfloat16 as in torch.optim.Muon."""
    a, b, c = COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.bfloat16()
    x = x.mT if tall else x
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    for _ in range(ITERATIONS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class Muon(torch.optim.Optimizer):
    """Muon with Nesterov momentum 0.95 and no weight decay, for one group of two-dimensional parameters."""

    def __init__(self, matrices: Iterable[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(list(matrices), {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """One step on all matrices that have a gradient."""
        group = self.param_groups[0]
        shapes: dict[torch.Size, list[Tensor]] = {}
        for matrix in group["params"]:
            if matrix.grad is not None:
                shapes.setdefault(matrix.shape, []).append(matrix)
        for shape, matrices in shapes.items():
            grads = [matrix.grad for matrix in matrices]
            memory = [self._memory(matrix) for matrix in matrices]
            torch._foreach_lerp_(memory, grads, 1 - group["momentum"])
            ahead = torch._foreach_lerp(grads, memory, group["momentum"])
            change = orthogonal(torch.stack(ahead)).to(matrices[0].dtype)
            rate = group["lr"] * max(1.0, shape[0] / shape[1]) ** 0.5
            torch._foreach_add_(matrices, list(change.unbind()), alpha=-rate)

    def _memory(self, matrix: Tensor) -> Tensor:
        state: dict[str, Tensor] = self.state[matrix]
        if not state:
            state["momentum"] = torch.zeros_like(matrix)
        return state["momentum"]
