"""The ways to choose a token count, beside each other on the same clips: a table in Markdown.

    python examples/search_strategies.py CLIP... [--size 64] [--duration 0.7] [--model elastictok-nano]

`full` tries every candidate from the cheapest on until one meets, hundreds of tries a block: keep the clips short and
the pictures small. The tokens of the others are told as a ratio to its.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import elastictok_cli as et

STRATEGIES = ("full", "binned", "binary", "original", "fast")


def main() -> None:
    """Encode every clip with every strategy and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--model", default="elastictok-nano")
    parser.add_argument("--size", default="64")
    parser.add_argument("--duration", type=float, default=0.7, help="seconds of each clip")
    parser.add_argument("--threshold", type=float, default=0.007)
    args = parser.parse_args()
    model = et.load_model(args.model)
    print("| strategy | tries a block | tokens, against full | blocks missed | seconds a block |")
    print("|---|---|---|---|---|")
    least = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in STRATEGIES:
            begin, tries, tokens, missed, blocks = time.perf_counter(), 0, 0, 0, 0
            for clip in args.clips:
                done = et.encode(
                    clip, Path(folder) / "x.etok", model=model, target=et.Target.threshold(args.threshold), search=name,
                    size=args.size, duration=args.duration, audio=False, overwrite=True,
                )  # fmt: skip
                tries, tokens, missed = tries + done.probes, tokens + done.tokens, missed + done.blocks_missed
                blocks += done.blocks
            least = least or tokens
            seconds = (time.perf_counter() - begin) / blocks
            cells = (name, f"{tries / blocks:.1f}", f"{tokens / least:.3f}", f"{missed} of {blocks}", f"{seconds:.2f}")
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
