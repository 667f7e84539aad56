"""What each part of the bundled model is worth: bits at equal error without it, on clips that nothing was trained on.

    python weights/recipe/ablate.py ../shared/data --out runs/ablations

Of every second validation clip 16 frames are coded at three quantiser steps. A variant's bits at the error that the
whole model has at the middle one are read off its own curve, linear in logarithms. Finished variants are kept in the
out folder.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import data
import numba
import numpy as np
import train

import elastictok_cli.api as et
from elastictok_cli.kernels import compensate as mc
from elastictok_cli.kernels import contexts as cx
from elastictok_cli.kernels import grammar
from elastictok_cli.kernels import rangecoder as rc
from elastictok_cli.models.nano import Weights, block, encoder, model
from elastictok_cli.whole import replacing

STEPS = 250, 300, 350
FRAMES = 16
Points = list[tuple[float, float]]  # (bits, mean squared error), one a step


def still(place: Any, links: Any, analysis: Any, part: Any, *_: Any) -> None:
    """In place of the motion search: everything stays where it was."""
    part.mv[..., 4] = 1 if place.second is None else 3


@numba.njit(nogil=True)
def compensate_all_alone(ref0, ref1, mv, first_row, end_row, out):  # type: ignore[no-untyped-def]
    """In place of `compensate`: each 8x8 quarter from its own vector, without overlap."""
    mc.compensate_alone(ref0, ref1, mv, np.ones((mv.shape[0] // 2, mv.shape[1] // 2), np.uint8), out)


def all_overlapped(*_: Any) -> None:
    """In place of `choose_alone`."""


def unweighed(ctx: Any, kind: Any, src: Any, rec: Any, step: Any, lam: Any, *rest: Any) -> Any:
    """In place of `encode_residual`: levels are rounded, and none is given up because its bits are not worth it."""
    return WEIGHED(ctx, kind, src, rec, step, np.float32(0), *rest)


WEIGHED = encoder.encode_residual


def unfiltered(*_: Any) -> None:
    """In place of the deblocking filter."""


def four_frames() -> None:
    """Blocks of 4 frames, two levels of hierarchy."""
    model.BLOCK_FRAMES = 4


VARIANTS: dict[str, Callable[[], None]] = {
    "whole": lambda: None,
    "without motion": lambda: setattr(encoder, "search_motion", still),
    "without overlapped compensation": lambda: setattr(mc, "compensate", compensate_all_alone),
    "overlapped compensation everywhere": lambda: setattr(encoder, "choose_alone", all_overlapped),
    "without rate-distortion decisions on levels": lambda: setattr(encoder, "encode_residual", unweighed),
    "without the deblocking filter": lambda: setattr(block, "deblock", unfiltered),
    "the same step for every kind of frame": lambda: setattr(block, "KIND_STEP", (1.0, 1.0, 1.0, 1.0, 1.0)),
    "4-frame blocks": four_frames,
    "start values that know nothing": lambda: None,
}


def curve(job: tuple[str, Path]) -> tuple[str, Points]:
    """One clip's points under a variant; in a process of its own, for it changes the model there."""
    variant, path = job
    VARIANTS[variant]()
    nano = et.load_model().with_threads(1)
    if variant == "start values that know nothing":
        nano = model.NanoModel(Weights(rc.new_contexts(cx.COUNT), b"", 0), 1)
    frames = data.frames(path, 0, FRAMES)
    points: Points = []
    for step in STEPS:
        coded, mse = train.encoded(nano, frames, step)
        coder = grammar.GopEncoder(nano.tables)
        for _, tokens in coded:
            coder.write(tokens)
        points.append((8.0 * len(coder.finish()), mse))
    return path.stem, points


def more_bits(whole: Points, other: Points) -> float:
    """Logarithm of the bits of `other` over those of `whole`, at the error that this one has at its middle step."""
    bits, error = whole[1]
    at = np.interp(np.log(error), np.log([e for _, e in other]), np.log([b for b, _ in other]))
    return float(at - np.log(bits))


def main() -> None:
    """Measure all variants and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/")
    parser.add_argument("--out", type=Path, default=Path("runs/ablations"))
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    _, held = data.split(data.clips(args.data / "train"))
    curves: dict[str, dict[str, Points]] = {}
    for variant in VARIANTS:
        kept = args.out / f"{variant}.json"
        if not kept.exists():
            with multiprocessing.get_context("spawn").Pool(2) as pool, replacing(kept) as part:
                part.write_text(json.dumps(pool.map(curve, [(variant, clip.path) for clip in held[::2]], chunksize=1)))
        curves[variant] = dict(json.loads(kept.read_text()))
        changes = [more_bits(points, curves[variant][name]) for name, points in curves["whole"].items()]
        print(f"| {variant} | {100 * np.expm1(np.mean(changes)):+.1f} % |", flush=True)


if __name__ == "__main__":
    main()
