"""YUV4MPEG2: raw 4:2:0 frames, as other encoders and measuring tools read them; to a file or stdout."""

from __future__ import annotations

import os
import sys
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from . import geometry
from .colour import FULL, FromRgb, for_output
from .geometry import Pixels
from .sink import PartFile, Shown, Sink, SinkOptions, output_size, writing


class Y4mSink(Sink):
    """Frames one after the other at one rate; turned upright, since it has no rotation."""

    def __init__(self, path: str, options: SinkOptions, info: Shown) -> None:
        super().__init__("standard output" if path == "-" else Path(path).name)
        width, height = output_size(options, info)
        sar = geometry.scaled_sar(info.sar, info.coded_size, (width, height))
        self._rotation = info.rotation
        self._scale = FromRgb(width, height, "rgb24", for_output(info.colour, width, height))
        if info.rotation % 180:
            width, height, sar = height, width, 1 / sar
        colour = for_output(info.colour, width, height)
        self._convert = FromRgb(width, height, "yuv420p", colour)
        self._rate = info.frame_rate or Fraction(25)
        self._step = float(1 / (self._rate * info.time_base))  # ticks
        self._first = 0
        levels = "FULL" if colour.range == FULL else "LIMITED"
        self._header = (
            f"YUV4MPEG2 W{width} H{height} F{self._rate.numerator}:{self._rate.denominator} Ip "
            f"A{sar.numerator}:{sar.denominator} C420mpeg2 XCOLORRANGE={levels}\n"
        ).encode()
        self._file = None if path == "-" else PartFile(Path(path), options.overwrite)
        with writing(self.name):
            self._stream: BinaryIO = sys.stdout.buffer if self._file is None else self._file.part.open("wb")

    def _write(self, pts: int, rgb: Pixels) -> None:
        if self.frames == 0:
            self._first = pts
            self._stream.write(self._header)
        elif abs(pts - self._first - self.frames * self._step) > max(1, self._step / 2):
            self._note(f"y4m cannot store uneven times; the video gets {float(self._rate):.3f} fps")
        upright = geometry.turn(self._scale.pixels(rgb), self._rotation)
        self._stream.write(b"FRAME\n")
        for plane in self._convert(upright).planes:
            self._stream.write(_pixels(plane))

    def _finish(self) -> None:
        self._stream.flush()
        if self._file is not None:
            os.fsync(self._stream.fileno())
            self._stream.close()
            self._file.keep()

    def abort(self) -> None:
        if self._file is not None:
            self._stream.close()
            self._file.remove()


def _pixels(plane: av.video.plane.VideoPlane) -> bytes:
    """A plane without the padding at the end of its lines."""
    lines = np.frombuffer(bytes(plane), np.uint8).reshape(-1, plane.line_size)
    return bytes(lines[: plane.height, : plane.width].tobytes())
