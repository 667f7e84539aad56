"""Training frames, decoded once: raw uint8 in one file, an index beside it, and random windows out of it.

    python weights/recipe/packed.py ../shared/data --out runs/mini/frames

Decoding takes longer than a small model's step, and seeking in H.264 longer still; a memory-mapped file costs neither.
Every clip is stored at its own size and at half of it (what is far away looks as if it were near), pictures as clips
of one frame. Split as for the nano model (data.py), so that no source is in training and validation.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import av
import data
import numpy as np
import numpy.typing as npt

FRAMES, INDEX = "frames.u8", "index.json"
Frames = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Stored:
    """One clip at one scale: `frames` pictures of height x width x 3 bytes from byte `offset` on."""

    name: str
    offset: int
    frames: int
    height: int
    width: int
    validation: bool


def scaled_frames(path: Path, shorter: int | None) -> Frames:
    """All frames of a clip or picture: uint8 (T, H, W, 3), shorter side scaled to `shorter` if that is smaller."""
    out = []
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            width, height = frame.width, frame.height
            if shorter is not None and shorter < min(width, height):
                ratio = shorter / min(width, height)
                width, height = round(width * ratio), round(height * ratio)
            out.append(frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="AREA"))
    return np.stack(out)


def pack(folder: Path, out: Path, side: int) -> list[Stored]:
    """Write frames and index of folder/train and folder/images. Whole or not at all: both appear by rename."""
    out.mkdir(parents=True, exist_ok=True)
    stored: list[Stored] = []
    with (out / f"{FRAMES}.part").open("wb") as file:
        for items in (data.clips(folder / "train"), data.clips(folder / "images", "*.jpg")):
            validation = {clip.path for clip in data.split(items)[1]}
            for clip in items:
                for shorter in (None, side):
                    v = scaled_frames(clip.path, shorter)
                    if min(v.shape[1:3]) >= side:
                        shape = (len(v), v.shape[1], v.shape[2])
                        stored.append(Stored(clip.path.name, file.tell(), *shape, clip.path in validation))
                        file.write(v.tobytes())
    os.replace(out / f"{FRAMES}.part", out / FRAMES)
    part = out / f"{INDEX}.part"
    part.write_text(json.dumps([asdict(item) for item in stored]))
    os.replace(part, out / INDEX)
    return stored


class Windows:
    """Random square windows of some frames out of the packed clips.

    A clip is drawn with a chance that grows with the square root of its frames: long ones do not drown the others.
    """

    def __init__(self, folder: Path, side: int, validation: bool = False) -> None:
        rows = json.loads((folder / INDEX).read_text())
        self.side = side
        self.items = [item for item in (Stored(**row) for row in rows) if item.validation == validation]
        if not self.items:
            raise ValueError(f"{folder}: no clips on this side of the split")
        self.bytes = np.memmap(folder / FRAMES, np.uint8, "r")
        weight = np.sqrt([item.frames for item in self.items])
        self.chance = weight / weight.sum()

    def sample(self, rng: np.random.Generator, frames: int) -> Frames:
        """uint8 (frames, side, side, 3): random place and time, often mirrored, backwards or at another speed.

        A clip that is too short repeats its last frame, as the codec fills up a block.
        """
        item = self.items[rng.choice(len(self.items), p=self.chance)]
        stride = int(rng.choice([1, 2, 3], p=[0.7, 0.2, 0.1]))
        first = int(rng.integers(0, max(1, item.frames - stride * (frames - 1))))
        top, left = (int(rng.integers(0, most - self.side + 1)) for most in (item.height, item.width))
        v = self.window(item, np.minimum(first + stride * np.arange(frames), item.frames - 1), top, left)
        v = v[::-1] if rng.random() < 0.3 else v
        v = v[:, :, ::-1] if rng.random() < 0.5 else v
        return np.ascontiguousarray(v)

    def window(self, item: Stored, times: npt.NDArray[np.int64], top: int, left: int) -> Frames:
        """These frames of a clip, cut at (top, left)."""
        size = item.height * item.width * 3
        clip = self.bytes[item.offset : item.offset + item.frames * size]
        clip = clip.reshape(item.frames, item.height, item.width, 3)
        return np.stack([clip[t, top : top + self.side, left : left + self.side] for t in times])


def main() -> None:
    """Pack a data folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder with train/ and images/")
    parser.add_argument("--out", type=Path, default=Path("runs/mini/frames"))
    parser.add_argument("--side", type=int, default=128)
    args = parser.parse_args()
    stored = pack(args.data, args.out, args.side)
    total = sum(item.frames for item in stored)
    print(json.dumps({"clips": len(stored), "frames": total, "bytes": (args.out / FRAMES).stat().st_size}))


if __name__ == "__main__":
    main()
