"""Animated GIF: at most 12.5 frames a second and 960 pixels wide, one palette made of all frames.

A palette needs all frames before the first can be written, so they wait in a temporary file, compressed.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import av.filter
import numpy as np

from ..units import last_frame_ticks
from .colour import Fitted
from .geometry import Pixels, scaled_sar, shown_size
from .sink import PartFile, Shown, Sink, SinkOptions, output_size, writing

WIDEST = 960
TICKS = 100  # a second: GIF counts in hundredths
MOST_TICKS = 0xFFFF  # that a picture stays
LEAST_TICKS = 8  # between frames: 12.5 a second. Many viewers show anything faster than 2 slowly, and size counts


class GifSink(Sink):
    """One GIF that repeats for ever."""

    def __init__(self, path: Path, options: SinkOptions, info: Shown) -> None:
        super().__init__(path.name)
        self._info, self._options = info, options
        coded = output_size(options, info)
        size = shown_size(coded, scaled_sar(info.sar, info.coded_size, coded), info.rotation)
        if size[0] > WIDEST:
            size = WIDEST, max(1, round(size[1] * WIDEST / size[0]))
            self._note(f"a GIF is at most {WIDEST} pixels wide here; .mp4 and .webm keep all pixels")
        self._fit, self.size = Fitted(size, info.rotation), size
        self._file = PartFile(path, options.overwrite)
        with writing(self.name):
            self._spool = tempfile.TemporaryFile(prefix="elastictok-")  # noqa: SIM115  closed by `abort`, and at the end
        self._kept: list[tuple[int, int]] = []  # tick, bytes in the spool
        self._origin: int | None = None
        self._last = self._step = 0  # PTS of the last frame, and from the one before it

    def _tick(self, pts: int) -> int:
        return round((pts - (self._origin or 0)) * self._info.time_base * TICKS)

    def _write(self, pts: int, rgb: Pixels) -> None:
        if self._origin is None:
            self._origin = pts
        tick = self._tick(pts)
        if not self._kept or tick >= self._kept[-1][0] + LEAST_TICKS:
            data = zlib.compress(self._fit(rgb).tobytes(), 1)
            self._spool.write(data)
            self._kept.append((tick, len(data)))
        self._last, self._step = pts, pts - self._last

    def _write_audio(self, packet: Any) -> None:
        self._note("a GIF holds no sound; .mkv does")

    def _frames(self) -> Iterator[av.VideoFrame]:
        self._spool.seek(0)
        width, height = self.size
        for tick, length in self._kept:
            pixels = np.frombuffer(zlib.decompress(self._spool.read(length)), np.uint8).reshape(height, width, 3)
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, TICKS)
            yield frame

    def _last_ticks(self) -> int:
        """How long the last picture stays: what was left out behind it too."""
        end, info = self._options.end_pts, self._info
        if end is None or end <= self._last:
            step = None if self.frames == 1 else self._step
            end = self._last + last_frame_ticks(step, info.frame_rate, info.time_base)
        return min(max(1, self._tick(end) - self._kept[-1][0]), MOST_TICKS)

    def _palette(self) -> av.VideoFrame:
        graph = av.filter.Graph()
        graph.link_nodes(
            self._buffer(graph, "rgb24"), graph.add("palettegen", "stats_mode=diff"), graph.add("buffersink")
        ).configure()
        for frame in self._frames():
            graph.vpush(frame)
        graph.vpush(None)
        return graph.vpull()

    def _buffer(self, graph: av.filter.Graph, pixel_format: str, size: tuple[int, int] | None = None) -> Any:
        width, height = size or self.size
        kind = av.VideoFormat(pixel_format)
        return graph.add_buffer(width=width, height=height, format=kind, time_base=Fraction(1, TICKS))

    def _finish(self) -> None:
        if len(self._kept) < self.frames:
            self._note(f"a GIF gets at most 12.5 fps; it shows {len(self._kept)} of {self.frames}")
        palette = self._palette()
        graph = av.filter.Graph()
        pictures = self._buffer(graph, "rgb24")
        colours = self._buffer(graph, palette.format.name, (palette.width, palette.height))
        use = graph.add("paletteuse", "dither=bayer:bayer_scale=4:diff_mode=rectangle")
        end = graph.add("buffersink")
        pictures.link_to(use, 0, 0)
        colours.link_to(use, 0, 1)
        use.link_to(end)
        graph.configure()
        # Without a packet behind it GIF would guess how long the last picture stays.
        how = {"loop": "0", "final_delay": str(self._last_ticks())}
        with av.open(str(self._file.part), "w", format="gif", options=how) as output:
            stream = output.add_stream("gif", rate=Fraction(TICKS, LEAST_TICKS))
            stream.width, stream.height = self.size
            stream.pix_fmt = "pal8"
            stream.codec_context.time_base = stream.time_base = Fraction(1, TICKS)
            palette.pts, palette.time_base = 0, Fraction(1, TICKS)
            colours.push(palette)
            colours.push(None)
            for frame in self._frames():
                pictures.push(frame)
                output.mux(stream.encode(self._pulled(end)))
            for packet in stream.encode(None):
                output.mux(packet)
        self._spool.close()
        self._file.keep()

    @staticmethod
    def _pulled(end: Any) -> av.VideoFrame:
        frame = cast(av.VideoFrame, end.pull())
        frame.time_base = Fraction(1, TICKS)
        return frame

    def abort(self) -> None:
        self._spool.close()
        self._file.remove()
