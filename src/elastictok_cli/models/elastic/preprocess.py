"""The original's preprocessing of pictures: the shorter side scaled to the model's, the centre cut out.

For comparisons with results of the original. The package itself reads pictures in video/, which keeps the whole frame.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def resize_and_crop(rgb: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """Scale uint8 (H, W, 3) of any size and cut out its centre: uint8 (side, side, 3). Pillow's bilinear filter."""
    from PIL import Image

    height, width = rgb.shape[:2]
    ratio = side / min(height, width)
    # The original rounds down, and corrects only a side that becomes shorter than the model's.
    scaled = (max(side, int(width * ratio)), side) if width > height else (side, max(side, int(height * ratio)))
    picture = Image.fromarray(rgb).resize(scaled, Image.Resampling.BILINEAR)
    left, top = (scaled[0] - side) // 2, (scaled[1] - side) // 2
    return np.asarray(picture)[top : top + side, left : left + side]
