"""Tokens of videos as batches for a model that is trained on them.

    python examples/tokens_for_training.py [FOLDER [VIDEO ...]]

The same from the command line: `elastictok batch clips/ -o tokens/`, then `elastictok pack tokens/ -o shards/%05d.tar`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import elastictok_cli as et
from elastictok_cli.data import TokenBatches  # TokenDataset is the same as an IterableDataset of torch's


def main(folder: Path, videos: list[Path]) -> None:
    """Videos to .etok files, these to shards, and shards to batches."""
    tokens, shards = folder / "tokens", folder / "shards"
    tokens.mkdir(parents=True, exist_ok=True)
    model = et.load_model()
    for video in videos:
        et.encode(video, tokens / f"{video.stem}.etok", model=model, audio=False, overwrite=True)
    pack = ["pack", str(tokens), "-o", str(shards / "%05d.tar"), "-f", "-q"]
    subprocess.run([sys.executable, "-m", "elastictok_cli", *pack], check=True)

    for batch in TokenBatches(shards, tokens_per_batch=4096, seed=1):
        print("tokens", batch["tokens"].dtype, batch["tokens"].shape, "lengths", batch["lengths"].tolist())
        # batch["mask"] is true where there is a token; batch["state"] goes on from here after a break


if __name__ == "__main__":
    here = Path(__file__).parent
    folder, *videos = [Path(argument) for argument in sys.argv[1:]] or [Path("training")]
    main(folder, videos or [here / "demo.mp4"])
