"""Train nano generation 5's start values: contexts and mixer weights.

    python weights/recipe/train_nano5.py ../shared/data --out weights/elastictok-nano.safetensors

Encodes a window of three blocks of every second training clip at a random qindex with the start values that are there,
counts the zeros and ones that each context saw, fits a probability and a confidence to each, then lets the mixer
weights learn over all clips and takes their mean. One clip in eight is left out and reported: bits before and after.
"""

from __future__ import annotations

import argparse
import multiprocessing
from pathlib import Path

import data
import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from elastictok_cli.entropy import mixing
from elastictok_cli.entropy import rangecoder as rc
from elastictok_cli.models.nano.model import NanoModel
from elastictok_cli.models.nano.syntax import SYNTAX
from elastictok_cli.models.nano.syntax import contexts as cx
from elastictok_cli.models.nano.syntax.block import FrameTokens, Tables, code_block
from elastictok_cli.models.nano.weights import Weights

FRAMES = 24
QINDEX_RANGE = 265, 385  # thresholds 0.001 to 0.015
CONFIDENCES = (1, 2, 3, 5, 8, 12, 20, 32, 50, 80, 126)
COUNTED = 30  # bits of one clip in a context that count in full for its probability

Window = tuple[int, int, list[list[FrameTokens]]]  # qindex, half, blocks


def log_gamma(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The logarithm of the gamma function, for x > 0 (Stirling's series five places up)."""
    y = x + 5
    tail = np.log(x * (x + 1) * (x + 2) * (x + 3) * (x + 4))
    return np.asarray((y - 0.5) * np.log(y) - y + 0.918938533 + 1 / (12 * y) - 1 / (360 * y**3) - tail)


def window(job: tuple[int, Path, Weights]) -> Window:
    """Encode the last frames of a clip's first second or so."""
    seed, path, weights = job
    rng = np.random.default_rng(seed)
    frames = data.frames(path, 8 * int(rng.integers(0, 3)), FRAMES)
    frames = frames[:, : frames.shape[1] // 8 * 8, : frames.shape[2] // 8 * 8]
    model, qindex = NanoModel(weights, threads=1), int(rng.integers(*QINDEX_RANGE))
    state, blocks, half = model.start(*frames.shape[1:3]), [], 1
    for block in data.blocks(frames, model.spec.block_frames):
        tokens = model.tokens(state, model.prepare(state, block), qindex=qindex)
        state, half = model.advance(state, tokens), tokens.half
        blocks.append(tokens.parts)
    return qindex, half, blocks


def code(clip: Window, mode: int, tables: Tables) -> float:
    """Code a window in this mode with these tables, which are changed. Returns bits."""
    qindex, half, blocks = clip
    dry, past = rc.dry(mode), None
    coder = mixing.mixing_coder(dry, *tables)
    for parts in blocks:
        copies = [FrameTokens(part.cells, part.levels) for part in parts]
        past = code_block(coder, past, copies, qindex, half)[len(parts) - 1]
    return float(dry.io[rc.COST]) / rc.BIT_PRICE


def fit(counts: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Contexts from zeros and ones per clip, (clips, contexts, 2): the confidence is that of the likeliest beta law."""
    zeros, ones = counts[..., 0].astype(np.float64), counts[..., 1].astype(np.float64)
    seen = zeros + ones
    share = np.minimum(1, COUNTED / np.maximum(seen, 1))
    p = ((ones * share).sum(0) + 0.4) / ((seen * share).sum(0) + 0.8)
    best, confidence = np.full(p.shape, -np.inf), np.ones(p.shape)
    for s in CONFIDENCES:
        a, b = p * s, (1 - p) * s
        likelihood = log_gamma(ones + a) + log_gamma(zeros + b) - log_gamma(seen + s)
        total = (likelihood - log_gamma(a) - log_gamma(b) + log_gamma(np.full(p.shape, float(s)))).sum(0)
        confidence = np.where(total > best, s, confidence)
        best = np.maximum(best, total)
    contexts = np.stack([np.clip(np.round(p * 65536), 64, 65472), np.clip(confidence - 1, 0, 100)], 1)
    contexts[seen.sum(0) == 0] = 32768, 0
    return contexts.astype(np.uint16)


def train(clips: list[Window]) -> Tables:
    """Contexts, and mixer weights from two passes in random order."""
    counts = np.zeros((len(clips), cx.COUNT, 2), np.uint16)
    for clip, own in zip(clips, counts, strict=True):
        code(clip, rc.TALLY, (own, mixing.new_weights(cx.SETS)))
    contexts, weights, rng = fit(counts), mixing.new_weights(cx.SETS), np.random.default_rng(0)
    for _ in range(2):
        passed = []
        for i in rng.permutation(len(clips)):
            code(clips[i], rc.ADAPT, (contexts.copy(), weights))
            passed.append(weights.copy())
        weights = np.round(np.mean(passed[len(passed) // 3 :], 0)).astype(np.int32)
    return contexts, weights


def main() -> None:
    """Train and write the weights file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/")
    parser.add_argument("--out", type=Path, default=Path("weights/elastictok-nano.safetensors"))
    args = parser.parse_args()
    weights = Weights.untrained()
    if args.out.exists():
        weights = Weights.from_tensors(load_file(args.out), bytes(16), 5)
    jobs = [(i, path, weights) for i, path in enumerate(sorted((args.data / "train").glob("*.mp4"))[::2])]
    with multiprocessing.Pool(2) as pool:
        clips = pool.map(window, jobs)
    contexts, mixers = train([clip for i, clip in enumerate(clips) if i % 8])
    for name, tables in (("before", weights.tables), ("after", (contexts, mixers))):
        bits = sum(code(clip, rc.ADAPT, (tables[0].copy(), tables[1].copy())) for clip in clips[::8])
        print(f"clips left out, {name}: {bits:.0f} bits")
    save_file({"contexts": contexts, "mixers": mixers}, args.out, metadata={"syntax": SYNTAX, "generation": "5"})


if __name__ == "__main__":
    main()
