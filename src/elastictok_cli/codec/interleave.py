"""Hands out the source's audio packets GOP by GOP, so that each GOP's sound lies behind it in the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ..container import Header
from ..types import AudioPacket
from ..video import Source


class AudioFeed:
    """Packets in file order. written: how many of each stream a resumed run already has; they are skipped."""

    def __init__(self, source: Source, header: Header, written: Sequence[int]) -> None:
        self.header = header
        self._packets: Iterator[AudioPacket] = iter(source.audio_packets()) if header.audio else iter(())
        self._skip = list(written)
        self._held: AudioPacket | None = None

    def until(self, pts: npt.NDArray[np.int64]) -> list[AudioPacket]:
        """The packets before the end of a GOP with these frame times (its last frame is as long as the one
        before)."""
        step = int(pts[-1] - pts[-2]) if len(pts) > 1 else 0
        end = (int(pts[-1]) + step) * self.header.time_base
        packets = []
        while (packet := self._next()) is not None:
            # Only up to here in file order: streams that are muxed far apart come late rather than held in
            # memory.
            if packet.pts * self.header.audio[packet.stream].time_base >= end:
                self._held = packet
                break
            packets.append(packet)
        return packets

    def rest(self) -> list[AudioPacket]:
        """What comes after the last frame."""
        packets = []
        while (packet := self._next()) is not None:
            packets.append(packet)
        return packets

    def _next(self) -> AudioPacket | None:
        if self._held is not None:
            packet, self._held = self._held, None
            return packet
        for packet in self._packets:
            if self._skip[packet.stream] > 0:
                self._skip[packet.stream] -= 1
                continue
            return packet
        return None
