"""What is done to decoded frames before anything else: deinterlacing, and the crop that the container asks for."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import av
import av.error
import av.filter


class Crop(NamedTuple):
    """Pixels to take off each side of a stored picture."""

    left: int
    top: int
    right: int
    bottom: int


class Filters:
    """FFmpeg's bwdif from the first interlaced frame on (one frame out for each one in), then the crop.

    A filter keeps the size and format that it was made for, and so FFmpeg shows memory that nobody wrote when frames
    change on the way. A new chain is made whenever anything about them changes.
    """

    def __init__(self, time_base: Fraction, crop: Crop | None) -> None:
        self.deinterlaces = False
        self._time_base, self._crop = time_base, crop
        self._graph: av.filter.Graph | None = None
        self._made_for: tuple[object, ...] = ()

    def __call__(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Frames that are done, one behind when they are deinterlaced. None: the last one. PTS are in the time base."""
        if frame is None:
            yield from self._flush()
            return
        self.deinterlaces |= frame.interlaced_frame
        if not self.deinterlaces and self._crop is None:
            yield frame
            return
        kind = (frame.width, frame.height, frame.format.name, frame.colorspace, frame.color_range, self.deinterlaces)
        if kind != self._made_for:
            yield from self._flush()
            self._graph, self._made_for = self._make(frame), kind
        assert self._graph is not None
        self._graph.vpush(frame)
        yield from self._pull(self._graph)

    def _make(self, frame: av.VideoFrame) -> av.filter.Graph:
        graph = av.filter.Graph()
        graph.threads = 1
        nodes = [
            graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=self._time_base)
        ]
        if self.deinterlaces:
            nodes.append(graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced"))
        if self._crop is not None:
            left, top, right, bottom = self._crop
            width, height = frame.width - left - right, frame.height - top - bottom
            if width > 0 and height > 0:  # a frame that got smaller on the way may have nothing left
                nodes.append(graph.add("crop", f"{width}:{height}:{left}:{top}:exact=1"))
        graph.link_nodes(*nodes, graph.add("buffersink")).configure()
        return graph

    def _flush(self) -> Iterator[av.VideoFrame]:
        if self._graph is not None:
            graph, self._graph, self._made_for = self._graph, None, ()
            graph.vpush(None)
            yield from self._pull(graph)

    def _pull(self, graph: av.filter.Graph) -> Iterator[av.VideoFrame]:
        while True:
            try:
                done = graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            # bwdif counts in half ticks.
            if done.pts is not None and done.time_base is not None:
                done.pts = round(done.pts * done.time_base / self._time_base)
                done.time_base = self._time_base
            yield done
