"""Run as a module: compiles the encoder's search and leaves it in the cache.

`encode` starts it beside itself at the first run, so that both cores compile. Its result is the cache alone; if it
fails, whoever needs these functions compiles them.
"""

from __future__ import annotations

import numpy as np

from ..model import NanoModel
from ..weights import Weights

SIDE = 64


def main() -> None:
    """Encode a block of moving noise behind a still one."""
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    model = NanoModel(Weights.untrained(), threads=1)
    state = model.start(SIDE, SIDE)
    for frames in (noise[None], np.stack([np.roll(noise, 2 * t, axis=1) for t in range(8)])):
        analysis = model.prepare(state, frames)
        state = model.advance(state, model.tokens(state, analysis, qindex=model.spec.num_qindex // 2), analysis)


if __name__ == "__main__":
    main()
