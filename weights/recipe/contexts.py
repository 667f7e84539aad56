"""Start values of the mixing coder (entropy/mixing.py): contexts and mixers.

Contexts are fitted to the zeros and ones that each saw in every training clip. A context starts as if it had already
seen `confidence` bits of which a share `p` were ones. Clips are draws from a beta-binomial: a context on which clips
agree starts firm, one on which they differ starts loose. Then the mixers' weights learn over all clips, twice in random
order; their mean is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from elastictok_cli.entropy import mixing
from elastictok_cli.entropy import rangecoder as rc

CONFIDENCES = (1, 2, 3, 5, 8, 12, 20, 32, 50, 80, 126)
PASSES = 2
COUNTED = 30  # bits of one clip in one context that count for p, so that no long clip decides alone

Tables = tuple[npt.NDArray[np.uint16], npt.NDArray[np.int32]]  # contexts and mixers
Clip = TypeVar("Clip")


def tally(clip: Clip, code: Callable[[Clip, int, Tables], float], contexts: int, mixers: int) -> npt.NDArray[np.uint16]:
    """The zeros and ones that each context saw in a clip: (contexts, 2)."""
    counts = np.zeros((contexts, 2), np.uint16)
    code(clip, rc.TALLY, (counts, mixing.new_weights(mixers)))
    return counts


def train(clips: Sequence[Clip], code: Callable[[Clip, int, Tables], float], contexts: int, mixers: int) -> Tables:
    """Start values for so many contexts and mixers.

    code: codes a clip in a mode of the range coder with these tables, which change; returns bits.
    """
    fitted = fit(np.stack([tally(clip, code, contexts, mixers) for clip in clips]))
    weights, rng = mixing.new_weights(mixers), np.random.default_rng(0)
    for _ in range(PASSES):
        after = []
        for i in rng.permutation(len(clips)):
            code(clips[i], rc.ADAPT, (fitted.copy(), weights))
            after.append(weights.copy())
        # the first third still remembers the values before
        weights = np.round(np.mean(after[len(after) // 3 :], axis=0)).astype(np.int32)
    return fitted, weights


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
