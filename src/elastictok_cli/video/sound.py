"""Sound copied from a source into a sink, as far as the picture has come."""

from __future__ import annotations

import math

from ..types import AudioPacket
from .sink import Sink
from .source import Source


class Sound:
    """The source's packets that begin from `start_s` on and before `end_s`. source: None for no sound."""

    def __init__(self, source: Source | None, sink: Sink, start_s: float = -math.inf, end_s: float = math.inf) -> None:
        self._packets = iter(source.audio_packets()) if source is not None else iter(())
        self._bases = [track.time_base for track in source.info.audio] if source is not None else []
        self._sink, self._start_s, self._end_s = sink, start_s, end_s
        self._held: AudioPacket | None = None

    def until(self, time_s: float) -> None:
        """Hand over all packets that begin up to this time."""
        while (packet := self._held or next(self._packets, None)) is not None:
            self._held = packet
            at = float(packet.pts * self._bases[packet.stream])
            if at > time_s:
                return
            self._held = None
            if self._start_s <= at < self._end_s:
                self._sink.write_audio(packet)
