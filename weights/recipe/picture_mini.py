"""Draws what the filter across borders does: a frame of the demo clip before and after it, with the same tokens.

python weights/recipe/picture_mini.py examples/demo.mp4 --out docs/pictures/mini_seams.png
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from elastictok_cli.api import load_model
from elastictok_cli.video import open_source

SIDE, ZOOM = 128, 2


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/pictures/mini_seams.png"))
    parser.add_argument("--at", type=int, nargs=2, default=(0, 100), help="top and left of the 256x256 pixels shown")
    parser.add_argument("--tokens", type=int, default=90, help="per tile")
    args = parser.parse_args()
    model = load_model("elastictok-mini", device="cpu")
    with open_source(args.clip, size="256") as source:
        frame = next(iter(source.frames())).rgb
    top, left = args.at
    part = frame[None, top : top + 2 * SIDE, left : left + 2 * SIDE]
    rows = []
    for y in (0, SIDE):
        tiles = [np.ascontiguousarray(part[:, y : y + SIDE, x : x + SIDE]) for x in (0, SIDE)]
        states = [model.start(SIDE, SIDE) for _ in tiles]
        tokens = model.tokens_many(states, model.prepare_many(states, tiles), [args.tokens] * 2, [0] * 2)
        rows.append(np.concatenate(model.reconstruct_many(states, tokens), 2))
    before = np.concatenate(rows, 1)
    sheet = np.concatenate([part[0], before[0], model.post_filter(before)[0]], 1)
    Image.fromarray(sheet.repeat(ZOOM, 0).repeat(ZOOM, 1)).save(args.out, optimize=True)


if __name__ == "__main__":
    main()
