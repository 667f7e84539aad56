"""Clips to weights/elastictok-nano.safetensors: start values of the entropy coder's contexts and mixers.

    python weights/recipe/train.py ../shared/data

Encodes a window of every training clip and picture at a random qindex with the weights that are there, and fits start
values to what was coded (contexts.py). Reports the bits of validation windows before and after. The same data and
weights give the same file.
"""

from __future__ import annotations

import argparse
import multiprocessing
from dataclasses import dataclass
from pathlib import Path

import contexts
import data
import numpy as np
from safetensors.numpy import load_file, save_file

from elastictok_cli.atomic_file import atomic_write
from elastictok_cli.entropy import mixing
from elastictok_cli.entropy import rangecoder as rc
from elastictok_cli.models.nano.model import BLOCK_FRAMES, NanoModel
from elastictok_cli.models.nano.syntax import NAME, SYNTAX
from elastictok_cli.models.nano.syntax import contexts as cx
from elastictok_cli.models.nano.syntax.block import FrameTokens, GopDecoder, GopEncoder, Tables, code_block
from elastictok_cli.models.nano.weights import Weights

GENERATION = 5
FRAMES = 3 * BLOCK_FRAMES
QINDEX_RANGE = 265, 385  # thresholds 0.001 to 0.015
TARGET = Path(__file__).resolve().parent.parent / "elastictok-nano.safetensors"


@dataclass(frozen=True)
class Window:
    """A few encoded blocks of one clip. sizes: frames per block. start: tables that the payload was written with."""

    clip: str
    size: tuple[int, int]
    qindex: int
    sizes: tuple[int, ...]
    payload: bytes
    start: Tables


def window(path: Path, weights: Weights, seed: int) -> Window:
    """Encode a random window of a clip or picture, half of them mirrored."""
    rng = np.random.default_rng(seed)
    first = int(rng.integers(0, max(1, data.frame_count(path) - FRAMES + 1)))
    frames = data.frames(path, first, FRAMES, multiple=8)
    if rng.random() < 0.5:
        frames = np.ascontiguousarray(frames[:, :, ::-1])
    qindex, size = int(rng.integers(*QINDEX_RANGE)), frames.shape[1:3]
    model, encoder, sizes = NanoModel(weights, threads=1), GopEncoder(weights.tables), []
    state = model.start(*size)
    for block in data.blocks(frames, BLOCK_FRAMES):
        tokens = model.tokens(state, model.prepare(state, block), qindex=qindex)
        encoder.write(tokens)
        state = model.advance(state, tokens)
        sizes.append(len(block))
    return Window(path.name, size, qindex, tuple(sizes), encoder.finish(), weights.tables)


def code(clip: Window, mode: int, tables: Tables) -> float:
    """Code a window again in a mode of the range coder with these tables, which change. Returns bits."""
    decoder = GopDecoder(clip.payload, clip.start, *clip.size)
    dry, past = rc.dry(mode), None
    coder = mixing.mixing_coder(dry, *tables)
    for frames in clip.sizes:
        block = decoder.read(frames, 0, clip.qindex)
        parts = [FrameTokens(part.cells, part.offsets, part.levels) for part in block.parts]
        past = code_block(coder, past, parts, clip.qindex, block.half)[frames - 1]
    return float(dry.io[rc.COST]) / rc.BIT_PRICE


def bits(clip: Window, tables: Tables) -> float:
    """The bits of a window's tokens with these start values."""
    return code(clip, rc.ADAPT, (tables[0].copy(), tables[1].copy()))


def train(windows: list[Window]) -> Tables:
    """Start values fitted to these windows."""
    return contexts.train(windows, code, cx.COUNT, cx.SETS)


def first_weights() -> Weights:
    """Those of the weights file; untrained ones where it is of another syntax."""
    try:
        return Weights.from_tensors(load_file(TARGET), bytes(16), GENERATION)
    except (OSError, ValueError):
        return Weights.untrained()


def main() -> None:
    """Train and write the weights file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/ and images/")
    args = parser.parse_args()
    training, held = data.split(data.clips(args.data / "train"))
    pictures, _ = data.split(data.clips(args.data / "images", "*.jpg"))
    weights, items = first_weights(), [*training, *pictures, *held]
    with multiprocessing.Pool(2) as pool:
        windows = pool.starmap(window, [(item.path, weights, i) for i, item in enumerate(items)], chunksize=4)
    tables = train(windows[: -len(held)])
    with atomic_write(TARGET) as part:
        metadata = {"model": NAME, "syntax": SYNTAX, "generation": str(GENERATION)}
        save_file({"contexts": tables[0], "mixers": tables[1]}, part, metadata=metadata)
    before, after = (sum(bits(clip, t) for clip in windows[-len(held) :]) for t in (weights.tables, tables))
    print(
        f"{len(items) - len(held)} windows for training; {len(held)} for validation: {before:.0f} bits, now {after:.0f}"
    )


if __name__ == "__main__":
    main()
