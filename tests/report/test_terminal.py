"""The plot in characters."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from elastictok_cli.report import Look, plot_lines
from elastictok_cli.report.terminal import CUT, MISSED, Line, nice_top

from .files import CLIP, CLIP_MISSED, usage

EXPECTED = Path(__file__).parent / "expected"


def text(lines: list[Line]) -> str:
    return "".join("".join(part for part, _ in line).rstrip() + "\n" for line in lines)


@pytest.mark.parametrize(
    ("name", "look", "repeat"),
    [
        ("80x24", Look(80, 8), 1),
        ("narrow", Look(40, 6), 1),
        ("ascii", Look(80, 8, unicode=False), 1),
        ("long", Look(80, 8), 40),
    ],
)
def test_it_looks_as_it_did(name: str, look: Look, repeat: int, same_as_file: Callable[[str, Path], None]) -> None:
    lines = plot_lines(usage(CLIP * repeat, CLIP_MISSED), look)
    same_as_file(text(lines), EXPECTED / f"{name}.txt")


@pytest.mark.parametrize("width", [20, 33, 80, 200])
@pytest.mark.parametrize("blocks", [1, 2, 15, 300])
def test_no_line_is_wider_than_the_terminal(width: int, blocks: int) -> None:
    lines = plot_lines(usage((CLIP * 20)[:blocks]), Look(width))
    bars = lines[1:11]  # bars, axis and times; the legend has a test of its own
    assert max(len("".join(part for part, _ in line)) for line in bars) <= width


def test_in_ascii_there_is_nothing_but_ascii() -> None:
    assert text(plot_lines(usage(CLIP * 40, CLIP_MISSED), Look(80, 8, unicode=False))).isascii()


def test_cuts_and_misses_have_marks_as_well_as_colours() -> None:
    for missed, sign, style in ([], "▲", CUT), (CLIP_MISSED, "✕", MISSED):
        lines = plot_lines(usage(CLIP, missed), Look(80))
        assert [(part.strip(), colour) for part, colour in lines[-2] if part.strip()] == [(sign, style)]
        assert ("███", style) in lines[8]


def test_a_short_block_is_hatched_and_the_legend_has_only_what_occurs() -> None:
    lines = text(plot_lines(usage(CLIP, last_frames=1), Look(80))).splitlines()
    assert lines[8].endswith("▁▁▁ ▒▒▒")
    assert lines[-1].split("   ")[-1].strip() == "▒ short block (1 frame)"
    assert "short" not in text(plot_lines(usage(CLIP), Look(80)))


@pytest.mark.parametrize("width", [30, 60, 80])
def test_the_legend_is_wrapped(width: int) -> None:
    lines = text(plot_lines(usage(CLIP * 20, CLIP_MISSED, last_frames=1), Look(width))).splitlines()
    assert max(map(len, lines)) <= max(width, 41)


def test_the_fewest_tokens_still_show() -> None:
    columns = plot_lines(usage([100_000 // 10, 1, 0]), Look(80, 8))[8]
    assert [part[0] for part, _ in columns[2::2]] == ["█", "▁", " "]


def test_no_blocks_no_plot() -> None:
    assert plot_lines(usage([])) == []


@pytest.mark.parametrize(
    ("value", "top"), [(1, 2), (2, 2), (3, 4), (7, 8), (9, 10), (11, 12), (1001, 1200), (8001, 10_000)]
)
def test_the_scale_ends_at_a_round_number(value: int, top: int) -> None:
    assert nice_top(value) == top
