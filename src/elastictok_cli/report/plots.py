"""Token usage as a picture (png, svg, pdf): tokens, PSNR and bytes over time, of one file or of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..metrics import psnr_db, quality_text
from ..units import one_line, utf8
from .curve import cycle
from .figures import SUFFIXES, check_suffix, new_figure, save_figure
from .theme import LIGHT, Theme
from .usage import BlockUse, Usage, cumulative_bytes, goal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["SUFFIXES", "check_suffix", "save_usage_plot"]

MOST_DB = 100.0  # where lossless blocks are drawn
MANY = 150  # blocks: from here on bars touch


def save_usage_plot(
    usages: Usage | Sequence[Usage], path: str, theme: Theme = LIGHT, cuts: Sequence[float] | None = None
) -> None:
    """Write the plot; it appears under its name when whole. Several files are drawn over each other.

    cuts: times of the source's cuts, in s from the first file's first frame; None if no source was looked at. Raises
    UsageError (ending), OutputError.
    """
    check_suffix(path)
    files = _with_widths([usages] if isinstance(usages, Usage) else usages)
    with new_figure(9, 5.6, theme) as figure:
        _draw(files, figure, theme, cuts)
        save_figure(figure, path)


def _with_widths(usages: Sequence[Usage]) -> list[Usage]:
    """A picture lasts no time, and would be no wider than a line: it is drawn as long as the longest of the others."""
    width = max(usage.duration_s for usage in usages) or 1.0
    return [
        replace(usage, blocks=(replace(usage.blocks[0], duration_s=width),), duration_s=width)
        if usage.duration_s == 0 and len(usage.blocks) == 1
        else usage
        for usage in usages
    ]


def _draw(usages: Sequence[Usage], figure: Figure, theme: Theme, cuts: Sequence[float] | None) -> None:
    measured = [usage.header.is_measured for usage in usages]
    heights = [2.2, 1, 0.8] if any(measured) else [2.2, 0.8]  # no room for a quality that nobody knows
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    top, middle, bottom = panels[0], panels[1], panels[-1]
    colours = cycle(theme.series, len(usages))
    top.set_title(_title(usages), loc="left", fontsize=11, fontweight="bold")
    if len(usages) == 1:
        _draw_bars(usages[0], top, theme, cuts is None)
        if measured[0]:
            _draw_quality(usages[0], middle, theme, theme.line)
        _draw_bytes(usages[0], bottom, theme.line)
        width, height = usages[0].header.coded_size
        header = usages[0].header
        origin = f"{header.model}, blocks of {header.block_frames} frames of {width}x{height}"
        figure.supxlabel(origin, fontsize=8, color=theme.faint, x=0.99, ha="right")
    else:
        for usage, colour, name in zip(usages, colours, legend_labels(usages), strict=True):
            _draw_steps(usage, top, colour, name)
            if usage.header.is_measured:
                _draw_quality(usage, middle, theme, colour)
            _draw_bytes(usage, bottom, colour)
    for axes in panels:
        axes.grid(axis="y", color=theme.faint, alpha=0.25, linewidth=0.6)
        axes.set_axisbelow(True)
        for number, time_s in enumerate(cuts or ()):
            label = "cut in the source" if axes is top and number == 0 else None
            axes.axvline(time_s, color=theme.cut, linewidth=1.1, linestyle=(0, (2, 2)), label=label)
    top.set_ylabel("tokens a block")
    top.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    top.margins(y=0.12)
    if top.get_legend_handles_labels()[0]:
        place = {"loc": "upper right", "bbox_to_anchor": (1, 1.04)}
        top.legend(ncols=4, frameon=False, fontsize=9, handlelength=1, **place)
    if any(measured):
        middle.set_ylabel("PSNR in dB")
    bottom.set_ylabel("kB so far")
    bottom.set_ylim(0)
    if all(usage.header.is_still for usage in usages):
        bottom.set_xticks([])
    else:
        bottom.set_xlabel("time in s")
    bottom.set_xlim(0, max(1e-3, *(usage.duration_s for usage in usages)))


def _title(usages: Sequence[Usage]) -> str:
    if len(usages) > 1:
        return "Tokens of every block"
    usage = usages[0]
    share = 100 * usage.tokens / max(1, usage.max_tokens)
    return (
        f"{usage.title}   {usage.tokens:,} tokens ({share:.2g} %),  {quality_text(usage.mse, 1)},  "
        f"{usage.bpp:.3f} bits per pixel"
    )


def legend_labels(usages: Sequence[Usage]) -> list[str]:
    """The files in a legend, each with as much of its path as tells it from the others."""
    paths = [Path(usage.name).with_suffix("").parts for usage in usages]
    count = 1
    while len({path[-count:] for path in paths}) < len(set(paths)):
        count += 1
    names = [one_line(utf8(str(Path(*path[-count:])))) for path in paths]
    return [
        f"{name}: {goal(usage)}, {100 * usage.tokens / max(1, usage.max_tokens):.2g} %, {quality_text(usage.mse, 1)}"
        for name, usage in zip(names, usages, strict=True)
    ]


def _draw_bars(usage: Usage, axes: Axes, theme: Theme, guess: bool) -> None:
    """guess: mark what is likely a cut by its tokens; not where the source's cuts are drawn."""
    blocks = usage.blocks
    kinds: list[tuple[str, str, list[BlockUse]]] = [
        ("block", theme.bar, [b for b in blocks if b.met and not (b.cut and guess) and not b.starts_gop]),
        ("first of a GOP", theme.first, [b for b in blocks if b.met and b.starts_gop]),
        ("likely a cut", theme.cut, [b for b in blocks if b.met and b.cut and guess]),
        ("missed the threshold", theme.missed, [b for b in blocks if not b.met]),
    ]
    # Gaps between bars only where bars are wide enough to see them.
    gap = 0.08 if len(blocks) < MANY else 0.0
    for label, colour, some in kinds:
        if some:
            left = [b.time_s + gap / 2 * b.duration_s for b in some]
            wide = [max(b.duration_s, 1e-3) * (1 - gap) for b in some]
            high = [b.tokens for b in some]
            axes.bar(left, high, wide, align="edge", color=colour, label=label, linewidth=0)


