"""Clocks of packets alone: what no muxer would write."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from elastictok_cli.video.clock import continuous


@dataclass
class Stream:
    index: int
    type: str


@dataclass
class Packet:
    """What `continuous` looks at, in milliseconds."""

    stream: Stream
    pts: int | None
    dts: int | None
    duration: int
    size: int = 1
    time_base: Fraction = Fraction(1, 1000)


VIDEO, AUDIO = Stream(0, "video"), Stream(1, "audio")


def interleaved(start: int, length: int, video: bool = True, audio: bool = True, audio_by: int = 0) -> list[Any]:
    """A recording of 25 frames and 50 packets of sound a second. audio_by: how far the sound's times are off."""
    packets = []
    for at in range(start, start + length, 20):
        if video and (at - start) % 40 == 0:
            packets.append(Packet(VIDEO, at, at, 40))
        if audio:
            packets.append(Packet(AUDIO, at + audio_by, at + audio_by, 20))
    return packets


def times(packets: list[Any], stream: Stream) -> list[int]:
    return [packet.pts for packet in continuous(packets) if packet.stream is stream]


def test_one_clock_stays_as_it_is() -> None:
    packets = interleaved(0, 10_000)
    assert times(packets, VIDEO) == list(range(0, 10_000, 40))


def test_recordings_follow_one_another() -> None:
    assert times(interleaved(5000, 2000) + interleaved(700, 2000), VIDEO) == list(range(5000, 9000, 40))
    assert times(interleaved(5000, 2000) + interleaved(700, 2000), AUDIO) == list(range(5000, 9000, 20))
    ahead = interleaved(0, 2000) + interleaved(90_000, 2000)
    assert times(ahead, VIDEO) == list(range(0, 4000, 40))


def test_sound_that_alone_has_odd_times_moves_nothing_else() -> None:
    for by in (-300, -5000, 50_000):
        packets = interleaved(0, 6000) + interleaved(6000, 6000, audio_by=by) + interleaved(12_000, 6000)
        assert times(packets, VIDEO) == list(range(0, 18_000, 40))


def test_a_recording_without_sound_follows_one_with_it() -> None:
    packets = interleaved(0, 2000) + interleaved(0, 10_000, audio=False)
    assert times(packets, VIDEO) == list(range(0, 12_000, 40))
    packets = interleaved(0, 2000, audio=False) + interleaved(0, 10_000)
    assert times(packets, VIDEO) == list(range(0, 12_000, 40))


def test_late_sound_of_the_recording_before_keeps_its_times() -> None:
    first, second = interleaved(0, 2000), interleaved(0, 2000)
    late = [packet for packet in first if packet.stream is AUDIO][-20:]
    packets = [packet for packet in first if packet not in late] + second[:1] + late + second[1:]
    assert times(packets, AUDIO) == list(range(0, 4000, 20))


def test_frames_gone_in_every_stream_for_a_while_are_a_gap() -> None:
    packets = interleaved(0, 2000) + interleaved(8000, 2000)
    assert times(packets, VIDEO) == [*range(0, 2000, 40), *range(8000, 10_000, 40)]


def test_a_single_stream_may_show_one_picture_for_long() -> None:
    packets = interleaved(0, 2000, audio=False) + interleaved(602_000, 2000, audio=False)
    assert times(packets, VIDEO) == [*range(0, 2000, 40), *range(602_000, 604_000, 40)]
    much_later = interleaved(0, 2000, audio=False) + interleaved(7_200_000, 2000, audio=False)
    assert times(much_later, VIDEO) == list(range(0, 4000, 40))


def test_packets_without_times_pass() -> None:
    packets = [*interleaved(0, 200), Packet(VIDEO, None, None, 0, 0)]
    assert times(packets, VIDEO)[-1] is None
