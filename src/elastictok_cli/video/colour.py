"""Between the pixels of a video and RGB: matrix, range, depth, transparency and scaling, by swscale.

Tags are FFmpeg's numbers (ITU-T H.273): primaries, transfer, matrix, range. Only matrix and range change
pixels here; primaries and transfer are carried along, so a BT.2020 or HDR video is coded in its own light and
shown in it.
"""

from __future__ import annotations

from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import Interpolation, VideoReformatter

from .geometry import Pixels, turn

UNKNOWN = 2
RGB, BT709, BT470BG, SMPTE170M, BT2020 = 0, 1, 5, 6, 9
LIMITED, FULL = 1, 2

# H.273 matrix to swscale's. Others (YCgCo, ICtCp, ...) are unknown to it and taken for the default.
_SWSCALE = {BT709: 1, 4: 4, BT470BG: 5, SMPTE170M: 5, 7: 7, BT2020: 9, 10: 9}

# Bicubic widens its kernel when it shrinks, so it does not alias. The other flags: full chroma resolution on
# both sides, exact rounding, and the same bytes on every machine.
FLAGS = int(
    Interpolation.BICUBIC
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
)
_WHITE = 255


class Colour(NamedTuple):
    """Tags of a stream. matrix: RGB if it is stored as RGB."""

    primaries: int
    transfer: int
    matrix: int
    range: int


def is_rgb(pixel_format: str) -> bool:
    """Whether samples are red, green and blue (or indices of such)."""
    return "rgb" in pixel_format or "bgr" in pixel_format or pixel_format.startswith(("gbr", "pal8", "0", "x2"))


def has_alpha(pixel_format: str) -> bool:
    """Whether pixels can be transparent."""
    if pixel_format == "pal8":
        return True
    return any(component.is_alpha for component in av.VideoFormat(pixel_format).components)


def known(frame: av.VideoFrame, picture: bool) -> Colour:
    """The tags of a decoded frame, with matrix and range made up where they are missing.

    picture: a still, whose levels are full unless it says otherwise. Untagged video is taken as players take
    it: BT.709 from 1280 pixels width or 577 lines on, BT.601 below, limited range.
    """
    pixel_format = frame.format.name
    primaries, transfer = int(frame.color_primaries), int(frame.color_trc)
    if is_rgb(pixel_format):
        return Colour(primaries, transfer, RGB, FULL)
    matrix, levels = int(frame.colorspace), int(frame.color_range)
    if matrix not in _SWSCALE:
        matrix = default_matrix(frame.width, frame.height, primaries)
    if levels not in (LIMITED, FULL):
        levels = FULL if picture or pixel_format.startswith("yuvj") else LIMITED
    return Colour(primaries, transfer, matrix, levels)


def default_matrix(width: int, height: int, primaries: int = UNKNOWN) -> int:
    """What an untagged video of this size is taken for."""
    if primaries in (BT709, BT470BG, SMPTE170M, BT2020):
        return primaries
    return BT709 if width >= 1280 or height > 576 else SMPTE170M


def for_output(colour: tuple[int, ...], width: int, height: int) -> Colour:
    """Tags to write a YUV video with: the source's, or, if that was RGB, the default ones for its size."""
    primaries, transfer, matrix, levels = colour
    if matrix not in _SWSCALE:
        return Colour(primaries, transfer, default_matrix(width, height, primaries), LIMITED)
    return Colour(primaries, transfer, matrix, levels if levels in (LIMITED, FULL) else LIMITED)


