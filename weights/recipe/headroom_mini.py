"""What keeps blocks of elastictok-mini above a threshold: its encoder, its quantiser, or the bits of a patch.

    python weights/recipe/headroom_mini.py runs/mini/frames weights/elastictok-mini.safetensors

Errors of validation blocks with all their tokens: as they are; with codes fitted to each block by the decoder's
gradient; with codes that are not rounded; with more numbers a patch, the principal components of what was wrong in
training blocks, not rounded either.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from mini_loss import BATCH_ROWS, round_through
from mini_start import principal
from packed import Windows
from torch import Tensor

from elastictok_cli.api import load_model
from elastictok_cli.models.elastic.adapter import ElasticModel
from elastictok_cli.models.elastic.network import Elastic

THRESHOLD = 0.015
MORE = (6, 12, 24)  # numbers per patch; a token has six
RATE = 0.1  # of the fit, in levels


@torch.no_grad()
def bounded(network: Elastic, patches: Tensor) -> Tensor:
    """Bounded latents before rounding, with all tokens kept: float32 (blocks, tokens, dimensions)."""
    present = torch.ones(len(patches), network.config.max_toks, dtype=torch.bool)
    z = [
        network.encoder(part, keep)[0]
        for part, keep in zip(patches.split(BATCH_ROWS), present.split(BATCH_ROWS), strict=True)
    ]
    return network.bottleneck.bounded(torch.cat(z))


@torch.no_grad()
def wrong(network: Elastic, patches: Tensor, codes: Tensor) -> Tensor:
    """Source minus reconstruction in patches: float32 (blocks, patches, values)."""
    made = [network.decode(part / network.bottleneck.middle)[0] for part in codes.split(BATCH_ROWS)]
    return patches - torch.cat(made)


def fitted(network: Elastic, patches: Tensor, codes: Tensor, steps: int) -> Tensor:
    """The best rounded codes of each block in `steps` steps of Adam from `codes`. The decoder is not changed."""
    ends = torch.tensor([(-(level // 2), (level - 1) // 2) for level in network.bottleneck.levels]).float().T
    found = []
    for source, first in zip(patches.split(BATCH_ROWS), codes.split(BATCH_ROWS), strict=True):
        free, best, least = first.clone().requires_grad_(), first.round(), torch.full((len(first),), torch.inf)
        adam = torch.optim.Adam([free], lr=RATE, betas=(0.9, 0.9))
        for step in range(steps + 1):
            tried = torch.clamp(round_through(free), *ends)
            errors = (network.decode(tried / network.bottleneck.middle)[0] - source).square().mean((1, 2))
            with torch.no_grad():
                better = errors < least
                best = torch.where(better[:, None, None], tried, best)
                least = torch.where(better, errors, least)
            adam.zero_grad()
            (errors / errors.detach()).sum().backward()  # type: ignore[no-untyped-call]
            adam.param_groups[0]["lr"] = RATE * max(0.1, 1 - step / max(steps, 1))
            adam.step()
        found.append(best)
    return torch.cat(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", type=Path, help="folder that packed.py made")
    parser.add_argument("weights", type=Path)
    parser.add_argument("--blocks", type=int, default=64)
    parser.add_argument("--steps", type=int, default=40)
    args = parser.parse_args()
    model = load_model(args.weights, device="cpu")
    if not isinstance(model, ElasticModel):
        raise SystemExit(f"{args.weights}: not a model of this kind")
    network, c = model.network, model.config
    blocks = [
        network.patches(
            Windows(args.frames, c.resolution, held).sample(np.random.default_rng(1), args.blocks, c.frames_per_block)
        )
        for held in (False, True)
    ]
    training, held = blocks
    codes = bounded(network, held)
    missing = wrong(network, held, codes.round())
    components, _ = principal(wrong(network, training, bounded(network, training).round()).flatten(0, 1))
    print(f"| {args.blocks} validation blocks | mean error | of the first | met at {THRESHOLD} |\n|{'---|' * 4}")
    rows = {
        "as they are": missing,
        f"codes fitted, {args.steps} steps": wrong(network, held, fitted(network, held, codes, args.steps)),
        "codes not rounded": wrong(network, held, codes),
        **{
            f"{more} numbers a patch more": missing - missing @ components[:more].T @ components[:more] for more in MORE
        },
    }
    for name, rest in rows.items():
        errors = rest.square().mean((1, 2))
        share = float(errors.mean() / missing.square().mean())
        print(
            f"| {name} | {float(errors.mean()):.4f} | {share:.0%} | {float((errors <= THRESHOLD).float().mean()):.0%} |"
        )


if __name__ == "__main__":
    main()
