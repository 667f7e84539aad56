"""Heat maps and rate curves as pictures (png, svg, pdf)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from .figures import check_suffix, log_axis, new_figure, save_figure
from .theme import LIGHT, Theme
from .usage import Usage

BLOCKS = 12  # shown one by one, evenly spaced
COLUMNS = 4

Counts = npt.NDArray[np.int64]
Rates = Mapping[int, Sequence[tuple[int, float]]]  # by block: (tokens, MSE) of every candidate


def save_heat_plot(
    usage: Usage, maps: Sequence[Counts], cell: tuple[int, int], path: str, theme: Theme = LIGHT
) -> None:
    """Tokens by place: the sum over the file, and blocks one by one on one scale.

    maps: of every block, as `heat.heat_maps` has them. cell: (height, width) in pixels of a count. Raises UsageError
    (ending, or no block), OutputError.
    """
    check_suffix(path, "--heat")
    if not maps:
        raise UsageError(f"--heat: {usage.title} has no frames")
    width, height = usage.header.coded_size
    numbers = _spaced(len(maps), BLOCKS)
    rows = -(-len(numbers) // COLUMNS)
    across = 9.0
    whole, small = 0.55 * across * height / width, across / COLUMNS * height / width
    with new_figure(across, whole + rows * (small + 0.3) + 0.9, theme) as figure:
        parts: Any = figure.subfigures(2, 1, height_ratios=[whole + 0.6, rows * (small + 0.3) + 0.3])
        upper, lower = parts
        axes = upper.subplots()
        axes.set_anchor("W")
        # per frame and block: what a patch of one block costs on average, whatever the file's length
        image = _show(axes, np.mean(maps, axis=0), cell, (width, height), theme, None)
        axes.set_title(f"{usage.title}: tokens a block in each place, mean of {len(maps):,} blocks", loc="left")
        upper.colorbar(image, ax=axes, shrink=0.9).outline.set_visible(False)
        top = max(1, *(int(maps[i].max()) for i in numbers))
        small_axes = lower.subplots(rows, COLUMNS, squeeze=False).ravel()
        for each in small_axes[len(numbers) :]:
            each.set_visible(False)
        for each, number in zip(small_axes, numbers, strict=False):
            block = usage.blocks[number]
            _show(each, maps[number], cell, (width, height), theme, top)
            each.set_title(f"{block.time_s:.1f} s: {block.tokens:,}", fontsize=8, loc="left")
        save_figure(figure, path)


def _spaced(count: int, most: int) -> list[int]:
    """At most so many of 0 .. count - 1, evenly spaced, the first and the last with them."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def _show(axes: Any, counts: Any, cell: tuple[int, int], size: tuple[int, int], theme: Theme, top: int | None) -> Any:
    rows, columns = counts.shape
    extent = (0, columns * cell[1], rows * cell[0], 0)
    image = axes.imshow(
        np.sqrt(counts) if top is not None else counts,
        extent=extent,
        cmap=theme.heat,
        vmin=0,
        vmax=np.sqrt(top) if top is not None else None,
        interpolation="nearest",
    )
    axes.set_xlim(0, size[0])  # without the padding
    axes.set_ylim(size[1], 0)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image


def save_rate_plot(usage: Usage, rates: Rates, path: str, theme: Theme = LIGHT) -> None:
    """Tokens against MSE of every candidate that the search tried, a line a block, and what it chose.

    Raises UsageError (ending), OutputError.
    """
    check_suffix(path, "--rates")
    with new_figure(6.4, 4.6, theme) as figure:
        axes = figure.subplots()
        for number, tried in rates.items():
            points = sorted({(count, mse) for count, mse in tried if count > 0 and mse > 0})
            if points:
                axes.plot(
                    *zip(*points, strict=True), ".-", color=theme.series[0], alpha=0.35, linewidth=1, markersize=4
                )
            chosen = usage.blocks[number]
            if chosen.tokens > 0 and chosen.mse > 0:
                axes.plot(chosen.tokens, chosen.mse, "o", color=theme.series[1], markersize=4)
        axes.set_xscale("log")
        axes.set_yscale("log")
        log_axis(axes.xaxis)
        log_axis(axes.yaxis)
        if usage.header.target != "tokens":
            axes.axhline(usage.header.threshold, color=theme.faint, linewidth=1, linestyle=(0, (4, 3)))
        axes.set_xlabel("tokens of the block")
        axes.set_ylabel("mean squared error")
        axes.set_title(f"{usage.title}: what the search saw of {len(rates):,} blocks", loc="left")
        axes.grid(color=theme.faint, alpha=0.25, linewidth=0.6)
        save_figure(figure, path)
