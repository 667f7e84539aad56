"""Start values of the entropy coder, fitted to the zeros and ones that each context saw in every training clip.

A context starts as if it had already seen `confidence` bits of which a share `p` were ones. Clips are draws from a
beta-binomial: a context on which clips agree starts firm, one on which they differ starts loose.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

CONFIDENCES = (1, 2, 3, 5, 8, 12, 20, 32, 50, 80, 126)
COUNTED = 30  # bits of one clip in one context that count for p, so that no long clip decides alone


def fit(tallies: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Fit start values, uint16 (contexts, 2): probability of a one, bits seen. tallies: (clips, contexts, 2)."""
    zeros, ones = torch.from_numpy(tallies.astype(np.float64)).unbind(-1)
    total = zeros + ones
    weight = COUNTED / total.clamp(min=COUNTED)
    p = ((ones * weight).sum(0) + 0.4) / ((total * weight).sum(0) + 0.8)
    best, confidence = torch.full(p.shape, -torch.inf, dtype=torch.double), torch.ones_like(p)
    for s in CONFIDENCES:
        a, b = p * s, (1 - p) * s
        seen = torch.lgamma(ones + a) + torch.lgamma(zeros + b) - torch.lgamma(total + s)
        prior = torch.lgamma(a) + torch.lgamma(b) - torch.lgamma(torch.tensor(float(s), dtype=torch.double))
        likelihood = (seen - prior).sum(0)
        confidence = torch.where(likelihood > best, float(s), confidence)
        best = torch.maximum(best, likelihood)
    table = torch.stack([(65536 * p).round().clamp(64, 65472), (confidence - 1).clamp(0, 100)], 1)
    table[total.sum(0) == 0] = torch.tensor([32768.0, 0.0], dtype=torch.double)
    return table.numpy().astype(np.uint16)
