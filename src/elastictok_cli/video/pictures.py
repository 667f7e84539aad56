"""PNG: one picture, or numbered ones. A PNG has no rotation, so pixels are turned upright."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from fractions import Fraction
from pathlib import Path

import av

from ..errors import OutputError, UsageError
from . import geometry
from .colour import FULL, RGB, Colour, FromRgb
from .geometry import Pixels
from .sink import PartFile, Shown, Sink, SinkOptions, output_size, writing


class PngWriter:
    """RGB to the bytes of a PNG, at the output's size, turned upright."""

    def __init__(self, options: SinkOptions, info: Shown) -> None:
        size = output_size(options, info)
        sar = geometry.scaled_sar(info.sar, info.coded_size, size)
        self._rotation = info.rotation
        self._scale = FromRgb(*size, "rgb24", Colour(2, 2, RGB, FULL))
        if info.rotation % 180:
            size, sar = (size[1], size[0]), 1 / sar
        self._size, self._sar = size, sar

    def __call__(self, rgb: Pixels) -> bytes:
        """rgb: uint8 (height, width, 3) at the coded size."""
        upright = geometry.turn(self._scale.pixels(rgb), self._rotation)
        encoder = av.VideoCodecContext.create("png", "w")
        encoder.width, encoder.height = self._size
        encoder.pix_fmt, encoder.time_base = "rgb24", Fraction(1, 25)
        encoder.sample_aspect_ratio = self._sar
        encoder.thread_count = 1
        frame = av.VideoFrame.from_ndarray(upright, "rgb24")
        return b"".join(bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)])


class PictureSink(Sink):
    """One PNG; a second frame is refused."""

    def __init__(self, path: Path, options: SinkOptions, info: Shown) -> None:
        super().__init__(path.name)
        self._png = PngWriter(options, info)
        self._file = PartFile(path, options.overwrite)

    def _write(self, pts: int, rgb: Pixels) -> None:
        if self.frames:
            stem = Path(self.name).stem
            raise UsageError(
                f"{self.name}: holds one picture, and this is a video; write {stem}-%05d.png or {stem}.mp4"
            )
        self._file.part.write_bytes(self._png(rgb))

    def _finish(self) -> None:
        self._file.keep()

    def abort(self) -> None:
        self._file.remove()


class SequenceSink(Sink):
    """frames/%05d.png, counted from 1. They wait in a hidden folder until all are there."""

    def __init__(self, path: Path, options: SinkOptions, info: Shown) -> None:
        super().__init__(path.name)
        self._folder, self._overwrite = path.parent, options.overwrite
        try:
            self._names = path.name
            if len({path.name % 1, path.name % 2}) == 1 or not re.search(r"%0?\d*d", path.name):
                raise ValueError
        except (TypeError, ValueError):
            raise UsageError(f"{path}: must have one number in it, such as %05d.png") from None
        self._png = PngWriter(options, info)
        self._made = not self._folder.exists()
        pattern = re.compile(re.sub(r"%0?\d*d", r"\\d+", re.escape(path.name).replace(r"\%", "%")))
        if not self._made and not options.overwrite:
            for name in sorted(os.listdir(self._folder)) if self._folder.is_dir() else ():
                if pattern.fullmatch(name):
                    raise OutputError(f"{self._folder / name}: already exists; -f replaces it")
        with writing(str(self._folder)):
            self._folder.mkdir(parents=True, exist_ok=True)
            self._part = self._folder / f".{secrets.token_hex(4)}.part"
            self._part.mkdir()

    def _write(self, pts: int, rgb: Pixels) -> None:
        (self._part / (self._names % (self.frames + 1))).write_bytes(self._png(rgb))

    def _finish(self) -> None:
        self._note("numbered pictures keep no times")
        for number in range(1, self.frames + 1):
            name = self._names % number
            os.replace(self._part / name, self._folder / name)
        self._part.rmdir()

    def abort(self) -> None:
        shutil.rmtree(self._part, ignore_errors=True)
        if self._made and not self.frames_kept():
            self._folder.rmdir()

    def frames_kept(self) -> bool:
        """Whether anything lies in the folder."""
        return not self._folder.exists() or any(self._folder.iterdir())
