"""Arrays and tensors of frames to uint8 (B, T, H, W, 3). Every dtype, range and layout is either right or refused."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..types import Frames

MAX_SIDE = 1 << 16
RANGES = ((0, 1), (-1, 1))
AXES = {4: "THWC", 5: "BTHWC"}
SAY_RANGE = "say `value_range=(0, 1)` or `value_range=(-1, 1)`"


@dataclass(frozen=True, eq=False)
class Clips:
    """frames: uint8 (B, T, H, W, 3). batched: the caller gave a batch; if not, B is 1."""

    frames: Frames
    batched: bool


def read_video(video: Any, layout: str | None = None, value_range: tuple[float, float] | None = None) -> Clips:
    """Return the frames of a numpy array or torch tensor, on any device.

    video: uint8, or float16, bfloat16, float32 or float64 with `value_range`, (0, 1) or (-1, 1), to which every value
    belongs; floats are rounded to the nearest of 256 levels. layout: the order of the axes, T, H, W, C and for a batch
    B: "THWC" for four axes and "BTHWC" for five if None. Raises UsageError, in one line, for anything else.
    """
    array = _frames(video)
    if array.ndim not in AXES:
        hint = "; a single picture is `picture[None]`" if array.ndim == 3 else ""
        raise UsageError(f"video of shape {array.shape}: (T, H, W, 3) or (B, T, H, W, 3) is needed{hint}")
    usual = AXES[array.ndim]
    order = usual if layout is None else layout.upper()
    if sorted(order) != sorted(usual):
        raise UsageError(f"`layout` {layout!r}: a video of shape {array.shape} has the axes {usual}, in some order")
    channels = order.index("C")
    if array.shape[channels] != 3:
        raise UsageError(f"video of shape {array.shape} as {order}: {_channels_hint(array.shape, order)}")
    moved = array.transpose([order.index(axis) for axis in usual])
    batch = moved if moved.ndim == 5 else moved[None]
    clips, frames, height, width, _ = batch.shape
    if 0 in batch.shape:
        raise UsageError(f"video of shape {array.shape} as {order}: there is no frame in it")
    if max(height, width) > MAX_SIDE:
        raise UsageError(f"video of {width}x{height}: a side has at most {MAX_SIDE:,} pixels")
    return Clips(np.ascontiguousarray(_uint8(batch, value_range)), moved.ndim == 5)


def _channels_hint(shape: tuple[int, ...], order: str) -> str:
    found = shape[order.index("C")]
    if found in (1, 4):
        what = "one channel; repeat it three times" if found == 1 else "four channels; leave the fourth (alpha) out"
        return f"has {what}"
    first = "BTCHW" if len(order) == 5 else "TCHW"
    if shape[first.index("C")] == 3:
        return f"the axis C has {found} values, not 3; is it `layout={first!r}`?"
    return f"the axis C has {found} values, and must have 3 (RGB)"


def _frames(video: Any) -> npt.NDArray[Any]:
    torch = sys.modules.get("torch")
    if not isinstance(video, np.ndarray) and (torch is None or not isinstance(video, torch.Tensor)):
        raise UsageError(f"video is a {type(video).__name__}: a numpy array or a torch tensor is needed")
    return as_numpy(video)


def as_numpy(values: Any) -> npt.NDArray[Any]:
    """An array of lists, arrays or tensors, those on a GPU too; bfloat16, which numpy has not, as float32."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(values, torch.Tensor):
        tensor = values.detach().cpu()
        values = (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
    return np.asarray(values)


def _uint8(video: npt.NDArray[Any], value_range: tuple[float, float] | None) -> Frames:
    if video.dtype == np.uint8:
        if value_range is not None:
            raise UsageError("`value_range` is for float frames; uint8 frames are 0 to 255")
        return video
    if video.dtype.kind != "f":
        raise UsageError(f"frames of {video.dtype}: uint8 is needed, or floats with `value_range`")
    if value_range is None:
        raise UsageError(f"frames of {video.dtype} say not which range they have: {SAY_RANGE}")
    if tuple(value_range) not in RANGES:
        raise UsageError(f"`value_range` {value_range}: {SAY_RANGE}")
    low, high = value_range
    least, most = float(video.min()), float(video.max())
    if not low <= least <= most <= high:  # false for NaN too
        raise UsageError(f"frames have values from {least:g} to {most:g}, outside {value_range}; scale or clip them")
    wide: npt.NDArray[Any] = video.astype(np.float64 if video.dtype == np.float64 else np.float32)
    levels: Frames = np.rint((wide - low) * (255 / (high - low))).astype(np.uint8)
    return levels


def to_device(frames: Frames, device: Any) -> Any:
    """A torch tensor on a device; the array itself where `device` is None."""
    if device is None:
        return frames
    import torch

    return torch.from_numpy(frames).to(device)
