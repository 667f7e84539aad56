"""Binary coding with mixed predictions: several adaptive contexts predict each bit, a small gated mixer weighs them.

Every context is a probability and the number of bits it has seen. Predictions are mixed in the logistic domain by
integer weights that learn as they go, as in the PAQ family. Integers only, so every machine has the same bytes.

    coder = mixing_coder(rangecoder.encoder(capacity), contexts, weights)
    coder.active[0], coder.active[1] = a, b     # the contexts of the next bit
    bit = code(coder, weight_set, 2, bit)     # in the mode of the range coder: rangecoder.py
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..jit import compiled_inner
from .rangecoder import (
    CODE,
    COST,
    ENCODE,
    LOW,
    MASK32,
    MODE,
    PRICE,
    PRICES,
    RANGE,
    TALLY,
    TOP,
    Coder,
    _next_byte,
    _shift_low,
)

MAX_INPUTS = 8  # contexts of one bit, and the constant
COUNT_LIMIT = 127
STRETCH_LIMIT = 2815  # 11 in the logistic domain, in 1/256
LEARNING = 1  # of the weights
WEIGHT_LIMIT = 1 << 20

# 1 / (n + 1.6) in 1/65536
RATE = np.array([int(65536 / (min(n, 125) + 1.6)) for n in range(COUNT_LIMIT + 1)], np.int64)
PRICE_OF = PRICES.astype(np.int16)
_p = (np.arange(4096) + 0.5) / 4096
STRETCH = np.round(256 * np.log(_p / (1 - _p))).astype(np.int16)
_x = np.arange(-STRETCH_LIMIT, STRETCH_LIMIT + 1) / 256
SQUASH = np.clip(np.round(65536 / (1 + np.exp(-_x))), 2, 65534).astype(np.uint16)


class MixingCoder(NamedTuple):
    """A range coder with its adaptive state.

    contexts: uint16 (n, 2), probability of a 1 and bits seen. weights: int32 (sets, 8). active: the contexts of the
    next bit, then scratch.
    """

    io: npt.NDArray[np.int64]
    buf: npt.NDArray[np.uint8]
    contexts: npt.NDArray[np.uint16]
    weights: npt.NDArray[np.int32]
    active: npt.NDArray[np.int64]


def mixing_coder(coder: Coder, contexts: npt.NDArray[np.uint16], weights: npt.NDArray[np.int32]) -> MixingCoder:
    """A coder that changes these tables in place."""
    return MixingCoder(*coder, contexts, weights, np.zeros(2 * MAX_INPUTS, np.int64))


def new_contexts(count: int) -> npt.NDArray[np.uint16]:
    """Contexts that know nothing."""
    contexts = np.zeros((count, 2), np.uint16)
    contexts[:, 0] = 32768
    return contexts


def new_weights(sets: int) -> npt.NDArray[np.int32]:
    """Weights that trust all contexts alike."""
    weights = np.full((sets, MAX_INPUTS), 20000, np.int32)
    weights[:, MAX_INPUTS - 1] = 0
    return weights


@compiled_inner
def code_with(io, buf, p, bit):
    """One bit whose probability of a 1 is p / 65536, in ENCODE or DECODE mode. Returns the bit."""
    bound = (io[RANGE] >> 16) * p
    if io[MODE] == ENCODE:
        if bit:
            io[RANGE] = bound
        else:
            io[LOW] += bound
            io[RANGE] -= bound
        while io[RANGE] < TOP:
            io[RANGE] = (io[RANGE] << 8) & MASK32
            _shift_low(io, buf)
        return bit
    if io[CODE] < bound:
        io[RANGE] = bound
        bit = np.int64(1)
    else:
        io[CODE] -= bound
        io[RANGE] -= bound
        bit = np.int64(0)
    while io[RANGE] < TOP:
        io[RANGE] = (io[RANGE] << 8) & MASK32
        io[CODE] = ((io[CODE] << 8) | _next_byte(io, buf)) & MASK32
    return bit


@compiled_inner
def code(coder, group, inputs, bit):
    """One bit predicted by the contexts coder.active[:inputs], mixed by weight set `group`. Returns the bit."""
    io, buf, contexts, weights, index = coder
    mode = io[MODE]
    if mode == TALLY:  # training: column 0 counts zeros, column 1 ones
        for k in range(inputs):
            if contexts[index[k], bit] < 65535:
                contexts[index[k], bit] += 1
        return bit
    total = np.int64(weights[group, MAX_INPUTS - 1]) << 8
    for k in range(inputs):
        s = np.int64(STRETCH[contexts[index[k], 0] >> 4])
        index[MAX_INPUTS + k] = s
        total += np.int64(weights[group, k]) * s
    total >>= 16
    if total > STRETCH_LIMIT:
        total = np.int64(STRETCH_LIMIT)
    elif total < -STRETCH_LIMIT:
        total = np.int64(-STRETCH_LIMIT)
    p = np.int64(SQUASH[total + STRETCH_LIMIT])
    if mode >= 2:
        io[COST] += np.int64(PRICE_OF[(p if bit else 65536 - p) >> 4])
        if mode == PRICE:
            return bit
    else:
        bit = code_with(io, buf, p, bit)
    error = ((65536 if bit else 0) - p) * LEARNING
    for k in range(inputs):
        w = np.int64(weights[group, k]) + ((index[MAX_INPUTS + k] * error + (1 << 17)) >> 18)
        weights[group, k] = min(max(w, -WEIGHT_LIMIT), WEIGHT_LIMIT)
        i = index[k]
        seen = np.int64(contexts[i, 1])
        before = np.int64(contexts[i, 0])
        contexts[i, 0] = before + ((((65535 if bit else 0) - before) * RATE[seen]) >> 16)
        if seen < COUNT_LIMIT:
            contexts[i, 1] = seen + 1
    w = np.int64(weights[group, MAX_INPUTS - 1]) + ((256 * error + (1 << 17)) >> 18)
    weights[group, MAX_INPUTS - 1] = min(max(w, -WEIGHT_LIMIT), WEIGHT_LIMIT)
    return bit
