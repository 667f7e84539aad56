"""Times that go on where a file's clock starts again: recordings one behind the other, or a clock that was set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
import av.error

from .demux import opened

_BACK_S = Fraction(1, 10)  # a clock that goes back by less is unsteady, as FFmpeg takes it
_AHEAD_S = 10  # a jump ahead of all streams together by more is a new clock; of one stream alone it is a long picture
_AHEAD_ALONE_S = 3600
_LEADING = 8  # packets of video, of which the first picture shown need not be the first one
_MAX_HELD = 200  # packets, while the start of the next recording is looked for
_TIMED = ("video", "audio")


class _Clock:
    """Adds up the lengths of the recordings in a file. Times in seconds."""

    def __init__(self) -> None:
        self.offset = Fraction(0)
        self.restarts = 0
        self._last: dict[int, Fraction] = {}  # by stream: DTS of its last packet in this recording, as stored
        self._end = Fraction(0)  # of everything so far, as given

    def jump(self, packet: av.Packet[Any]) -> int:
        """-1 or 1 if the clock goes back or far ahead at this packet, 0 if it goes on."""
        last = self._last.get(packet.stream.index)
        if packet.dts is None or last is None:
            return 0
        alone = len(self._last) == 1
        at = packet.dts * packet.time_base
        return -1 if at < last - _BACK_S else int(at > last + (_AHEAD_ALONE_S if alone else _AHEAD_S))

    @property
    def streams(self) -> Collection[int]:
        """Those with times in this recording."""
        return self._last.keys()

    def all_in(self, held: list[av.Packet[Any]]) -> bool:
        """Whether each stream has packets enough among these to show where it goes on."""
        seen = Counter(packet.stream.index for packet in held)
        videos = {packet.stream.index for packet in held if packet.stream.type == "video"}
        return all(seen[index] >= (_LEADING if index in videos else 1) for index in self._last)

    def restart(self, held: list[av.Packet[Any]]) -> None:
        """The next recording begins with these packets, where the last stream of this one ends."""
        times = [(packet.dts if packet.pts is None else packet.pts, packet.time_base) for packet in held]
        self.offset = self._end - min(ticks * base for ticks, base in times if ticks is not None)
        self.restarts += 1
        self._last.clear()

    def given(self, packet: av.Packet[Any]) -> av.Packet[Any]:
        """The packet, its times changed to those of the whole."""
        if packet.stream.type in _TIMED and packet.dts is not None:
            self._last[packet.stream.index] = packet.dts * packet.time_base
            ticks = packet.dts if packet.pts is None else packet.pts
            self._end = max(self._end, (ticks + (packet.duration or 0)) * packet.time_base + self.offset)
        if self.offset:
            ticks = round(self.offset / packet.time_base)
            packet.pts = None if packet.pts is None else packet.pts + ticks
            packet.dts = None if packet.dts is None else packet.dts + ticks
        return packet


def continuous(packets: Iterable[av.Packet[Any]], clock: _Clock | None = None) -> Iterator[av.Packet[Any]]:
    """The packets of all streams, in file order, with times that never start again.

    Few packets are held: at a jump, until each stream has shown where it goes on. Late ones of the recording before
    come first.
    """
    clock = clock or _Clock()
    held: list[av.Packet[Any]] = []
    moved: set[int] = set()
    direction = late = 0
    for packet in packets:
        jump = clock.jump(packet)
        is_new = bool(held) and packet.stream.index not in clock.streams
        if jump or is_new or packet.stream.index in moved:
            direction = direction or jump
            moved.add(packet.stream.index)
            held.append(packet)
        else:
            late += bool(held)
            yield clock.given(packet)
            continue
        if clock.all_in(held) or len(held) >= _MAX_HELD:
            yield from _release(clock, held, direction, late)
            held, moved, direction, late = [], set(), 0, 0
    yield from _release(clock, held, direction, late)


def _release(clock: _Clock, held: list[av.Packet[Any]], direction: int, late: int) -> Iterator[av.Packet[Any]]:
    """Yield the held packets, on a new clock if every stream jumped.

    direction: of the jump. late: packets since then of streams that did not jump. A recording ends with a few of them;
    many mean that one stream alone has odd times.
    """
    everywhere = set(clock.streams) <= {packet.stream.index for packet in held}
    if held and (everywhere or (direction < 0 and late <= len(held) // 4)):
        clock.restart(held)
    for packet in held:
        yield clock.given(packet)


def restarts(path: str, name: str) -> bool:
    """Whether the clock starts again anywhere in a file: its packets are read, none is decoded."""
    clock = _Clock()
    with opened(path, name) as container:
        try:
            for _ in continuous(container.demux(), clock):
                if clock.restarts:
                    return True
        except (av.error.FFmpegError, OSError):
            pass  # as far as it can be read
    return False
