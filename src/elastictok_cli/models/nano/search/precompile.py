"""Run as a module: compiles the encoder's search and leaves it in the cache.

`encode` starts it beside itself at the first run, so that both cores compile. Its result is the cache alone; if it
fails, whoever needs these functions compiles them.
"""

from __future__ import annotations

import numpy as np

from ..decoder import QINDEXES, State
from ..weights import Weights
from .effort import EFFORTS
from .encoder import Analysis, encode_block

SIDE = 64


def main() -> None:
    """Encode a frame of noise, then a block in which it moves. Nothing of the decoder is compiled."""
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    state = State(SIDE, SIDE, None, Weights.untrained().tables)
    for frames in (noise[None], np.stack([np.roll(noise, 2 * t, axis=1) for t in range(8)])):
        analysis = Analysis(frames)
        for qindex in (QINDEXES // 2, QINDEXES // 2 + 1):  # the second takes over what the first decided
            _, refs = encode_block(state, analysis, qindex, 1, EFFORTS["default"])
        state = State(SIDE, SIDE, refs[len(frames) - 1], state.tables, 1)


if __name__ == "__main__":
    main()
