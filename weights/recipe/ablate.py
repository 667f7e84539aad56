"""What parts of the bundled model are worth: bytes without them, on validation clips.

    python weights/recipe/ablate.py ../shared/data --out runs/ablations

The first two seconds of every second validation clip become files whose every block meets 0.007, as users' files do.
Two more tables: the error of a share of each block's tokens, and elastic counts against one count for all blocks.
Finished variants are kept in the out folder.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import data
import numpy as np

import elastictok_cli.api as et
from elastictok_cli.atomic_file import atomic_write
from elastictok_cli.codec.events import BlockDone
from elastictok_cli.metrics import block_mse
from elastictok_cli.models.nano import decoder, model
from elastictok_cli.models.nano.search import encoder
from elastictok_cli.models.nano.weights import Weights

THRESHOLD, SECONDS = 0.007, 2.0
QINDEX, FRAMES, SHARES = 300, 16, (0.5, 0.75, 0.9)  # of the error of a share of the tokens


def four_frames() -> None:
    """Blocks of 4 frames and fewer temporal layers, with as many frames per GOP."""
    model.BLOCK_FRAMES, model.GOP_BLOCKS = 4, 32


VARIANTS: dict[str, Callable[[], None]] = {
    "whole": lambda: None,
    "chroma at full size": lambda: setattr(encoder, "chroma_is_half", lambda *_: 0),
    "one quantiser step for every kind of frame": lambda: setattr(decoder, "KIND_STEP", (1.0,) * 5),
    "blocks of 4 frames": four_frames,
    "untrained start values": lambda: None,
    "a search without a coarsest step": lambda: setattr(model, "COARSEST_STEP", 1e6),
    "every candidate decided anew": lambda: setattr(encoder, "MOTION_REACH", -1),
}


def load(variant: str) -> Any:
    """The model of a variant. It changes modules, so it needs a process of its own."""
    VARIANTS[variant]()
    nano: Any = et.load_model()
    weights = nano.weights
    if variant == "untrained start values":
        weights = Weights(*Weights.untrained().tables, weights.digest, weights.generation)
    return model.NanoModel(weights, threads=1)


def file_bytes(job: tuple[str, Path]) -> tuple[str, int]:
    """One clip's bytes under a variant."""
    variant, path = job
    done = encoded(path, load(variant), et.Target.threshold(THRESHOLD))[0]
    return path.stem, done.bytes_out


def encoded(path: Path, nano: Any, target: et.Target) -> tuple[et.Finished, list[BlockDone]]:
    """The totals of a clip's file, and its blocks."""
    events: list[Any] = []
    out = io.BytesIO()
    done = et.encode(
        path, out, model=nano, target=target, duration=SECONDS, audio=False, threads=1, watch=events.append
    )
    return done, [event for event in events if isinstance(event, BlockDone)]


def prefix_errors(path: Path) -> list[float]:
    """The error of each share of a block's tokens over that of all of them, geometric mean of the blocks."""
    nano = et.load_model().with_threads(1)  # type: ignore[attr-defined]
    frames = data.frames(path, 0, FRAMES, multiple=8)
    state, found = nano.start(*frames.shape[1:3]), []
    for block in data.blocks(frames, nano.spec.block_frames):
        tokens = nano.tokens(state, nano.prepare(state, block), qindex=QINDEX)
        whole = block_mse(nano.reconstruct(state, tokens), block)
        cuts = (tokens.prefix(round(share * tokens.count)) for share in SHARES)
        found.append([math.log(block_mse(nano.reconstruct(state, cut), block) / whole) for cut in cuts])
        state = nano.advance(state, tokens)
    return [math.exp(mean) for mean in np.mean(found, axis=0)]


def one_count(path: Path) -> tuple[float, float, float]:
    """(mean squared error of elastic counts, of their mean for every block, share of blocks that then meet)."""
    nano = et.load_model().with_threads(1)  # type: ignore[attr-defined]
    elastic, blocks = encoded(path, nano, et.Target.threshold(THRESHOLD))
    fixed, same = encoded(path, nano, et.Target.fixed(round(elastic.tokens / len(blocks))))
    return elastic.mse, fixed.mse, float(np.mean([one.mse <= THRESHOLD for one in same]))


def main() -> None:
    """Measure everything and print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/")
    parser.add_argument("--out", type=Path, default=Path("runs/ablations"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    _, held = data.split(data.clips(args.data / "train"))
    paths = [clip.path for clip in held[::2]]

    def kept(name: str, work: Callable[[Any], Any], jobs: list[Any]) -> Any:
        file = args.out / f"{name}.json"
        if not file.exists():
            with multiprocessing.get_context("spawn").Pool(2) as pool, atomic_write(file) as part:
                part.write_text(json.dumps(pool.map(work, jobs, chunksize=1)))
        return json.loads(file.read_text())

    whole: dict[str, int] = {}
    for variant in VARIANTS:
        sizes = dict(kept(variant, file_bytes, [(variant, path) for path in paths]))
        whole = whole or sizes
        more = np.expm1(np.mean([math.log(sizes[name] / whole[name]) for name in whole]))
        total = sum(sizes.values()) / sum(whole.values()) - 1
        print(f"| {variant} | {100 * more:+.1f} % | {100 * total:+.1f} % |", flush=True)
    for share, times in zip(SHARES, np.exp(np.log(kept("prefixes", prefix_errors, paths)).mean(0)), strict=True):
        print(f"| {100 * share:.0f} % of the tokens | {times:.2f} times the error |", flush=True)
    elastic, fixed, met = np.array(kept("one count", one_count, paths)).T
    print(f"one count for all: error {np.exp(np.log(fixed / elastic).mean()):.2f} times, {100 * met.mean():.0f} % met")


if __name__ == "__main__":
    main()
