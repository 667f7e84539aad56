"""Compares weights of elastictok-mini on validation clips: what the mask and the blocks before are worth.

    python weights/recipe/validate_mini.py runs/mini/frames weights/elastictok-mini.safetensors OTHER.safetensors

Mean squared error by the share of tokens kept, of the same blocks for every file: each alone, behind the block before
it with the same share, and, as where a scene has just been shown in full, behind that block with all its tokens.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from mini_loss import measured, share_count
from packed import Windows
from torch import Tensor

from elastictok_cli.api import load_model
from elastictok_cli.models.elastic.adapter import ElasticModel
from elastictok_cli.models.weights_files import metadata

SHARES = (0.0625, 0.125, 0.25, 0.5, 0.75, 1.0)
THRESHOLD = 0.015
HOW = ("alone", "behind one with as many", "behind one with all")


def errors(model: ElasticModel, pairs: Tensor, how: str) -> Tensor:
    """Errors of the second block of each pair, by share: float32 (shares, pairs).

    pairs: uint8 (pairs, frames of two blocks, side, side, 3).
    """
    c, out = model.config, []
    for share in SHARES:
        count = share_count(c, share)
        before = {"alone": [], "behind one with as many": [count], "behind one with all": [c.max_toks]}[how]
        seen = pairs[:, -c.frames_per_block * (len(before) + 1) :]
        kept = np.tile(np.array([*before, count]), (len(pairs), 1))
        out.append(measured(model.network, seen, kept)[:, -1])
    return torch.stack(out)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", type=Path, help="folder that packed.py made")
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--pairs", type=int, default=96)
    args = parser.parse_args()
    print(f"| weights | trained | a block | {' | '.join(f'{share:.4g}' for share in SHARES)} | met at {THRESHOLD} |")
    print(f"|{'---|' * (4 + len(SHARES))}")
    for path in args.weights:
        model = load_model(path, device="cpu")
        if not isinstance(model, ElasticModel):
            raise SystemExit(f"{path}: not a model of this kind")
        windows = Windows(args.frames, model.config.resolution, validation=True)
        pairs = windows.sample(np.random.default_rng(1), args.pairs, 2 * model.spec.block_frames)
        for how in HOW if model.spec.gop_blocks > 1 else HOW[:1]:
            found = errors(model, pairs, how)
            met = float((found[-1] <= THRESHOLD).float().mean())
            cells = (
                path.name,
                metadata(path)["trained"],
                how,
                *(f"{float(e.mean()):.4f}" for e in found),
                f"{met:.0%}",
            )
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
