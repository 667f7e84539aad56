"""Token usage as a picture (png, svg, pdf): tokens, PSNR and bytes over time, of one file or of several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..metrics import psnr_db, quality_text
from ..units import one_line, utf8
from .curve import cycle
from .figures import SUFFIXES, check_suffix, new_figure, save_figure
from .theme import LIGHT, SMALL, TITLE, Theme
from .usage import BlockUse, Usage, cumulative_bytes, goal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["SUFFIXES", "check_suffix", "save_usage_plot"]

MAX_DB = 100.0  # where lossless blocks are drawn
MAX_BARS_APART = 150  # with more blocks, bars touch
LOG_FACTOR = 4.0  # token counts of several files that differ by more are drawn on a logarithmic axis
HATCH = "////"  # a short block: its count cannot be compared with the others'


def save_usage_plot(
    usages: Usage | Sequence[Usage], path: str, theme: Theme = LIGHT, cuts: Sequence[float] | None = None
) -> None:
    """Write the plot; it appears under its name when whole. Several files are drawn over each other.

    cuts: times of the source's cuts, in s from the first file's first frame; None if no source was read. Raises
    UsageError (ending), OutputError.
    """
    check_suffix(path)
    files = _with_widths([usages] if isinstance(usages, Usage) else usages)
    with new_figure(9, 5.6, theme) as figure:
        _draw(files, figure, theme, cuts)
        save_figure(figure, path)


def _with_widths(usages: Sequence[Usage]) -> list[Usage]:
    """A still picture has no duration, and would be a line: it is drawn as long as the longest of the others."""
    width = max(usage.duration_s for usage in usages) or 1.0
    return [
        replace(usage, blocks=(replace(usage.blocks[0], duration_s=width),), duration_s=width)
        if usage.duration_s == 0 and len(usage.blocks) == 1
        else usage
        for usage in usages
    ]


def _draw(usages: Sequence[Usage], figure: Figure, theme: Theme, cuts: Sequence[float] | None) -> None:
    measured = [usage.header.is_measured for usage in usages]
    heights = [2.2, 1, 0.8] if any(measured) else [2.2, 0.8]  # no panel for a quality that was not measured
    panels = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
    top, middle, bottom = panels[0], panels[1], panels[-1]
    figure.suptitle(_title(usages), x=0.01, ha="left", fontsize=TITLE, fontweight="bold")
    top.set_ylabel("tokens per block")
    if len(usages) == 1:
        _draw_bars(usages[0], top, theme, cuts is None)
        if measured[0]:
            _draw_quality(usages[0], middle, theme, theme.line)
        _draw_bytes(usages[0], bottom, theme.line)
    else:
        if is_wide(usages):
            top.set_yscale("log")
            top.set_ylabel("tokens per block (log)")
        for usage, colour, name in zip(usages, cycle(theme.series, len(usages)), legend_labels(usages), strict=True):
            _draw_steps(usage, top, colour, name)
            if usage.header.is_measured:
                _draw_quality(usage, middle, theme, colour)
            _draw_bytes(usage, bottom, colour)
    figure.supxlabel(_origin(usages), fontsize=SMALL, color=theme.faint, x=0.99, ha="right")
    for axes in panels:
        axes.grid(axis="y", color=theme.grid, linewidth=0.6)
        axes.set_axisbelow(True)
        for number, time_s in enumerate(cuts or ()):
            label = "cut in the source" if axes is top and number == 0 else None
            axes.axvline(time_s, color=theme.cut, linewidth=1.4, linestyle=(0, (2, 2)), label=label)
    top.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    if top.get_legend_handles_labels()[0]:
        place = {"loc": "lower left", "bbox_to_anchor": (-0.01, 0.99)}  # above the panel, over no bar
        top.legend(ncols=5 if len(usages) == 1 else 2, frameon=False, handlelength=1.2, **place)
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
        return f"Tokens of {len(usages)} files over time"
    usage = usages[0]
    share = 100 * usage.tokens / max(1, usage.max_tokens)
    parts = [f"{usage.tokens:,} tokens ({share:.2g} %)", quality_text(usage.mse, 1), f"{usage.bpp:.3f} bits per pixel"]
    return f"{usage.title}: {', '.join(parts)}"


def _origin(usages: Sequence[Usage]) -> str:
    """Model, block length and size, each once if the files agree."""

    def shown(usage: Usage) -> str:
        width, height = usage.header.coded_size
        return f"{usage.header.model}, blocks of {usage.header.block_frames} frames of {width}x{height}"

    return "; ".join(dict.fromkeys(map(shown, usages)))


def is_wide(usages: Sequence[Usage]) -> bool:
    """Whether the file with fewer tokens would be a flat line on a linear axis."""
    most = [max((block.tokens for block in usage.blocks), default=0) for usage in usages]
    return min(most) > 0 and max(most) > LOG_FACTOR * min(most)


def legend_labels(usages: Sequence[Usage]) -> list[str]:
    """The files in a legend, each with as many folders of its path as distinguish it from the others."""
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
    """guess: mark likely cuts by their tokens; False where the source's cuts are drawn."""
    blocks = usage.blocks
    kinds: list[tuple[str, str, list[BlockUse]]] = [
        ("block", theme.bar, [b for b in blocks if b.met and not (b.cut and guess) and not b.starts_gop]),
        ("first of a GOP", theme.first, [b for b in blocks if b.met and b.starts_gop]),
        ("likely a cut", theme.cut, [b for b in blocks if b.met and b.cut and guess]),
        ("misses the threshold", theme.missed, [b for b in blocks if not b.met]),
    ]
    # Gaps between bars only where bars are wide enough to see them.
    gap = 0.08 if len(blocks) < MAX_BARS_APART else 0.0
    for label, colour, some in kinds:
        full, short = [b for b in some if not b.is_short], [b for b in some if b.is_short]
        if full:
            axes.bar(*_boxes(full, gap), align="edge", color=colour, label=label, linewidth=0)
        if short:
            hatched: Any = {"hatch": HATCH, "edgecolor": theme.paper, "linewidth": 0}
            axes.bar(*_boxes(short, gap), align="edge", facecolor=colour, label=_short_label(short), **hatched)
    axes.margins(y=0.05)
    axes.set_ylim(0)


