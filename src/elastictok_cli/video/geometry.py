"""Sizes and pixels: what --size means, padding, cropping, tiles, turning. numpy only, no video.

Sizes are (width, height) as people say them; arrays are (height, width, 3) or (frames, height, width, 3),
uint8.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt

from ..errors import UsageError

Pixels = npt.NDArray[np.uint8]

MAX_SIDE = 1 << 16  # as in the container


def coded_size(size: str, width: int, height: int) -> tuple[int, int]:
    """What --size makes of a picture of width x height.

    "source": every pixel. "fitN": shorter side at most N, never enlarged. "N": shorter side N. "WxH": just that.
    Where the other side follows from the aspect, it is rounded to an even number, which every video codec
    takes. Raises UsageError.
    """
    text = size.strip().lower()
    if text == "source":
        return width, height
    limit = text.removeprefix("fit") if text.startswith("fit") else None
    sides = [limit] if limit is not None else text.split("x")
    if len(sides) not in (1, 2) or not all(side.isascii() and side.isdigit() for side in sides):
        raise UsageError(
            f"`size` {size}: must be source, fit256 (a shorter side of at most 256), 256 (a shorter side) or 456x256"
        )
    numbers = [int(side) for side in sides]
    if not all(0 < number < MAX_SIDE for number in numbers):
        raise UsageError(f"`size` {size}: a side has 1 to {MAX_SIDE - 1} pixels")
    if len(numbers) == 2:
        return numbers[0], numbers[1]
    if limit is not None and min(width, height) <= numbers[0]:
        return width, height
    found = _short_side(numbers[0], width, height)
    if max(found) >= MAX_SIDE:
        raise UsageError(f"`size` {size}: would be {found[0]}x{found[1]}; a side has 1 to {MAX_SIDE - 1} pixels")
    return found


def _short_side(short: int, width: int, height: int) -> tuple[int, int]:
    if width == height:
        return short, short
    long, other = max(width, height), min(width, height)
    scaled = max(short, 2 * ((long * short + other) // (2 * other)))  # nearest even number
    return (scaled, short) if width > height else (short, scaled)


def scaled_sar(sar: Fraction, before: tuple[int, int], after: tuple[int, int]) -> Fraction:
    """The sample aspect ratio that keeps the shown shape when a picture is scaled from one size to another.

    Rounding of a side (below 2 %) is let go: a shape off by a pixel is better than an odd aspect ratio.
    """
    change = Fraction(before[0] * after[1], before[1] * after[0])
    if abs(change - 1) < Fraction(1, 50):
        return sar
    return (sar * change).limit_denominator(4096)


def shown_size(size: tuple[int, int], sar: Fraction, rotation: int) -> tuple[int, int]:
    """The size shown: width stretched by the sample aspect ratio, then turned. rotation: clockwise."""
    width = max(1, round(size[0] * sar))
    return (size[1], width) if rotation % 180 else (width, size[1])


def pad(rgb: Pixels, size: tuple[int, int]) -> Pixels:
    """Repeat the lower and right edge of (..., H, W, 3) up to `size` (height, width)."""
    down, right = size[0] - rgb.shape[-3], size[1] - rgb.shape[-2]
    if not down and not right:
        return rgb
    return np.pad(rgb, (*[(0, 0)] * (rgb.ndim - 3), (0, down), (0, right), (0, 0)), mode="edge")


def crop(rgb: Pixels, width: int, height: int) -> Pixels:
    """The inverse of `pad`: a view of the upper left part."""
    return rgb[..., :height, :width, :]


def tile(rgb: Pixels, size: tuple[int, int]) -> list[Pixels]:
    """Cut (..., H, W, 3) into views of `size` (height, width), in rows from the upper left.

    Raises ValueError if they do not fill the picture.
    """
    height, width = rgb.shape[-3:-1]
    if height % size[0] or width % size[1]:
        raise ValueError(f"a picture of {width}x{height} cannot be cut into tiles of {size[1]}x{size[0]}")
    return [
        rgb[..., y : y + size[0], x : x + size[1], :]
        for y in range(0, height, size[0])
        for x in range(0, width, size[1])
    ]


def untile(tiles: list[Pixels], columns: int) -> Pixels:
    """The inverse of `tile`: (..., H, W, 3). columns: tiles in a row."""
    rows = [np.concatenate(tiles[at : at + columns], axis=-2) for at in range(0, len(tiles), columns)]
    return np.concatenate(rows, axis=-3)


def turn(rgb: Pixels, clockwise: int) -> Pixels:
    """(H, W, 3) turned by 0, 90, 180 or 270 degrees; contiguous."""
    return np.ascontiguousarray(np.rot90(rgb, -(clockwise // 90) % 4, axes=(0, 1)))
