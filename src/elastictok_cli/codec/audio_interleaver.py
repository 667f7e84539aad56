"""Split the source's audio packets by GOP, so that the sound of each GOP follows it in the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ..container import Header
from ..types import AudioPacket
from ..video import Source


class AudioInterleaver:
    """Audio packets in the order of the source.

    written: packets of each stream that a resumed run has already; they are skipped.
    """

    def __init__(self, source: Source, header: Header, written: Sequence[int]) -> None:
        self.header = header
        self._packets: Iterator[AudioPacket] = iter(source.audio_packets()) if header.audio else iter(())
        self._skip = list(written)
        self._held: AudioPacket | None = None  # read already, belongs to a later GOP

    def during(self, pts: npt.NDArray[np.int64]) -> list[AudioPacket]:
        """Return the next packets that start before the end of a GOP.

        pts: the times of its frames. The last frame is taken to be as long as the one before it.
        """
        step = int(pts[-1] - pts[-2]) if len(pts) > 1 else 0
        end = (int(pts[-1]) + step) * self.header.time_base
        packets = []
        for packet in self._remaining():
            # Stops at the first later packet, whatever follows it: where the source muxes its streams far apart, sound
            # is written late, not held in memory.
            if packet.pts * self.header.audio[packet.stream].time_base >= end:
                self._held = packet
                break
            packets.append(packet)
        return packets

    def rest(self) -> list[AudioPacket]:
        """Return all packets that are left."""
        return list(self._remaining())

    def _remaining(self) -> Iterator[AudioPacket]:
        if self._held is not None:
            packet, self._held = self._held, None
            yield packet
        for packet in self._packets:
            if self._skip[packet.stream] > 0:
                self._skip[packet.stream] -= 1
            else:
                yield packet
