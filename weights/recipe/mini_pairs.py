"""Windows of training clips and what elastictok-mini shows of them: what its entropy coder and its head are fitted to.

    python weights/recipe/packed.py ../shared/data --side 256 --out runs/mini/frames256     # once
    python weights/recipe/mini_pairs.py runs/mini/frames256 --out runs/mini/pairs --count 200

A window is two by two tiles, GOPs of one, two or four blocks. Counts are drawn as in training, those of a window are
about the same. Each .npz has `source` and `shown`, uint8 (frames, 256, 256, 3), and `tokens`, uint16, with `counts`,
(blocks, tiles). A file that is there is not made again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from packed import Windows

from elastictok_cli.api import load_model
from elastictok_cli.models.elastic.adapter import ElasticModel

SIDE, TILES = 256, 4
BLOCKS, BLOCKS_CHANCE = (1, 2, 4), (0.4, 0.3, 0.3)
FULL_SHARE = 0.2  # of the windows: those with all their tokens
SPREAD = 0.35  # of the logarithms of the counts in a window


def counts_of(rng: np.random.Generator, model: ElasticModel, blocks: int) -> npt.NDArray[np.int64]:
    """Draw counts, (blocks, tiles)."""
    most, fewest = model.config.max_toks, model.config.min_toks + 1
    if rng.random() < FULL_SHARE:
        return np.full((blocks, TILES), most)
    base = fewest + (most - fewest) * rng.random() ** 1.3  # rather few: most blocks of a file have few
    drawn = base * np.exp(rng.normal(0, SPREAD, (blocks, TILES)))
    return np.clip(drawn.astype(np.int64), fewest, most)


def make(rng: np.random.Generator, model: ElasticModel, windows: Windows) -> dict[str, npt.NDArray[np.generic]]:
    """One window."""
    blocks, size = int(rng.choice(BLOCKS, p=BLOCKS_CHANCE)), model.config.frames_per_block
    source = windows.sample(rng, 1, size * blocks)[0].numpy()
    counts, half = counts_of(rng, model, blocks), SIDE // 2
    states, shown, values = [model.start(half, half) for _ in range(TILES)], [], []
    for number, row in enumerate(counts.tolist()):
        frames = source[size * number : size * (number + 1)]
        tiles = [frames[:, y : y + half, x : x + half] for y in (0, half) for x in (0, half)]
        analyses = model.prepare_many(states, [np.ascontiguousarray(tile) for tile in tiles])
        tokens = model.tokens_many(states, analyses, row, [0] * TILES)
        a, b, c, d = model.reconstruct_many(states, tokens)
        shown.append(np.concatenate([np.concatenate([a, b], 2), np.concatenate([c, d], 2)], 1))
        states = model.advance_many(states, tokens, analyses)
        values += [np.asarray(each.values) for each in tokens]
    return {"source": source, "shown": np.concatenate(shown), "tokens": np.concatenate(values), "counts": counts}


def main() -> None:
    """Make windows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", type=Path, help="folder that packed.py made with --side 256")
    parser.add_argument("--out", type=Path, default=Path("runs/mini/pairs"))
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--validation", action="store_true", help="of the clips kept from training")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    model = load_model("elastictok-mini", device="cpu")
    if not isinstance(model, ElasticModel):
        parser.error("elastictok-mini is not a model of the original's kind")
    windows = Windows(args.frames, SIDE, validation=args.validation)
    args.out.mkdir(parents=True, exist_ok=True)
    for number in range(args.count):
        path = args.out / f"{number:04}.npz"
        if not path.exists():
            np.savez(path, **make(np.random.default_rng((1, number)), model, windows))


if __name__ == "__main__":
    main()
