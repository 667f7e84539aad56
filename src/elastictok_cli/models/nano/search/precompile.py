"""Run as a module: compiles motion search and compensation and leaves them in the cache.

The command line starts it beside itself at the first run, so that both cores compile. Its result is the cache alone;
if it fails, whoever needs these kernels compiles them.
"""

from __future__ import annotations

import numpy as np

from ....entropy.rangecoder import new_contexts
from ..decoder import Decoded, frame_step, predict_frame
from ..recon.colour import PAD, planes_of
from ..syntax import contexts as cx
from ..syntax.block import step_of
from ..syntax.frame import FrameTokens
from ..syntax.gop_structure import coding_order
from .encoder import analyse, search_motion

SIDE = 64


def main() -> None:
    """One predicted frame of noise."""
    rgb = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    past = FrameTokens.empty(SIDE, SIDE)
    links = {-1: Decoded(past.mv, 0, 0, 0, np.zeros(past.split.shape, np.uint8), rgb, planes_of(rgb, PAD))}
    analysis = analyse(np.roll(rgb, 2, axis=1)[None])
    place = coding_order(1, True)[0]
    part = FrameTokens.empty(SIDE, SIDE)
    hint = np.zeros(part.mv.shape, np.int16)
    step = step_of(place, links, SIDE, SIDE)
    search_motion(place, links, analysis, part, step, hint, new_contexts(cx.COUNT), frame_step(200, place.kind, False))
    predict_frame(place, links, part)


if __name__ == "__main__":
    main()
