"""Makes the conformance set: small streams, what their tokens are, and what they show.

    python -m conformance.make              (in tests/) what is missing
    python -m conformance.make --nano       those of the bundled model anew: for a new generation of weights

Pictures are made of integers alone and are losslessly stored before they are encoded, so that no decoder of video has a
say in them. Streams of a released format version are never made anew.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from models.streams import FSQ, VAE, write_params

import elastictok_cli.api as et
from elastictok_cli.codec.conformance import digest
from elastictok_cli.codec.decoder import decode_blocks
from elastictok_cli.codec.gop_decoder import DecodedBlock
from elastictok_cli.container import Reader, decode_gop
from elastictok_cli.models import registry
from elastictok_cli.models.elastic.convert import convert

HERE = Path(__file__).parent
GOLDEN = HERE.parent / "golden"
SMALL: dict[str, Any] = {
    "hidden_size": 16, "intermediate_size": 16, "num_encoder_layers": 1, "num_decoder_layers": 1,
}  # fmt: skip
CONFIGS = (
    dataclasses.replace(FSQ, name="tiny-fsq", **SMALL),
    dataclasses.replace(VAE, name="tiny-vae", **SMALL),
)
NANO_LIMITS = {"peak": 0, "rms": 0}  # integers
TORCH_LIMITS = {"peak": 2, "rms": 0.1}
GOLDENS = ("v1-fsq-sound", "v1-fsq-vfr", "v1-vae-still", "v1-dct-six")  # of models that are nowhere: tokens only

Frames = npt.NDArray[np.uint8]


def moving(frames: int, width: int, height: int, speed: int = 2, cut: int | None = None) -> Frames:
    """A square over a slope; after `cut` frames another scene."""
    y, x = np.mgrid[0:height, 0:width]
    out = np.empty((frames, height, width, 3), np.uint8)
    for t in range(frames):
        later = cut is not None and t >= cut
        square = (abs(y - height // 2) < height // 4) & (abs(x - (speed * t) % width) < width // 5)
        for c in range(3):
            slope = 30 + 160 * (y if later else x) // (height if later else width) + 10 * c
            out[t, :, :, c] = np.where(square, 230 - 50 * c if not later else 60 * c, slope)
    return out


def noise(frames: int, width: int, height: int) -> Frames:
    """The same noise everywhere: a linear congruence."""
    state, values = 1, np.empty(frames * height * width * 3, np.uint8)
    for i in range(values.size):
        state = (1103515245 * state + 12345) & 0x7FFFFFFF
        values[i] = state >> 23
    return values.reshape(frames, height, width, 3)


UNEVEN = (0, 1, 2, 5, 9, 10, 18, 19, 20, 33, 34, 40)
# name: pictures, and what encode is told beside them
NANO: dict[str, tuple[Frames, dict[str, Any]]] = {
    "nano-one-frame": (moving(1, 16, 16), {}),
    "nano-flat": (np.full((9, 16, 16, 3), 77, np.uint8), {}),
    "nano-moving": (moving(12, 48, 32), {}),
    "nano-cut": (moving(10, 32, 32, cut=5), {}),
    "nano-odd-size": (moving(4, 35, 27), {}),
    "nano-noise": (noise(3, 16, 16), {"target": et.Target.threshold(0.002)}),
    "nano-no-tokens": (moving(9, 32, 16), {"target": et.Target.fixed(0)}),
    "nano-few-tokens": (moving(9, 32, 32), {"target": et.Target.fixed(25)}),
    "nano-short-gops": (moving(20, 16, 16), {"gop_blocks": 1}),
    "nano-uneven-times": (moving(12, 16, 16), {"pts": UNEVEN}),
    "nano-fine": (moving(3, 32, 32), {"target": et.Target.threshold(0.0001)}),
}
ELASTIC: dict[str, tuple[Frames, dict[str, Any]]] = {
    "least": (moving(4, 32, 32), {"target": et.Target.fixed(4)}),
    "most": (moving(4, 32, 32), {"target": et.Target.fixed(16)}),
    "one-frame": (moving(1, 32, 32), {"target": et.Target.fixed(8)}),
    "half-block": (moving(3, 32, 32), {"target": et.Target.fixed(8)}),
    "tiles": (moving(2, 64, 32), {"target": et.Target.fixed(8)}),
    "odd-size": (moving(2, 40, 24), {"target": et.Target.fixed(8)}),
    "short-gops": (moving(6, 32, 32), {"target": et.Target.fixed(8), "gop_blocks": 1}),
    "uneven-times": (moving(6, 32, 32), {"target": et.Target.fixed(12), "pts": UNEVEN[:6]}),
}


def write_clip(path: Path, frames: Frames, pts: tuple[int, ...] | None) -> None:
    """FFV1 in Matroska, 25 frames a second or at these 25ths."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = frames.shape[2], frames.shape[1], "bgr0"
        for number, rgb in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            frame.pts, frame.time_base = number if pts is None else pts[number], Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def describe(path: Path, limits: dict[str, Any] | None, model: Any) -> None:
    """The .json and .npz of a stream."""
    with Reader(path) as reader:
        tables = getattr(model, "tables", None)
        tokens = [digest(tiles) for gop in reader.gops() for tiles in decode_gop(gop, reader.header, tables)]
        said = {"format": "etok 1", "syntax": reader.header.syntax, "tokens": tokens, "pixels": limits}
        path.with_suffix(".json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
        if limits is not None:
            blocks = [item.frames for item in decode_blocks(reader, model) if isinstance(item, DecodedBlock)]
            np.savez_compressed(path.with_suffix(".npz"), frames=np.concatenate(blocks))


def encode(name: str, frames: Frames, options: dict[str, Any], model: Any, limits: dict[str, Any]) -> None:
    """One stream and what belongs to it."""
    path = HERE / f"{name}.etok"
    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mkv"
        write_clip(clip, frames, options.get("pts"))
        rest = {key: value for key, value in options.items() if key != "pts"}
        et.encode(clip, path, model=model, size="source", audio=False, overwrite=True, **rest)
    describe(path, limits, model)
    sys.stdout.write(f"{name}: {path.stat().st_size} bytes\n")


def main() -> None:
    """Make what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nano", action="store_true")
    anew = parser.parse_args().nano
    nano = registry.load(registry.DEFAULT_MODEL)
    for name, (frames, options) in NANO.items():
        if anew or not (HERE / f"{name}.etok").exists():
            encode(name, frames, options, nano, NANO_LIMITS)
    for config in CONFIGS:
        weights = HERE / f"{config.name}.safetensors"
        if not weights.exists():
            with tempfile.TemporaryDirectory() as folder:
                convert(write_params(Path(folder) / "params", config, seed=1), config, weights)
        model = registry.load(weights, "cpu")
        for kind, (frames, options) in ELASTIC.items():
            name = f"{config.name.removeprefix('tiny-')}-{kind}"
            if not (HERE / f"{name}.etok").exists():
                encode(name, frames, options, model, TORCH_LIMITS)
    for name in GOLDENS:
        if not (HERE / f"{name}.etok").exists():
            shutil.copy(GOLDEN / f"{name}.etok", HERE)
            describe(HERE / f"{name}.etok", None, None)


if __name__ == "__main__":
    main()
