"""Interlaced frames to whole ones, as many as came in and at their times (FFmpeg's bwdif)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
import av.error
import av.filter


class Deinterlacer:
    """From its first frame on; frames that are not marked as interlaced pass as they are."""

    def __init__(self, stream: av.VideoStream) -> None:
        self._time_base = cast(Fraction, stream.time_base)
        self._graph = av.filter.Graph()
        self._graph.threads = 1
        self._graph.link_nodes(
            self._graph.add_buffer(template=stream),
            self._graph.add("bwdif", "mode=send_frame:parity=auto:deint=interlaced"),
            self._graph.add("buffersink"),
        ).configure()

    def __call__(self, frame: av.VideoFrame | None) -> Iterator[av.VideoFrame]:
        """Frames that are done; one frame behind. None: the last one. PTS are in the stream's time base."""
        self._graph.vpush(frame)
        while True:
            try:
                done = self._graph.vpull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            # The filter counts in half ticks.
            if done.pts is not None and done.time_base is not None:
                done.pts = round(done.pts * done.time_base / self._time_base)
                done.time_base = self._time_base
            yield done
