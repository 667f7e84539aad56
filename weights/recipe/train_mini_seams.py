"""Trains the filter across borders of elastictok-mini (models/elastic/seams.py); all else stays as it is.

    python weights/recipe/train_mini_seams.py runs/mini/pairs --minutes 7
    python weights/recipe/train_mini_seams.py runs/mini/pairs --minutes 3 --step-weight 16    # goes on from there

The pairs are those of mini_pairs.py. The loss is the error, and that of steps between the two pixels at a border, in
shares of the error before. One window in eight is left out and reported. Writes the filter into the weights file.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from export_mini import TARGET
from safetensors.torch import load_file, save_file
from torch import Tensor

from elastictok_cli.models.elastic.config import ElasticConfig
from elastictok_cli.models.elastic.seams import PATCH, SeamFilter
from elastictok_cli.models.weights_files import metadata

WIDTH, TILE = 30, 128
ROWS, CROP = 12, 96  # of a step: frames, and the side of what it sees of each
RATE, WARM_STEPS, KEPT = 2e-3, 50, 0.998  # learning rate; share of the averaged weights that a step keeps
OFFSET = 0.002  # of the error before: so that blocks with next to no error do not outweigh all others
FRAMES = 8  # of each window

Frames = npt.NDArray[np.uint8]


def read(paths: list[Path], rng: np.random.Generator) -> tuple[Frames, Frames]:
    """Frames of windows: source and shown, uint8 (frames, 256, 256, 3)."""
    sources, shown = [], []
    for path in paths:
        with np.load(path) as arrays:
            source, decoded = arrays["source"], arrays["shown"]
        some = rng.choice(len(source), min(FRAMES, len(source)), replace=False)
        sources.append(source[some])
        shown.append(decoded[some])
    return np.concatenate(sources), np.concatenate(shown)


def pixels(frames: Frames) -> Tensor:
    """uint8 (frames, height, width, 3) to float32 (frames, 3, height, width) on [-1, 1]."""
    return torch.from_numpy(frames).permute(0, 3, 1, 2).float() / 127.5 - 1


def step_error(error: Tensor, first: int) -> Tensor:
    """Squared errors of the steps across upright borders, (batch,). first: place of the first column.

    Those between patches count a fifth of those between tiles.
    """
    at = torch.arange(PATCH, error.shape[3], PATCH)
    weight = torch.where((at + first) % TILE == 0, 1.0, 0.2) / error.shape[3]
    steps = (error[..., at] - error[..., at - 1]).square().mean((1, 2))
    return (steps * weight).sum(1)


def loss(network: SeamFilter, source: Tensor, shown: Tensor, place: tuple[int, int], step_weight: float) -> Tensor:
    """The loss of a batch. place: (top, left) of it. step_weight: of the steps beside the error."""
    top, left = place
    before = (shown - source).square().mean((1, 2, 3)) + OFFSET
    error = network(shown, top, left) - source
    steps = step_error(error, left) + step_error(error.transpose(2, 3), top)
    return ((error.square().mean((1, 2, 3)) + step_weight * steps) / before).mean()


def seam(x: Tensor) -> float:
    """Mean step across the borders of tiles over that between other pixels near them, of (frames, 3, 256, 256)."""
    at = near = 0.0
    for each in (x, x.transpose(2, 3)):
        steps = each.diff(dim=3).abs()[..., TILE - 12 : TILE + 11].mean((0, 1, 2))
        at += float(steps[11])
        near += float(torch.cat([steps[:11], steps[12:]]).mean())
    return at / near


@torch.no_grad()
def report(network: SeamFilter, source: Tensor, shown: Tensor) -> dict[str, float]:
    """Errors and seams, before and after."""
    filtered = torch.cat([network(part) for part in shown.split(8)])
    before, after = ((x - source).square().mean((1, 2, 3)) for x in (shown, filtered))
    return {
        "error_before": float(before.mean()),
        "error_after": float(after.mean()),
        "share_of_error": float((after / before).mean()),
        "seam_source": seam(source),
        "seam_before": seam(shown),
        "seam_after": seam(filtered),
    }


def train(network: SeamFilter, source: Frames, shown: Frames, seconds: float, step_weight: float = 4.0) -> SeamFilter:
    """Train for so many seconds of the processor; returns the averaged weights."""
    rng, clock, average = np.random.default_rng(0), time.process_time(), copy.deepcopy(network)
    adam = torch.optim.AdamW(network.parameters(), RATE, betas=(0.9, 0.98), weight_decay=0.0)
    step = 0
    while (spent := (time.process_time() - clock) / seconds) < 1:
        adam.param_groups[0]["lr"] = RATE * min(1.0, (step + 1) / WARM_STEPS, max(0.02, 2 * (1 - spent)))
        # A window around the border between two tiles, in one direction; anywhere in the other.
        places = [PATCH * int(rng.integers(4, 17)), PATCH * int(rng.integers(0, 21))]
        top, left = places if rng.random() < 0.5 else places[::-1]
        some = rng.integers(0, len(source), ROWS)
        crop = np.s_[some, top : top + CROP, left : left + CROP]
        adam.zero_grad()
        batch = pixels(source[crop]), pixels(shown[crop])
        loss(network, *batch, (top, left), step_weight).backward()  # type: ignore[no-untyped-call]
        adam.step()
        step += 1
        with torch.no_grad():
            keep = min(KEPT, step / (step + 10))
            torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - keep)
    return average


def start(weights: Path) -> SeamFilter:
    """The filter in a weights file, or a new one."""
    torch.manual_seed(0)
    network = SeamFilter(WIDTH, TILE)
    stored = {name[6:]: value.float() for name, value in load_file(weights).items() if name.startswith("seams.")}
    if stored:
        network.load_state_dict(stored)
    return network


def write(network: SeamFilter, weights: Path) -> None:
    """Put the filter into a weights file. It appears by rename."""
    said = metadata(weights)
    config = replace(ElasticConfig.from_mapping(json.loads(said["config"])), seam_width=WIDTH)
    tensors = {name: value for name, value in load_file(weights).items() if not name.startswith("seams.")}
    tensors |= {f"seams.{name}": value.half().contiguous() for name, value in network.state_dict().items()}
    part = weights.with_suffix(".part")
    save_file(tensors, part, metadata=said | {"config": config.to_json()})
    part.chmod(0o644)
    os.replace(part, weights)


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pairs", type=Path, help="folder that mini_pairs.py made")
    parser.add_argument("--minutes", type=float, default=6.0, help="of the processor")
    parser.add_argument("--step-weight", type=float, default=4.0, help="of the steps at borders, beside the error")
    parser.add_argument("--weights", type=Path, default=TARGET)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    paths, rng = sorted(args.pairs.glob("*.npz")), np.random.default_rng(0)
    left_out = read(paths[::8], rng)
    frames = read([path for i, path in enumerate(paths) if i % 8], rng)
    network = train(start(args.weights), *frames, 60 * args.minutes, args.step_weight)
    print(json.dumps({"macs_per_pixel": network.macs} | report(network, *map(pixels, left_out))))
    write(network, args.weights)


if __name__ == "__main__":
    main()