def _boxes(blocks: Sequence[BlockUse], gap: float) -> tuple[list[float], list[int], list[float]]:
    left = [b.time_s + gap / 2 * b.duration_s for b in blocks]
    return left, [b.tokens for b in blocks], [max(b.duration_s, 1e-3) * (1 - gap) for b in blocks]


def _short_label(blocks: Sequence[BlockUse]) -> str:
    frames = {block.frames for block in blocks}
    return f"short block ({frames.pop()} frames)" if len(frames) == 1 else "short blocks"


def _edges(usage: Usage) -> list[float]:
    return [b.time_s for b in usage.blocks] + [usage.duration_s]


def _draw_steps(usage: Usage, axes: Axes, colour: str, label: str) -> None:
    values = np.array([b.tokens for b in usage.blocks], float)
    if axes.get_yscale() == "log":
        values = np.maximum(values, 1)
    else:
        axes.stairs(values, _edges(usage), color=colour, fill=True, alpha=0.12)
        axes.set_ylim(0)
    axes.stairs(values, _edges(usage), color=colour, linewidth=1.5, baseline=None, label=label)


def _draw_quality(usage: Usage, axes: Axes, theme: Theme, colour: str) -> None:
    values = np.array([min(b.psnr_db, MAX_DB) for b in usage.blocks])
    axes.stairs(values, _edges(usage), color=colour, linewidth=1.4, baseline=None)
    missed = [b for b in usage.blocks if not b.met]
    middles = [b.time_s + b.duration_s / 2 for b in missed]
    axes.plot(middles, [b.psnr_db for b in missed], "x", color=theme.missed, markersize=5)
    if usage.header.target == "tokens":
        return
    line = min(psnr_db(usage.header.threshold), MAX_DB)
    axes.axhline(line, color=theme.faint, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.annotate(
        f"threshold {usage.header.threshold:.4g} ({line:.2f} dB)",
        (1, line),
        xycoords=("axes fraction", "data"),
        xytext=(-2, -3),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=SMALL,
        color=theme.faint,
    )
    low, high = axes.dataLim.ymin, axes.dataLim.ymax
    room = max(0.5, 0.25 * (high - low))
    axes.set_ylim(min(low, line) - room, max(high, line) + room)


def _draw_bytes(usage: Usage, axes: Axes, colour: str) -> None:
    spent = [0.0, *cumulative_bytes(usage)]
    axes.plot(_edges(usage) if usage.blocks else [0.0], [b / 1000 for b in spent], color=colour, linewidth=1.4)
