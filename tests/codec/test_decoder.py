"""The way back: ranges, damage, and frames equal to what encode measured (test_encoder)."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elastictok_cli.codec.decoder import decode, decode_range
from elastictok_cli.codec.events import BlockDone, Event, Finished, Warned
from elastictok_cli.container import Reader
from elastictok_cli.errors import DamagedFile, UnsupportedFile, UsageError

from .dct import DctModel
from .runs import encoded, shown


class Screen:
    """Keeps what it is shown."""

    def __init__(self) -> None:
        self.pts: list[int] = []
        self.pictures: list[Any] = []
        self.packets: list[Any] = []

    def write(self, pts: int, rgb: Any) -> None:
        self.pts.append(pts)
        self.pictures.append(rgb)

    def write_audio(self, packet: Any) -> None:
        self.packets.append(packet)


@pytest.fixture(scope="module")
def etok(clip: Path) -> bytes:
    return encoded(clip, DctModel())[0]


@pytest.fixture(scope="module")
def loud(loud_clip: Path) -> bytes:
    return encoded(loud_clip, DctModel())[0]


def play(etok: bytes, recover: bool = False, **options: Any) -> tuple[Screen, list[Event]]:
    screen = Screen()
    with Reader(etok, recover=recover) as reader:
        return screen, list(decode(reader, DctModel(), screen, **options))


def test_every_frame_is_shown_once_at_its_time(etok: bytes) -> None:
    screen, events = play(etok)
    blocks = shown(etok, DctModel())
    assert screen.pts == [pts for block in blocks for pts in block.pts]
    assert np.array_equal(screen.pictures, np.concatenate([block.frames for block in blocks]))
    assert isinstance(events[-1], Finished)
    assert (events[-1].frames, events[-1].partial) == (17, False)


@pytest.mark.parametrize("first", range(17))
@pytest.mark.parametrize("count", [1, 5, 30])
def test_a_range_shows_the_same_frames_as_the_whole(etok: bytes, first: int, count: int) -> None:
    whole, _ = play(etok)
    part, events = play(etok, start=first / 25, duration=count / 25)
    assert part.pts == whole.pts[first : first + count]
    assert np.array_equal(part.pictures, whole.pictures[first : first + count])
    assert sum(event.frames for event in events if isinstance(event, BlockDone)) == len(part.pts)


def test_block_numbers_of_a_range_are_those_of_the_file(etok: bytes) -> None:
    _, events = play(etok, start=12 / 25)
    assert [event.index for event in events if isinstance(event, BlockDone)] == [6, 7, 8]


def test_numpy_frames_of_a_range(etok: bytes) -> None:
    whole, _ = play(etok)
    with Reader(etok) as reader:
        part = list(decode_range(reader, DctModel(), 0.2, 0.12))
    assert [pts for pts, _ in part] == whole.pts[5:8]
    assert np.array_equal([rgb for _, rgb in part], whole.pictures[5:8])


@pytest.mark.parametrize("options", [{"start": 9.0}, {"start": -1.0}, {"duration": -0.1}, {"start": float("nan")}])
def test_a_range_without_a_frame_is_a_slip(etok: bytes, options: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        play(etok, **options)


def test_sound_comes_back_packet_by_packet(loud: bytes) -> None:
    screen, _ = play(loud)
    with Reader(loud) as reader:
        packets = list(reader.audio())
    assert len(packets) >= 17
    assert [packet.data for packet in screen.packets] == [packet.data for packet in packets]
    silent, _ = play(loud, audio=False)
    assert silent.packets == []


@pytest.mark.parametrize("start", [None, 0.2])
@pytest.mark.parametrize("duration", [0.04, 0.2, 0.24, 0.4, 9.0])
@pytest.mark.parametrize("recover", [False, True])
def test_a_range_has_all_sound_of_its_time(loud: bytes, start: float | None, duration: float, recover: bool) -> None:
    """Though the sound of a GOP lies behind it, and the range may end in its middle."""
    part, _ = play(loud, recover, start=start, duration=duration)
    low = Fraction(str(start or 0))
    high = low + Fraction(str(duration))
    with Reader(loud) as reader:
        base = reader.header.audio[0].time_base
        wanted = [p.data for p in reader.audio() if (start is None or low <= p.pts * base) and p.pts * base < high]
    assert [packet.data for packet in part.packets] == wanted
    assert wanted


def test_sound_lies_behind_the_gop_of_its_time(loud: bytes) -> None:
    with Reader(loud) as reader:
        end = 0.0
        for item in reader.items():
            if isinstance(item, tuple):
                times = [float(p.pts * reader.header.audio[p.stream].time_base) for p in item]
                assert end - 0.26 <= min(times) <= max(times) <= end + 0.05
            else:
                end = reader.header.seconds(int(item.pts[-1])) + 0.04


def test_another_model_is_refused_by_name(etok: bytes) -> None:
    with Reader(etok) as reader, pytest.raises(UnsupportedFile, match="needs dct generation 0"):
        list(decode(reader, DctModel(num_qindex=50)))


def _cut(etok: bytes) -> bytes:
    """Byte 20 of the second GOP's payload flipped."""
    with Reader(etok) as reader:
        at = reader.index[1].offset + 40
    return etok[:at] + bytes([etok[at] ^ 0x10]) + etok[at + 1 :]


def test_damage_stops_a_strict_reader_after_what_was_whole(etok: bytes) -> None:
    screen = Screen()
    with Reader(_cut(etok)) as reader, pytest.raises(DamagedFile, match="GOP 1"):
        list(decode(reader, DctModel(), screen))
    assert len(screen.pts) == 6


def test_recovery_shows_the_rest_and_says_that_it_is_not_all(etok: bytes) -> None:
    whole, _ = play(etok)
    screen, events = play(_cut(etok), recover=True)
    assert screen.pts == whole.pts[:6] + whole.pts[12:]
    assert np.array_equal(screen.pictures, whole.pictures[:6] + whole.pictures[12:])
    assert any(isinstance(event, Warned) for event in events)
    assert isinstance(events[-1], Finished)
    assert events[-1].partial


def test_tokens_that_are_not_those_written_are_noticed(etok: bytes) -> None:
    """As with a coder that differs between two machines: the bytes are whole, the tokens are not."""

    class Other(Reader):
        def gop(self, number: int) -> Any:
            from dataclasses import replace

            gop = super().gop(number)
            return replace(gop, digest=gop.digest ^ 1) if number == 1 else gop

    with Other(etok) as reader, pytest.raises(DamagedFile, match="GOP 1.*not those written"):
        list(decode(reader, DctModel()))
    with Other(etok, recover=True) as reader:
        events = list(decode(reader, DctModel()))
    assert isinstance(events[-1], Finished)
    assert (events[-1].frames, events[-1].partial) == (17, True)
