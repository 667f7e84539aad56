"""Muon for many matrices takes the same step as torch.optim.Muon for each."""

from __future__ import annotations

import pytest
import torch
from mini_muon import Muon, orthogonal


def test_the_step_is_that_of_torch() -> None:
    random = torch.Generator().manual_seed(0)
    shapes = [(32, 32), (48, 32), (32, 48), (32, 32), (48, 32)]
    starts = [torch.randn(shape, generator=random) for shape in shapes]
    ours, theirs = ([start.clone().requires_grad_() for start in starts] for _ in range(2))
    optimizers = Muon(ours, lr=0.02), torch.optim.Muon(theirs, lr=0.02, weight_decay=0.0)
    for _ in range(3):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn(a.shape, generator=random)
            b.grad = a.grad.clone()
        for optimizer in optimizers:
            optimizer.step()
    for start, a, b in zip(starts, *([x.detach() for x in xs] for xs in (ours, theirs)), strict=True):
        assert float((a - b).norm() / (b - start).norm()) < 0.01  # the products are bfloat16


@pytest.mark.parametrize("shape", [(3, 20, 20), (2, 30, 10), (2, 10, 30)])
def test_singular_values_end_near_one(shape: tuple[int, ...]) -> None:
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(1)) * 1e-3
    values = torch.linalg.svdvals(orthogonal(matrices).float())
    assert float(values.min()) > 0.4 and float(values.max()) < 1.4


def test_a_matrix_without_gradient_stays() -> None:
    one, other = (torch.ones(4, 4, requires_grad=True) for _ in range(2))
    one.grad = torch.eye(4)
    Muon([one, other], lr=0.1).step()
    assert not torch.equal(one, torch.ones(4, 4)) and torch.equal(other, torch.ones(4, 4))
