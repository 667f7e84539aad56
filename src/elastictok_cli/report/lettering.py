"""Text as pixels: lines of words in one of matplotlib's own fonts, drawn by Pillow onto a picture."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

SMALLEST = 8  # pixels; below that nobody reads it


@lru_cache(maxsize=32)
def _font(size: int, bold: bool) -> Any:
    import matplotlib
    from PIL import ImageFont

    # The font that matplotlib brings, so that a picture looks the same on every machine.
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", name)
    # Pillow's own layout: raqm, where it is there, would set kerning that other machines do not have.
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)


def line_height(size: int) -> int:
    """Rows that a line of this size takes."""
    return round(1.35 * size)


def fitting(text: str, size: int, width: int, bold: bool = False) -> int:
    """The largest size up to `size` at which the text is at most `width` pixels wide, but never below SMALLEST."""
    while size > SMALLEST and _font(size, bold).getlength(text) > width:
        size -= 1
    return size


def shortened(text: str, size: int, width: int, bold: bool = False) -> str:
    """The text, or as much of its start as fits, with an ellipsis."""
    font = _font(size, bold)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "…") > width:
        text = text[:-1]
    return text.rstrip() + "…"


@lru_cache(maxsize=512)
def line(text: str, size: int, colour: str, paper: str, width: int, bold: bool = False) -> Pixels:
    """One line from the left: uint8 (line_height(size), width, 3). Shortened where it does not fit."""
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (width, line_height(size)), paper)
    size = fitting(text, size, width, bold)
    words, font = shortened(text, size, width, bold), _font(size, bold)
    ImageDraw.Draw(image).text((0, image.height // 2), words, fill=colour, font=font, anchor="lm")
    return np.asarray(image)
