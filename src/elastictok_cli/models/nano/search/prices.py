"""What bits cost: tables for the quantiser, from the first context of each."""

from __future__ import annotations

import numpy as np

from ....entropy.rangecoder import PRICES
from ....jit import compiled


@compiled
def price_table(contexts):
    """int32 (contexts, 2): price of a 0 and a 1 in 1/256 bit."""
    out = np.empty((contexts.shape[0], 2), np.int32)
    for i in range(contexts.shape[0]):
        p = np.int64(contexts[i, 0])
        out[i, 0] = PRICES[min(max(65535 - p, 0), 65535) >> 4]
        out[i, 1] = PRICES[p >> 4]
    return out
