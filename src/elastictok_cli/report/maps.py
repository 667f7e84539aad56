"""Heat maps over the pictures of the video, as figures (png, svg, pdf)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from .figures import check_suffix, new_figure, save_figure
from .theme import HEAT, LIGHT, SMALL, Theme
from .usage import Usage

MAX_BLOCKS = 12  # shown one by one, evenly spaced
COLUMNS = 4
OPAQUE = 0.85  # of the place with the most tokens; a place without tokens shows the picture alone
DIMMED = 0.6  # brightness of the picture, so that every colour of the scale shows on it

Counts = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.uint8]


def shown_blocks(count: int, most: int = MAX_BLOCKS) -> list[int]:
    """At most `most` of the blocks 0 .. count - 1, evenly spaced, with the first and the last."""
    if count <= most:
        return list(range(count))
    return sorted({round(i * (count - 1) / (most - 1)) for i in range(most)})


def save_heat_plot(
    usage: Usage,
    maps: Sequence[Counts],
    cell: tuple[int, int],
    path: str,
    theme: Theme = LIGHT,
    pictures: Mapping[int, Pixels] | None = None,
) -> None:
    """Tokens by place: the mean over the file, and `shown_blocks` one by one on one scale.

    maps: of every block, as `heat.heat_maps` yields them. cell: (height, width) in pixels of a count. pictures: of
    blocks by number, uint8 (H, W, 3) at the coded size; a block without one has the map alone. Raises UsageError
    (ending, or no block), OutputError.
    """
    check_suffix(path, "--heat")
    if not maps:
        raise UsageError(f"--heat: {usage.title} has no frames")
    pictures = pictures or {}
    width, height = usage.header.coded_size
    numbers = shown_blocks(len(maps))
    rows = -(-len(numbers) // COLUMNS)
    across = 9.0
    large, small = 0.86 * across * height / width, 0.92 * across / COLUMNS * height / width
    with new_figure(across, large + rows * (small + 0.3) + 1.0, theme) as figure:
        parts: Any = figure.subfigures(2, 1, height_ratios=[large + 0.6, rows * (small + 0.3) + 0.4])
        upper, lower = parts
        draw = _Heat(cell, (width, height))
        axes = upper.subplots()
        place = "place" if maps[0].size > 1 else "picture"
        axes.set_title(f"{usage.title}: tokens per block in each {place}", loc="left", fontweight="bold")
        image = draw(axes, np.mean(maps, axis=0), pictures.get(numbers[0]), None)
        _scale(upper, image, axes, f"mean of {len(maps):,} blocks", theme)
        small_axes = lower.subplots(rows, COLUMNS, squeeze=False)
        top = max(1, *(int(maps[i].max()) for i in numbers))
        for each, number in zip(small_axes.ravel(), numbers, strict=False):
            block = usage.blocks[number]
            image = draw(each, maps[number], pictures.get(number), top)
            short = f", {block.frames} frames" if block.is_short else ""
            each.set_title(f"{block.time_s:.1f} s: {block.tokens:,}{short}", fontsize=SMALL, loc="left")
        for each in small_axes.ravel()[len(numbers) :]:
            each.set_visible(False)
        _scale(lower, image, small_axes, "single blocks", theme)
        save_figure(figure, path)


class _Heat:
    """Draws one map. The colour scale follows the square root of the counts: few tokens can be seen beside many."""

    def __init__(self, cell: tuple[int, int], size: tuple[int, int]) -> None:
        from matplotlib.colors import LinearSegmentedColormap, ListedColormap

        self.cell, self.size = cell, size
        colours = LinearSegmentedColormap.from_list("heat", HEAT)(np.linspace(0, 1, 256))
        self.opaque = ListedColormap(colours)
        colours[:, 3] = OPAQUE * np.linspace(0, 1, 256) ** 0.7
        self.over = ListedColormap(colours)

    def __call__(self, axes: Any, counts: Any, picture: Pixels | None, top: float | None) -> Any:
        from matplotlib.colors import PowerNorm

        rows, columns = counts.shape
        if picture is not None:
            grey = picture.astype(np.float32).mean(axis=2) * (DIMMED / 255)
            axes.imshow(grey, extent=(0, self.size[0], self.size[1], 0), cmap="gray", vmin=0, vmax=1)
        image = axes.imshow(
            counts,
            extent=(0, columns * self.cell[1], rows * self.cell[0], 0),
            cmap=self.opaque if picture is None else self.over,
            norm=PowerNorm(0.5, vmin=0, vmax=top or max(1.0, float(counts.max()))),
            interpolation="nearest",
        )
        axes.set_xlim(0, self.size[0])  # without the padding
        axes.set_ylim(self.size[1], 0)
        axes.set_xticks([])
        axes.set_yticks([])
        for spine in axes.spines.values():
            spine.set_visible(False)
        return image


def _scale(figure: Any, image: Any, axes: Any, label: str, theme: Theme) -> None:
    bar = figure.colorbar(image, ax=axes, shrink=0.9, aspect=18, pad=0.02)
    bar.outline.set_visible(False)
    bar.ax.set_facecolor("#333333")  # what a grey picture looks like behind the colours
    bar.set_label(label, fontsize=SMALL)
    bar.ax.tick_params(labelsize=SMALL, color=theme.faint)
