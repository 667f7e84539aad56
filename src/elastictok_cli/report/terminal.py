"""Tokens over time as bars of characters, for any width, with or without colours and Unicode.

Returns lines of (text, style) spans, so that it needs no terminal library and tests can read it; the styles
are rich's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..units import clock, plural
from .usage import BlockUse, Usage

Span = tuple[str, str]
Line = list[Span]

BAR, FIRST, CUT, MISSED, DIM = "cyan", "blue", "yellow", "red", "bright_black"
WIDEST_BAR = 6
LABEL_EVERY = 12  # columns between times below the axis


@dataclass(frozen=True)
class Look:
    """width: columns. height: rows of the bars. unicode: block characters and box drawing are there."""

    width: int = 80
    height: int = 8
    unicode: bool = True

    @property
    def eighths(self) -> str:
        """What fills 0/8 to 8/8 of a cell from below."""
        return " ▁▂▃▄▅▆▇█" if self.unicode else " ...:::##"

    @property
    def more(self) -> str:
        """Fills a cell between the mean and the most of several blocks in one column."""
        return "░" if self.unicode else "'"

    @property
    def short(self) -> str:
        """Fills a cell of a short block, whose count cannot be compared with the others'."""
        return "▒" if self.unicode else "/"


@dataclass(frozen=True)
class Column:
    """One bar: of one block, or of several where there are more blocks than columns."""

    mean: float
    most: int
    time_s: float
    style: str
    cut: bool
    missed: bool
    starts_gop: bool
    is_short: bool


def plot_lines(usage: Usage, look: Look | None = None) -> list[Line]:
    """The plot: title, bars, axis, times, marks. [] for a file without blocks."""
    look = look or Look()
    if not usage.blocks:
        return []
    top = nice_top(max(1, max(block.tokens for block in usage.blocks)))
    labels = [f"{top:,}", f"{top // 2:,}", "0"]
    gutter = max(map(len, labels)) + 1
    columns, wide, gap = _columns(usage.blocks, look.width - gutter - 3)
    lines: list[Line] = [[(" " * gutter + "tokens per block", "bold")]]
    tick, bar, corner = ("┤", "│", "└") if look.unicode else ("+", "|", "+")
    for row in range(look.height):
        label = labels[0] if row == 0 else labels[1] if 2 * row == look.height and top % 2 == 0 else ""
        line: Line = [(f"{label:>{gutter}} ", ""), (tick if label else bar, DIM)]
        for column in columns:
            line.append(_cell(column, look.height - 1 - row, top, look, wide))
            line.append((" " * gap, ""))
        lines.append(line)
    lines.append([(f"{labels[2]:>{gutter}} ", ""), (corner + _axis(columns, wide + gap, look), DIM)])
    lines.append([(" " * (gutter + 2) + _times(columns, wide + gap), DIM)])
    marks = _marks(columns, wide, gap, look)
    if marks:
        lines.append([(" " * (gutter + 2), ""), *marks])
    lines += _wrapped(_legend(columns, usage.blocks, look), gutter + 2, look.width)
    return lines


def nice_top(value: int) -> int:
    """The smallest round even number that is not below `value`: 1, 1.2, 1.4 ... 6, 8 times a power of ten."""
    if value <= 2:
        return 2
    power = int("1" + "0" * (len(str(value)) - 1))
    for unit in (power, 10 * power):
        for tenths in (10, 12, 14, 16, 18, 20, 25, 30, 40, 50, 60, 80):
            top = tenths * unit // 10
            if top >= value and 10 * top == tenths * unit and top % 2 == 0:
                return top
    raise AssertionError("20 times a power of ten is above any number of its length")