def _edges(usage: Usage) -> list[float]:
    return [b.time_s for b in usage.blocks] + [usage.duration_s]


def _draw_steps(usage: Usage, axes: Axes, colour: str, label: str) -> None:
    tokens = [b.tokens for b in usage.blocks]
    axes.stairs(tokens, _edges(usage), color=colour, fill=True, alpha=0.12)
    axes.stairs(tokens, _edges(usage), color=colour, linewidth=1.5, baseline=None, label=label)


def _draw_quality(usage: Usage, axes: Axes, theme: Theme, colour: str) -> None:
    values = np.array([min(b.psnr_db, MOST_DB) for b in usage.blocks])
    axes.stairs(values, _edges(usage), color=colour, linewidth=1.4, baseline=None)
    missed = [b for b in usage.blocks if not b.met]
    middles = [b.time_s + b.duration_s / 2 for b in missed]
    axes.plot(middles, [b.psnr_db for b in missed], "x", color=theme.missed, markersize=5)
    if usage.header.target == "tokens":
        return
    line = min(psnr_db(usage.header.threshold), MOST_DB)
    axes.axhline(line, color=theme.faint, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.annotate(
        f"threshold {usage.header.threshold:g}",
        (1, line),
        xycoords=("axes fraction", "data"),
        xytext=(-2, -3),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=8,
        color=theme.faint,
    )
    low, high = axes.dataLim.ymin, axes.dataLim.ymax
    room = max(0.5, 0.25 * (high - low))
    axes.set_ylim(min(low, line) - room, max(high, line) + room)


def _draw_bytes(usage: Usage, axes: Axes, colour: str) -> None:
    spent = [0.0, *cumulative_bytes(usage)]
    axes.plot(_edges(usage) if usage.blocks else [0.0], [b / 1000 for b in spent], color=colour, linewidth=1.4)
