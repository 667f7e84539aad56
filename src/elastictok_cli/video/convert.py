"""Decoded frames to the RGB that a source gives: one size, one way up, each frame by its own colour tags."""

from __future__ import annotations

import av

from . import geometry
from .colour import Colour, ToRgb, known
from .geometry import Pixels
from .notes import Notes
from .orientation import upright
from .probe import Probed, held


class Converter:
    """size: (width, height) of what comes out. notes: gets what changes on the way."""

    def __init__(self, probed: Probed, size: tuple[int, int], notes: Notes) -> None:
        self._probed, self._size, self._notes = probed, size, notes
        self._to_rgb: dict[bool, ToRgb] = {}  # by whether the sides are swapped

    def __call__(self, frame: av.VideoFrame) -> Pixels:
        """uint8 (height, width, 3), contiguous, the caller's own."""
        it = self._probed
        colour = it.colour if it.is_still else known(frame, False)
        self._note_changes(frame, colour)
        orientation = it.held if it.is_still else held(frame)
        if orientation != it.held:
            self._notes.add("the video is turned on the way; all its frames are given the same way up")
        # Upright, and then as the first frame was stored, if players turn that one.
        to_rgb = self._converter((orientation >= 5) != (it.rotation % 180 != 0))
        to_rgb.colour = colour
        rgb = to_rgb(frame)
        if to_rgb.blended:
            self._notes.add("transparent pixels are laid on white")
        if orientation == it.held and it.orientation == 1:
            return rgb
        return geometry.turn(upright(rgb, orientation), -it.rotation)

    def _converter(self, swapped: bool) -> ToRgb:
        if swapped not in self._to_rgb:
            width, height = self._size[::-1] if swapped else self._size
            self._to_rgb[swapped] = ToRgb(width, height, self._probed.colour)
        return self._to_rgb[swapped]

    def _note_changes(self, frame: av.VideoFrame, colour: Colour) -> None:
        it = self._probed
        if (frame.width, frame.height) != (it.width, it.height):
            width, height = self._size
            self._notes.add(
                f"the picture changes its size to {frame.width}x{frame.height}; "
                f"all frames are coded at {width}x{height}"
            )
        if colour[2:] != it.colour[2:]:
            self._notes.add("the colour matrix or range changes on the way; each frame is shown by its own")
        if colour[:2] != it.colour[:2]:
            self._notes.add("the colour primaries or transfer change on the way; the output has those of the start")
