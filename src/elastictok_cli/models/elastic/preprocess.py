"""Pictures as the original's loader makes them: shorter side scaled to the model's, centre cut out.

The program's own way into a model is `video/`, which keeps the whole frame. This one is for comparing with
figures that were made with the original.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def original_picture(rgb: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """uint8 (H, W, 3) of any size to (side, side, 3): Pillow's antialiased triangle filter, the centre."""
    from PIL import Image

    height, width = rgb.shape[:2]
    ratio = side / min(height, width)
    # The original cuts the fraction off, and mends only a side that becomes one too short.
    wide, high = (max(side, int(width * ratio)), side) if width > height else (side, max(side, int(height * ratio)))
    picture = Image.fromarray(rgb).resize((wide, high), Image.Resampling.BILINEAR)
    left, top = (wide - side) // 2, (high - side) // 2
    return np.asarray(picture)[top : top + side, left : left + side]