def _columns(blocks: Sequence[BlockUse], width: int) -> tuple[list[Column], int, int]:
    """Bars, the width of each, and the gap between two."""
    width = max(8, width)
    count = min(len(blocks), width)
    step = min(WIDEST_BAR, width // count)
    gap = 1 if step >= 3 else 0
    bounds = [i * len(blocks) // count for i in range(count + 1)]
    return [_column(blocks[a:b]) for a, b in zip(bounds, bounds[1:], strict=False)], step - gap, gap


def _column(blocks: Sequence[BlockUse]) -> Column:
    counts = [block.tokens for block in blocks]
    missed, cut = any(not b.met for b in blocks), any(b.cut for b in blocks)
    first = any(b.starts_gop for b in blocks)
    return Column(
        mean=sum(counts) / len(counts),
        most=max(counts),
        time_s=blocks[0].time_s,
        style=MISSED if missed else CUT if cut else FIRST if first else BAR,
        cut=cut,
        missed=missed,
        starts_gop=first,
        is_short=all(block.is_short for block in blocks),
    )


def _cell(column: Column, row: int, top: int, look: Look, wide: int) -> Span:
    """The cell of a bar in row 0 (the lowest), 1, ..."""
    eighths = round(8 * look.height * column.mean / top)
    if column.most and eighths == 0:
        eighths = 1  # a block with any token is visible
    fill = min(8, max(0, eighths - 8 * row))
    if column.is_short and (fill >= 4 or (fill and row == 0)):
        return look.short * wide, column.style  # in whole cells
    if fill and not column.is_short:
        return look.eighths[fill] * wide, column.style
    if 8 * row < round(8 * look.height * column.most / top):
        return look.more * wide, column.style
    return " " * wide, ""


def _axis(columns: Sequence[Column], step: int, look: Look) -> str:
    line, tick = ("─", "┬") if look.unicode else ("-", "+")
    return "".join((tick if column.starts_gop else line) + line * (step - 1) for column in columns)


def _times(columns: Sequence[Column], step: int) -> str:
    out, free = "", 0
    end = len(columns) * step
    for number, column in enumerate(columns):
        at, text = number * step, _clock(column.time_s, columns[-1].time_s)
        if at >= free and at + len(text) <= max(end, len(text)):
            out += " " * (at - len(out)) + text
            free = at + max(LABEL_EVERY, len(text) + 2)
    return out


def _clock(seconds: float, longest: float) -> str:
    return f"{seconds:.1f} s" if longest < 60 else clock(seconds)


def _marks(columns: Sequence[Column], wide: int, gap: int, look: Look) -> Line:
    cut, missed = _signs(look)
    if not any(column.cut or column.missed for column in columns):
        return []
    return [
        (
            (missed if c.missed else cut if c.cut else " ").center(wide) + " " * gap,
            MISSED if c.missed else CUT,
        )
        for c in columns
    ]


def _signs(look: Look) -> tuple[str, str]:
    return ("▲", "✕") if look.unicode else ("^", "x")


def _legend(columns: Sequence[Column], blocks: Sequence[BlockUse], look: Look) -> list[Line]:
    """An entry for each mark that occurs: its sign and what it means."""
    cut, missed = _signs(look)
    entries: list[Line] = [[("┬" if look.unicode else "+", FIRST), (" GOP begins", "")]]
    if any(column.cut and not column.missed for column in columns):
        entries.append([(cut, CUT), (" likely a cut", "")])
    if any(column.missed for column in columns):
        entries.append([(missed, MISSED), (" threshold missed", "")])
    if any(column.is_short for column in columns):
        frames = min(block.frames for block in blocks)
        entries.append([(look.short, BAR), (f" short block ({plural(frames, 'frame')})", "")])
    if len(blocks) > len(columns):
        each = len(blocks) / len(columns)
        entries.append([(f"{look.eighths[8]}{look.more}", BAR), (f" mean and most of {each:.3g} blocks", "")])
    return entries


def _wrapped(entries: Sequence[Line], indent: int, width: int) -> list[Line]:
    """Entries three spaces apart, in as many lines as they need."""
    lines: list[Line] = []
    used = width
    for entry in entries:
        length = sum(len(text) for text, _ in entry)
        if lines and used + 3 + length <= width:
            lines[-1] += [("   ", ""), *entry]
            used += 3 + length
        else:
            lines.append([(" " * indent, ""), *entry])
            used = indent + length
    return lines
