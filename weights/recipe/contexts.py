"""Start values of the adaptive contexts, fitted to the zeros and ones that each saw in every training clip.

A context starts as if it had already seen `strength` bits of which a share `p` were ones. Both are fitted together:
clips are draws from a beta-binomial, so a context on which clips agree starts firm, one on which they differ loose.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

STRENGTHS = (1, 2, 4, 8, 16, 32, 64, 128)


def fit(tallies: npt.NDArray[np.int64]) -> npt.NDArray[np.uint16]:
    """Fit start values, uint16 (contexts, 3). tallies: int64 (clips, contexts, 2), zeros and ones."""
    n = torch.from_numpy(tallies).double()
    zeros, ones = n[..., 0], n[..., 1]
    total = zeros + ones
    # A clip counts as at most 200 bits, so that no long clip decides alone.
    weight = total.clamp(max=200) / total.clamp(min=1)
    pooled = ((ones * weight).sum(0) + 0.4) / ((total * weight).sum(0) + 0.8)
    logit = torch.log(pooled / (1 - pooled))
    best = torch.full(pooled.shape, -torch.inf, dtype=torch.double)
    share, strength = pooled.clone(), torch.ones_like(pooled)
    for s in STRENGTHS:
        for shift in torch.linspace(-1.5, 1.5, 13, dtype=torch.double):
            p = torch.sigmoid(logit + shift).clamp(0.001, 0.999)
            a, b = p * s, (1 - p) * s
            likelihood = (
                torch.lgamma(ones + a) - torch.lgamma(a) + torch.lgamma(zeros + b) - torch.lgamma(b)
                - torch.lgamma(total + s) + torch.lgamma(torch.tensor(float(s), dtype=torch.double))
            ).sum(0)  # fmt: skip
            better = likelihood > best + 1e-9
            best = torch.where(better, likelihood, best)
            share = torch.where(better, p, share)
            strength = torch.where(better, torch.tensor(float(s), dtype=torch.double), strength)
    unseen = total.sum(0) == 0
    share[unseen] = 0.5
    strength[unseen] = 0
    p16 = (share * 65536).round().clamp(16, 65520)
    return torch.stack([p16, p16, strength], -1).numpy().astype(np.uint16)
