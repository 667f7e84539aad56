"""Training frames, decoded once into one file of raw uint8 with an index, and random windows of them.

    python weights/recipe/packed.py ../shared/data --out runs/mini/frames

Decoding takes longer than a step of a small model, and seeking in H.264 even longer. A memory-mapped file needs
neither. Every clip is stored at its own size and with its shorter side scaled to `--side`; pictures are clips of one
frame. They are split as for the nano model (data.py), so that no source is in both training and validation.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import av
import data
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

FRAMES, INDEX = "frames.u8", "index.json"
Frames = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Stored:
    """One clip at one scale: `frames` pictures of height x width x 3 bytes from byte `offset` on."""

    name: str
    offset: int
    frames: int
    height: int
    width: int
    validation: bool


def frames_of(path: Path, shorter: int | None) -> Iterator[Frames]:
    """Frames of a clip or picture: uint8 (H, W, 3), shorter side scaled to `shorter` if that is smaller."""
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            width, height = frame.width, frame.height
            if shorter is not None and shorter < min(width, height):
                ratio = shorter / min(width, height)
                width, height = round(width * ratio), round(height * ratio)
            yield frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="AREA")


def pack(items: Sequence[data.Clip], held: set[Path], out: Path, sides: Sequence[int | None]) -> list[Stored]:
    """Write frames and index of clips. Both appear complete or not at all, by rename.

    held: paths of the clips that validate. sides: each clip is stored once for each of them, with its shorter side
    scaled to it; None for its own size. The last is the least that a clip must have.
    """
    out.mkdir(parents=True, exist_ok=True)
    stored: list[Stored] = []
    least = sides[-1] or 1
    with (out / f"{FRAMES}.part").open("wb") as file:
        for clip in items:
            for shorter in sides:
                at, count, shape = file.tell(), 0, (0, 0)
                for frame in frames_of(clip.path, shorter):
                    if min(frame.shape[:2]) < least:
                        break
                    shape, count = (frame.shape[0], frame.shape[1]), count + 1
                    file.write(frame.tobytes())
                if count:
                    stored.append(Stored(clip.path.name, at, count, *shape, clip.path in held))
    os.replace(out / f"{FRAMES}.part", out / FRAMES)
    part = out / f"{INDEX}.part"
    part.write_text(json.dumps([asdict(item) for item in stored]))
    os.replace(part, out / INDEX)
    return stored


def pack_folder(folder: Path, out: Path, side: int) -> list[Stored]:
    """Pack folder/train and folder/images."""
    clips, pictures = data.clips(folder / "train"), data.clips(folder / "images", "*.jpg")
    held = {clip.path for items in (clips, pictures) for clip in data.split(items)[1]}
    return pack([*clips, *pictures], held, out, (None, side))


class Windows:
    """Random square windows of the packed clips, some frames long.

    The probability of a clip grows with the square root of its frames, so that long clips do not dominate. device: a
    GPU holds all frames in its memory (6 GB), because the CPU cannot cut windows fast enough.
    """

    def __init__(self, folder: Path, side: int, validation: bool = False, device: str = "cpu") -> None:
        rows = json.loads((folder / INDEX).read_text())
        self.side, self.device = side, device
        self.items = [item for item in (Stored(**row) for row in rows) if item.validation == validation]
        if not self.items:
            raise ValueError(f"{folder}: no clips on this side of the split")
        self.bytes = torch.from_numpy(np.memmap(folder / FRAMES, np.uint8, "c")).to(device)
        table = np.array([(item.offset, item.frames, item.height, item.width) for item in self.items])
        self.offset, self.frames, self.height, self.width = table.T
        weight = np.sqrt(self.frames)
        self.chance = weight / weight.sum()

    def sample(self, rng: np.random.Generator, rows: int, frames: int) -> Tensor:
        """Random windows: uint8 (rows, frames, side, side, 3) on the device.

        They are often mirrored, backwards, brighter, darker or at another speed. Some are still, because most stored
        video moves less than these clips. A clip that is too short repeats its last frame, as the codec does.
        """
        item = rng.choice(len(self.items), rows, p=self.chance)
        stride = rng.choice([0, 1, 2, 3], rows, p=[0.08, 0.65, 0.18, 0.09])
        firsts = np.maximum(1, self.frames[item] - stride * (frames - 1))
        places = (firsts, self.height[item] - self.side + 1, self.width[item] - self.side + 1)
        first, top, left = ((rng.random(rows) * number).astype(np.int64) for number in places)
        times = np.minimum(first[:, None] + stride[:, None] * np.arange(frames), self.frames[item, None] - 1)
        backwards = rng.random(rows) < 0.3
        times = np.where(backwards[:, None], times[:, ::-1], times)
        v = self.windows(item, times, top, left, rng.random(rows) < 0.5)
        other_light = rng.random(rows) < 0.5
        gain = np.where(other_light, rng.uniform(0.75, 1.25, rows), 1)
        lift = np.where(other_light, rng.uniform(-25, 25, rows), 0)
        gain, lift = (torch.from_numpy(x).float().to(self.device).view(-1, 1, 1, 1, 1) for x in (gain, lift))
        return (v * gain + lift).clamp_(0, 255).round_().to(torch.uint8)

    def windows(self, item: Numbers, times: Numbers, top: Numbers, left: Numbers, mirrored: npt.NDArray[Any]) -> Tensor:
        """Windows of clips `item` at (top, left): uint8 (rows, frames, side, side, 3).

        times: (rows, frames), the others (rows,); mirrored: bool.
        """
        width, side = self.width[item], self.side
        start = self.offset[item, None] + 3 * (times * (self.height[item] * width)[:, None])
        start = start + 3 * (top * width + left)[:, None]
        line = torch.from_numpy(start[..., None] + 3 * width[:, None, None] * np.arange(side)).to(self.device)
        column = np.where(mirrored[:, None], np.arange(side)[::-1], np.arange(side))
        pixel = torch.from_numpy(3 * column[..., None] + np.arange(3)).to(self.device)
        return self.bytes[line[..., None, None] + pixel[:, None, None]]


def main() -> None:
    """Pack a data folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/ and images/")
    parser.add_argument("--out", type=Path, default=Path("runs/mini/frames"))
    parser.add_argument("--side", type=int, default=128)
    args = parser.parse_args()
    stored = pack_folder(args.data, args.out, args.side)
    total = sum(item.frames for item in stored)
    print(json.dumps({"clips": len(stored), "frames": total, "bytes": (args.out / FRAMES).stat().st_size}))


if __name__ == "__main__":
    main()
