"""What each part of the bundled model is worth: bytes without it, on validation clips.

    python weights/recipe/ablate.py ../shared/data --out runs/ablations

The first two seconds of every second validation clip become files whose every block meets 0.007, as users' files do.
Two more tables: the error of a share of the tokens in order of importance and CTU by CTU, and elastic counts against
one count for all blocks. Finished variants are kept in the out folder.
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
from elastictok_cli.models.nano.recon.motion_compensation import replace_no_obmc
from elastictok_cli.models.nano.search import encoder
from elastictok_cli.models.nano.syntax import contexts as cx
from elastictok_cli.models.nano.syntax.gop_structure import coding_order
from elastictok_cli.models.nano.syntax.motion_vectors import PRED_BI, PRED_FLAGS, PRED_L0
from elastictok_cli.models.nano.tokens import BlockTokens
from elastictok_cli.models.nano.weights import Weights

THRESHOLD, SECONDS = 0.007, 2.0
QINDEX, FRAMES, SHARES = 300, 16, (0.25, 0.5, 0.75)  # of the comparison of orders


def no_motion(entry: Any, refs: Any, analysis: Any, tokens: Any, *_: Any) -> None:
    """Replaces the motion search: all vectors are zero."""
    tokens.mv[..., PRED_FLAGS] = PRED_L0 if entry.ref1 is None else PRED_BI


@numba.njit(nogil=True)
def compensate_without_overlap(ref0, ref1, mv, out):  # type: ignore[no-untyped-def]
    """Replaces `compensate`: each 8x8 block is predicted by its own vector, without overlap."""
    replace_no_obmc(ref0, ref1, mv, np.ones((mv.shape[0] // 2, mv.shape[1] // 2), np.uint8), out)


def all_overlapped(*_: Any) -> None:
    """Replaces `choose_no_obmc`."""


def rounded_levels(ctx: Any, refs: Any, src: Any, rec: Any, cost: Any, *rest: Any) -> Any:
    """Replaces `encode_residual`: levels are rounded, whatever their bits cost."""
    free_bits = cost._replace(lam=np.float32(0), octave_cost=np.float32(0))
    return ENCODE_RESIDUAL(ctx, refs, src, rec, free_bits, *rest)


ENCODE_RESIDUAL = encoder.encode_residual


def unfiltered(*_: Any) -> None:
    """Replaces the loop filter."""


def four_frames() -> None:
    """Blocks of 4 frames and fewer temporal layers, with as many frames per GOP."""
    model.BLOCK_FRAMES, model.GOP_BLOCKS = 4, 32


VARIANTS: dict[str, Callable[[], None]] = {
    "whole": lambda: None,
    "without motion": lambda: setattr(encoder, "search_motion", no_motion),
    "without overlapped compensation": lambda: setattr(decoder, "compensate", compensate_without_overlap),
    "overlapped compensation everywhere": lambda: setattr(encoder, "choose_no_obmc", all_overlapped),
    "without rate-distortion decisions on levels": lambda: setattr(encoder, "encode_residual", rounded_levels),
    "without the deblocking filter": lambda: setattr(decoder, "loop_filter", unfiltered),
    "the same step for every kind of frame": lambda: setattr(decoder, "LAYER_QSTEP_FACTOR", (1.0, 1.0, 1.0, 1.0, 1.0)),
    "4-frame blocks": four_frames,
    "start values that know nothing": lambda: None,
    "a ladder without an end": lambda: setattr(model, "MAX_QSTEP_RATIO", 1e6),
}


def load(variant: str) -> Any:
    """The model of a variant. It changes modules, so it needs a process of its own."""
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


def ctu_by_ctu(tokens: BlockTokens, count: int) -> BlockTokens:
    """The block of its first `count` tokens, if coefficients were listed CTU by CTU in every frame."""
    values, places = tokens.values, tokens.places
    ctus = tokens.parts[0].split.size
    time = places // (3 * ctus)
    end = 0
    for entry in coding_order(tokens.frames, tokens.reference is not None):
        start, end = end, end + int((time == entry.time).sum())
        if end <= count:
            continue
        here = slice(start, end)
        is_motion = values[here] > vocabulary.TX_8X8
        motion = start + int(np.flatnonzero(is_motion)[-1]) + 1 if is_motion.any() else start
        cut = tokens.prefix(min(count, motion))
        if count > motion:
            ctu = np.sort(places[motion:end] % ctus)
            whole = int(ctu[count - motion])  # the CTUs before this one are whole
            part, source = cut.parts[entry.time], tokens.parts[entry.time]
            columns = source.split.shape[1]
            for i in range(whole):
                y, x = 16 * (i // columns), 16 * (i % columns)
                part.levels[:, y : y + 16, x : x + 16] = source.levels[:, y : y + 16, x : x + 16]
                part.tx_8x8[i // columns, i % columns] = source.tx_8x8[i // columns, i % columns]
        return BlockTokens(cut.parts, tokens.qindex, tokens.reference)
    return tokens


def orders(path: Path) -> list[tuple[float, float]]:
    """Mean squared error of a share of each block's tokens: (in order of importance, CTU by CTU), by share."""
    nano = et.load_model().with_threads(1)  # type: ignore[attr-defined]
    errors = []
    frames = data.frames(path, 0, FRAMES)
    coded, _ = train.encoded(nano, frames, QINDEX)
    for (state, tokens), shown in zip(coded, data.blocks(frames, nano.spec.block_frames), strict=True):
        plain = BlockTokens(tokens.parts, tokens.qindex, tokens.reference)
        for share in SHARES:
            count = round(share * plain.count)
            both = plain.prefix(count), ctu_by_ctu(plain, count)
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
