"""The meter's words, and where and when they are shown."""

from __future__ import annotations

import re
import sys
import time

import pytest

from elastictok_cli.cli.console import Console
from elastictok_cli.cli.progress import Display, Meter, follow
from elastictok_cli.codec.events import BlockDone, Finished, Started, Warned


def started(estimate: int | None = 480, done: int = 0) -> Started:
    return Started(
        job="encode",
        frames_estimate=estimate,
        width=100,
        height=100,
        frame_rate=24.0,
        model="m",
        block_frames=8,
        gop_blocks=16,
        max_tokens=80_000,
        frames_done=done,
    )


def block(index: int, frames: int = 8) -> BlockDone:
    return BlockDone(
        index=index,
        gop=0,
        first_frame=8 * index,
        frames=frames,
        counts=(412,),
        mse=0.006,
        met=True,
        tokens=412,
        max_tokens=80_000,
        bits=2480,
    )


FINISHED = Finished(
    frames=8,
    blocks=1,
    blocks_met=1,
    blocks_missed=0,
    tokens=412,
    max_tokens=80_000,
    mse=0.006,
    probes=1,
    bytes_in=10,
    bytes_out=10,
    duration_s=0.3,
    seconds=1.0,
)


def test_the_meter_tells_blocks_speed_tokens_bits_and_time_left() -> None:
    meter = Meter(started(), 100.0)
    for index in range(37):
        meter.add(block(index))
    assert meter.text(174.0) == "blocks 37/60  4.0 fps  15,244 tokens  0.031 bpp  eta 0:46"


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (57, "blocks 37/60  4.0 fps  15,244 tokens  0.031 bpp  eta 0:46"),
        (56, "blocks 37/60  4.0 fps  15,244 tokens  eta 0:46"),
        (33, "blocks 37/60  4.0 fps  eta 0:46"),
        (22, "blocks 37/60  eta 0:46"),
        (5, "blocks 37/60  eta 0:46"),
    ],
)
def test_where_there_is_no_room_the_time_left_stays_longest(width: int, text: str) -> None:
    meter = Meter(started(), 100.0)
    for index in range(37):
        meter.add(block(index))
    assert meter.text(174.0, width) == text


def test_a_narrow_terminal_shows_the_bar_and_the_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    console = Console(False)
    assert console.shows_bar
    with Display(console) as display:
        display.tell(started())
        assert display.meter is not None
        display.meter.begin -= 10
        for index in range(37):
            display.tell(block(index))
    last = next(line for line in reversed(re.split(r"[\r\n]", capsys.readouterr().err)) if "eta" in line)
    assert "blocks 37/60" in last and "eta 0:0" in last and "\u2501" in last


def test_a_resumed_run_starts_where_it_was_and_its_speed_is_its_own() -> None:
    meter = Meter(started(done=240), 0.0)
    assert meter.text(0.0) == "blocks 30/60"
    meter.add(block(30))
    assert meter.text(2.0) == "blocks 31/60  4.0 fps  412 tokens  0.031 bpp  eta 0:58"


def test_without_an_estimate_there_is_no_time_left() -> None:
    meter = Meter(started(None), 0.0)
    meter.add(block(0))
    assert meter.text(2.0) == "blocks 1  4.0 fps  412 tokens  0.031 bpp"


def test_an_estimate_that_was_too_low_is_not_passed() -> None:
    meter = Meter(started(8), 0.0)
    meter.add(block(0))
    meter.add(block(1))
    assert meter.text(4.0).startswith("blocks 2/2 ")


def test_elsewhere_than_on_a_terminal_a_line_comes_every_ten_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with Display(Console()) as display:
        display.tell(started())
        for index in range(25):
            now += 1.0
            display.tell(block(index))
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[1] for line in lines] == ["10/60", "20/60"]


def test_warnings_are_notes(capsys: pytest.CaptureFixture[str]) -> None:
    follow(iter([started(), Warned(text="640x360 is coded at 456x256"), FINISHED]), Console())
    assert capsys.readouterr().err == "note: 640x360 is coded at 456x256\n"


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    follow(iter([started(), Warned(text="scaled"), block(0), FINISHED]), Console(quiet=True))
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


def test_a_run_that_breaks_off_closes_its_generator() -> None:
    closed = []

    def events():  # type: ignore[no-untyped-def]
        try:
            yield started()
            raise OSError("gone")
        finally:
            closed.append(True)

    with pytest.raises(OSError, match="gone"):
        follow(events(), Console(quiet=True))
    assert closed == [True]


def test_blocks_that_are_done_before_their_turn_count_once() -> None:
    meter = Meter(started(), 0.0)
    meter.add(block(0))
    meter.ahead.update({16: 8, 17: 8})
    assert meter.text(6.0).startswith("blocks 3/60  4.0 fps  412 tokens  0.031 bpp  eta 1:54")
    for index in range(1, 18):
        meter.add(block(index))
    assert meter.text(36.0).startswith("blocks 18/60  4.0 fps")
