"""What each part of the bundled model is worth: bytes without it, on clips that nothing was trained on.

    python weights/recipe/ablate.py ../shared/data --out runs/ablations

The first two seconds of every second validation clip become files whose every block meets 0.007 by itself, as users'
files do; then what a share of the tokens is worth in order of importance and patch after patch, and elastic counts
beside one count for all. Finished variants are kept in the out folder.
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
import numba
import numpy as np
import train

import elastictok_cli.api as et
from elastictok_cli.atomic_file import atomic_write
from elastictok_cli.codec.events import BlockDone
from elastictok_cli.entropy import rangecoder as rc
from elastictok_cli.metrics import block_mse
from elastictok_cli.models.nano import decoder, model, vocabulary
from elastictok_cli.models.nano.recon.motion_compensation import compensate_alone
from elastictok_cli.models.nano.search import encoder
from elastictok_cli.models.nano.syntax import contexts as cx
from elastictok_cli.models.nano.syntax.gop_structure import coding_order
from elastictok_cli.models.nano.tokens import BlockTokens
from elastictok_cli.models.nano.weights import Weights

THRESHOLD, SECONDS = 0.007, 2.0
STEP, FRAMES, SHARES = 300, 16, (0.25, 0.5, 0.75)  # of the comparison of orders


def still(place: Any, links: Any, analysis: Any, part: Any, *_: Any) -> None:
    """In place of the motion search: everything stays where it was."""
    part.mv[..., 4] = 1 if place.second is None else 3


@numba.njit(nogil=True)
def compensate_all_alone(ref0, ref1, mv, first_row, end_row, out):  # type: ignore[no-untyped-def]
    """In place of `compensate`: each 8x8 quarter from its own vector, without overlap."""
    compensate_alone(ref0, ref1, mv, np.ones((mv.shape[0] // 2, mv.shape[1] // 2), np.uint8), out)


def all_overlapped(*_: Any) -> None:
    """In place of `choose_alone`."""


def unweighed(ctx: Any, kind: Any, src: Any, rec: Any, step: Any, lam: Any, *rest: Any) -> Any:
    """In place of `encode_residual`: levels are rounded, and none is given up because its bits are not worth it."""
    return WEIGHED(ctx, kind, src, rec, step, np.float32(0), *rest)


WEIGHED = encoder.encode_residual


def unfiltered(*_: Any) -> None:
    """In place of the deblocking filter."""


def four_frames() -> None:
    """Blocks of 4 frames, two levels of hierarchy, as many frames a GOP."""
    model.BLOCK_FRAMES, model.GOP_BLOCKS = 4, 32


VARIANTS: dict[str, Callable[[], None]] = {
    "whole": lambda: None,
    "without motion": lambda: setattr(encoder, "search_motion", still),
    "without overlapped compensation": lambda: setattr(decoder, "compensate", compensate_all_alone),
    "overlapped compensation everywhere": lambda: setattr(encoder, "choose_alone", all_overlapped),
    "without rate-distortion decisions on levels": lambda: setattr(encoder, "encode_residual", unweighed),
    "without the deblocking filter": lambda: setattr(decoder, "deblock", unfiltered),
    "the same step for every kind of frame": lambda: setattr(decoder, "KIND_STEP", (1.0, 1.0, 1.0, 1.0, 1.0)),
    "4-frame blocks": four_frames,
    "start values that know nothing": lambda: None,
    "a ladder without an end": lambda: setattr(model, "COARSEST_STEP", 1e6),
}


def load(variant: str) -> Any:
    """The model under a variant. In a process of its own, for it is changed there."""
    VARIANTS[variant]()
    nano = et.load_model().with_threads(1)  # type: ignore[attr-defined]
    if variant == "start values that know nothing":
        nano = model.NanoModel(Weights(rc.new_contexts(cx.COUNT), nano.spec.digest, nano.spec.generation), 1)
    return nano


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


def patch_by_patch(tokens: BlockTokens, count: int) -> BlockTokens:
    """The block that its first `count` tokens say if, in each frame, coefficients came patch after patch."""
    values, places = tokens.values, tokens.places
    patches = tokens.parts[0].split.size
    of = places // (3 * patches)  # time
    end = 0
    for place in coding_order(tokens.frames, tokens.past is not None):
        start, end = end, end + int((of == place.time).sum())
        if end <= count:
            continue
        here = slice(start, end)
        is_motion = values[here] > vocabulary.EIGHT
        motion = start + int(np.flatnonzero(is_motion)[-1]) + 1 if is_motion.any() else start
        cut = tokens.prefix(min(count, motion))
        if count > motion:
            patch = np.sort(places[motion:end] % patches)
            whole = int(patch[count - motion])  # patches before this one are whole
            part, source = cut.parts[place.time], tokens.parts[place.time]
            columns = source.split.shape[1]
            for i in range(whole):
                y, x = 16 * (i // columns), 16 * (i % columns)
                part.q[:, y : y + 16, x : x + 16] = source.q[:, y : y + 16, x : x + 16]
                part.eight[i // columns, i % columns] = source.eight[i // columns, i % columns]
        return BlockTokens(cut.parts, tokens.step, tokens.past)
    return tokens


def orders(path: Path) -> list[tuple[float, float]]:
    """Mean squared error of a share of each block's tokens: (in order of importance, patch by patch), by share."""
    nano = et.load_model().with_threads(1)  # type: ignore[attr-defined]
    errors = []
    frames = data.frames(path, 0, FRAMES)
    coded, _ = train.encoded(nano, frames, STEP)
    for (state, tokens), shown in zip(coded, data.blocks(frames, nano.spec.block_frames), strict=True):
        plain = BlockTokens(tokens.parts, tokens.step, tokens.past)
        for share in SHARES:
            count = round(share * plain.count)
            both = plain.prefix(count), patch_by_patch(plain, count)
            errors.append([block_mse(nano.reconstruct(state, one), shown) for one in both])
    mean = np.array(errors).reshape(-1, len(SHARES), 2).mean(0)
    return [(float(a), float(b)) for a, b in mean]


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
    for share, pair in zip(SHARES, np.exp(np.log(kept("orders", orders, paths)).mean(0)), strict=True):
        print(f"| {100 * share:.0f} % of the tokens | {pair[0]:.5f} | {pair[1]:.5f} |", flush=True)
    elastic, fixed, met = np.array(kept("one count", one_count, paths)).T
    print(f"one count for all: error {np.exp(np.log(fixed / elastic).mean()):.2f} times, {100 * met.mean():.0f} % met")


if __name__ == "__main__":
    main()
