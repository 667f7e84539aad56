"""Pictures as they are looked at: scaled to a size on the screen and turned upright."""

from __future__ import annotations

from . import geometry
from .colour import FULL, RGB, Colour, FromRgb
from .geometry import Pixels


class Fitted:
    """size: (width, height) after turning. rotation: degrees clockwise that a player turns the picture by."""

    def __init__(self, size: tuple[int, int], rotation: int = 0) -> None:
        self.size, self.rotation = size, rotation
        width, height = (size[1], size[0]) if rotation % 180 else size
        self._scale = FromRgb(width, height, "rgb24", Colour(2, 2, RGB, FULL))

    def __call__(self, rgb: Pixels) -> Pixels:
        """rgb: uint8 (h, w, 3) of any size, as stored. Returns uint8 (height, width, 3)."""
        return geometry.turn(self._scale.pixels(rgb), self.rotation)
