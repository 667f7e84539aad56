"""Collects training data for a machine that takes little: the smallest clips and pictures, up to a size.

python weights/recipe/gpu_input.py ../shared/data --out runs/gpu-data --megabytes 32
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

PICTURES_SHARE = 0.1  # of the bytes


def smallest(paths: list[Path], room: float) -> list[Path]:
    """The smallest files that fit into so many bytes together."""
    chosen, used = [], 0
    for path in sorted(paths, key=lambda path: path.stat().st_size):
        used += path.stat().st_size
        if used > room:
            break
        chosen.append(path)
    return chosen


def main() -> None:
    """Copy."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/, images/ and SOURCES.train.tsv")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu-data"))
    parser.add_argument("--megabytes", type=float, default=32.0)
    args = parser.parse_args()
    room, said = args.megabytes * 1e6, {}
    for name, share in (("images", PICTURES_SHARE), ("train", 1 - PICTURES_SHARE)):
        (args.out / name).mkdir(parents=True, exist_ok=True)
        found = [path for path in (args.data / name).iterdir() if path.suffix in (".mp4", ".jpg")]
        chosen = smallest(found, room * share)
        for path in chosen:
            shutil.copyfile(path, args.out / name / path.name)
        said[name] = f"{len(chosen)} of {len(found)}"
    sources = args.data / "SOURCES.train.tsv"
    if sources.exists():
        shutil.copyfile(sources, args.out / sources.name)
    print(json.dumps(said))


if __name__ == "__main__":
    main()