class ToRgb:
    """Frames of one stream to uint8 RGB of one size, by the tags in `colour`, which may change from frame to frame.

    blended: a transparent pixel was laid on white.
    """

    def __init__(self, width: int, height: int, colour: Colour) -> None:
        self.width, self.height, self.colour = width, height, colour
        self.blended = False
        self._made_for: tuple[object, ...] = ()

    def __call__(self, frame: av.VideoFrame) -> Pixels:
        """uint8 (height, width, 3), contiguous, the caller's own."""
        kind = (frame.width, frame.height, frame.format.name, self.colour)
        if kind != self._made_for:  # scalers are for one kind of frame
            self._blend, self._scale, self._made_for = VideoReformatter(), VideoReformatter(), kind
        if has_alpha(frame.format.name):
            frame = self._on_white(frame)
        rgb = self._convert(self._scale, frame, self.width, self.height, "rgb24").to_ndarray()
        return np.ascontiguousarray(rgb, np.uint8)

    def _convert(
        self, reformatter: VideoReformatter, frame: av.VideoFrame, width: int, height: int, pixel_format: str
    ) -> av.VideoFrame:
        if is_rgb(frame.format.name):
            return reformatter.reformat(frame, width, height, pixel_format, interpolation=FLAGS, threads=1)
        return reformatter.reformat(
            frame,
            width,
            height,
            pixel_format,
            src_colorspace=_SWSCALE.get(self.colour.matrix, _SWSCALE[SMPTE170M]),
            src_color_range=self.colour.range,
            dst_color_range=FULL,
            interpolation=FLAGS,
            threads=1,
        )

    def _on_white(self, frame: av.VideoFrame) -> av.VideoFrame:
        # At full size, before scaling: what is under transparent pixels must not bleed into its neighbours.
        rgba = self._convert(self._blend, frame, frame.width, frame.height, "rgba").to_ndarray()
        alpha = rgba[..., 3:].astype(np.uint16)
        if int(alpha.min()) < 255:
            self.blended = True
        mixed = (rgba[..., :3] * alpha + _WHITE * (255 - alpha) + 127) // 255
        return av.VideoFrame.from_ndarray(np.ascontiguousarray(mixed.astype(np.uint8)), "rgb24")


class FromRgb:
    """uint8 RGB to frames of one size and pixel format, tagged with `colour`."""

    def __init__(self, width: int, height: int, pixel_format: str, colour: Colour) -> None:
        self.width, self.height, self.pixel_format, self.colour = width, height, pixel_format, colour
        self._reformatter = VideoReformatter()

    def __call__(self, rgb: Pixels) -> av.VideoFrame:
        """rgb: (H, W, 3) of any size; it is scaled."""
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")
        if is_rgb(self.pixel_format):
            shown = self._reformatter.reformat(
                frame, self.width, self.height, self.pixel_format, interpolation=FLAGS, threads=1
            )
        else:
            shown = self._reformatter.reformat(
                frame,
                self.width,
                self.height,
                self.pixel_format,
                src_color_range=FULL,
                dst_colorspace=_SWSCALE[self.colour.matrix],
                dst_color_range=self.colour.range,
                interpolation=FLAGS,
                threads=1,
            )
            shown.colorspace, shown.color_range = self.colour.matrix, self.colour.range
        return shown

    def pixels(self, rgb: Pixels) -> Pixels:
        """As RGB again, uint8 (height, width, 3): for a converter to "rgb24", which only scales."""
        return np.ascontiguousarray(self(rgb).to_ndarray(), np.uint8)


class Fitted:
    """Pictures as they are looked at: scaled to a size on the screen and turned upright.

    size: (width, height) after turning. rotation: degrees clockwise that a player turns the picture by.
    """

    def __init__(self, size: tuple[int, int], rotation: int = 0) -> None:
        self.size, self.rotation = size, rotation
        width, height = (size[1], size[0]) if rotation % 180 else size
        self._scale = FromRgb(width, height, "rgb24", Colour(2, 2, RGB, FULL))

    def __call__(self, rgb: Pixels) -> Pixels:
        """rgb: uint8 (h, w, 3) of any size, as stored. Returns uint8 (height, width, 3)."""
        return turn(self._scale.pixels(rgb), self.rotation)
