"""How long the last frame lasts: what can be guessed, and whether that is what the input says.

Most inputs end where their frame rate says, so that nothing of it has to be kept; variable rates do not.
"""

from __future__ import annotations

from fractions import Fraction

import av.container
import av.error

from ..units import last_frame_ticks


def ends_as_usual(
    container: av.container.InputContainer, index: int, end: int, rate: Fraction | None, base: Fraction
) -> bool:
    """Whether stream `index` ends where `last_frame_ticks` would have it end, to a tick. Nothing is decoded.

    container: open; it is read from its last key frame on, or from its start if it cannot seek.
    """
    times = _last_times(container, index, end)
    if not times:
        return False
    step = times[-1] - times[-2] if len(times) > 1 else None
    # A tick: lengths are rounded, and in another time base.
    return abs(times[-1] + last_frame_ticks(step, rate, base) - end) <= 1


def _last_times(container: av.container.InputContainer, index: int, end: int) -> list[int]:
    """PTS in order, the last two at least if there are so many."""
    stream = container.streams[index]
    for target in (end, stream.start_time or 0):
        times = set()
        try:
            container.seek(target, stream=stream)
        except av.error.FFmpegError:
            continue
        try:
            for packet in container.demux(stream):
                if packet.pts is not None and packet.size:
                    times.add(packet.pts)
        except av.error.FFmpegError:
            return []
        if len(times) > 1:
            break
    return sorted(times)
