"""Tokens per second of a Tokenizer, clips one by one and in batches: a table in Markdown.

    python examples/tokenizer_speed.py [--model elastictok-mini] [--tokens 128] [--batch 1 4 16]

One block of noise per clip, of the size of one tile, at a fixed count, encoded and measured. Where there is a GPU, it
is measured there too, in float32 and bf16.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

import elastictok_cli as et


def seconds(tokenizer: et.Tokenizer, video: np.ndarray, batch: int, tokens: int) -> float:
    """The shorter of two runs over all clips, `batch` at a time."""
    times = []
    for _ in range(2):
        begin = time.perf_counter()
        for first in range(0, len(video), batch):
            tokenizer.encode(video[first : first + batch], tokens=tokens)
        times.append(time.perf_counter() - begin)
    return min(times)


def main() -> None:
    """Measure every device, precision and batch, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="elastictok-mini", help="a name, a folder, a .safetensors, or org/name")
    parser.add_argument("--tokens", type=int, default=128, help="per clip")
    parser.add_argument("--clips", type=int, default=16)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 4, 16])
    args = parser.parse_args()
    tokenizer = et.Tokenizer.from_pretrained(args.model, device="cpu")  # before torch: its threads then do not spin

    import torch

    places = [("cpu", "float32")]
    if torch.cuda.is_available():
        places += [("cuda", "float32"), ("cuda", "bf16")]
    print("| device | precision | batch | tokens/s | against batch 1 |")
    print("|---|---|---|---|---|")
    for device, precision in places:
        if (device, precision) != places[0]:
            tokenizer = et.Tokenizer.from_pretrained(args.model, device=device, precision=precision)
        spec = tokenizer.model.spec
        size = (args.clips, spec.block_frames, *(spec.tile_hw or (128, 128)), 3)
        video = np.random.default_rng(0).integers(0, 256, size, np.uint8)
        first = 0.0
        for batch in args.batch:
            took = seconds(tokenizer, video, batch, args.tokens)
            first = first or took
            rate = args.clips * args.tokens / took
            print(f"| {device} | {precision} | {batch} | {rate:,.0f} | {first / took:.2f} |", flush=True)


if __name__ == "__main__":
    main()
