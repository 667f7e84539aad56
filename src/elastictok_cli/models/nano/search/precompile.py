"""Run as a module: compile motion search and compensation into the cache.

The command line starts it beside itself at the first run, so that two cores compile. Its only result is the cache; if
it fails, the process that needs these functions compiles them.
"""

from __future__ import annotations

import numpy as np

from ....entropy.rangecoder import new_contexts
from ..decoder import ReferenceFrame, frame_qstep, predict_frame
from ..recon.colour import PAD, planes_of
from ..syntax import contexts as cx
from ..syntax.block import frame_refs
from ..syntax.frame import FrameTokens
from ..syntax.gop_structure import coding_order
from .encoder import analyse, cost_model, search_motion

SIDE = 64


def main() -> None:
    """Search and predict one frame of noise."""
    rgb = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    blank = FrameTokens.empty(SIDE, SIDE)
    activity = np.zeros(blank.split.shape, np.uint8)
    refs = {-1: ReferenceFrame(blank.mv, 0, 0, 0, activity, rgb, planes_of(rgb, PAD))}
    analysis = analyse(np.roll(rgb, 2, axis=1)[None])
    entry = coding_order(1, True)[0]
    tokens = FrameTokens.empty(SIDE, SIDE)
    hint = np.zeros(tokens.mv.shape, np.int16)
    own_refs = frame_refs(entry, refs, SIDE, SIDE)
    cost = cost_model(frame_qstep(200, entry.layer, False))
    search_motion(entry, refs, analysis, tokens, own_refs, hint, new_contexts(cx.COUNT), cost)
    predict_frame(entry, refs, tokens)


if __name__ == "__main__":
    main()
