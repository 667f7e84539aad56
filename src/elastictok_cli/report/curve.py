"""The token curve below a video: tokens over time, drawn up to the moment that is on the screen.

The whole curve is drawn once, by matplotlib. A frame takes the part to the left of its time from there and the rest
from the empty plot, so a video of an hour costs no more per frame than one of a second.

One file has a linear axis: the area under its curve is what it spends. Several share one logarithmic axis, because
thresholds differ by factors: on a linear axis the loosest is a flat line, and a panel each hides how far apart they
are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .figures import log_axis
from .theme import Theme
from .usage import BlockUse, Usage

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Pixels = npt.NDArray[np.uint8]

DPI = 100
PLAYHEAD = 2  # pixels wide
MAX_TICKS, MAX_LOG_TICKS = 4, 6  # of the token axis


def in_frames(usages: Sequence[Usage]) -> bool:
    """Whether tokens are counted per frame: blocks of different lengths cannot be compared otherwise."""
    return len({usage.header.block_frames for usage in usages}) > 1


def token_rate(block: BlockUse, frames: bool) -> float:
    """Tokens of a block; of one of its frames if `frames`."""
    return block.tokens / block.frames if frames else block.tokens


class Curve:
    """The strip below the pictures.

    usages: the files, in the order of theme.series. width, height: in pixels. note: what stands behind the title.
    start_s, end_s: the time shown, on the files' own clock.
    """

    def __init__(
        self,
        usages: Sequence[Usage],
        width: int,
        height: int,
        theme: Theme,
        font: int,
        start_s: float,
        end_s: float,
        note: str = "",
    ) -> None:
        self.theme, self.width, self.height, self.note = theme, width, height, note
        self.per_frame, self.logarithmic = in_frames(usages), len(usages) > 1
        self.start_s, self.end_s = start_s, max(end_s, start_s + 1e-3)
        self.empty, box = self._render(usages, font, False)
        self.full, _ = self._render(usages, font, True)
        self.left, self.right, self.top, self.bottom = box
        self._ink = np.array([int(theme.ink[i : i + 2], 16) for i in (1, 3, 5)], np.uint8)

    def column(self, time_s: float) -> int:
        """Where a time is, in pixels from the left."""
        share = (time_s - self.start_s) / (self.end_s - self.start_s)
        return round(self.left + min(max(share, 0.0), 1.0) * (self.right - self.left))

    def at(self, time_s: float, until_s: float) -> Pixels:
        """The strip while the frame at `time_s` is shown: the curve up to `until_s` and the playhead."""
        out = self.empty.copy()
        reached = self.column(until_s)
        out[:, :reached] = self.full[:, :reached]
        self._mark(out, time_s)
        return out

    def marked(self, times_s: Sequence[float]) -> Pixels:
        """The whole strip, with a mark at each of these times."""
        out = self.full.copy()
        for time_s in times_s:
            self._mark(out, time_s)
        return out

    def _mark(self, out: Pixels, time_s: float) -> None:
        at = min(self.column(time_s), self.width - PLAYHEAD)
        out[self.top : self.bottom, at : at + PLAYHEAD] = self._ink

    def _render(self, usages: Sequence[Usage], font: int, curves: bool) -> tuple[Pixels, tuple[int, int, int, int]]:
        import matplotlib

        matplotlib.use("agg")
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        with rc_context({**self.theme.style, "font.size": 72 * font / DPI}):
            figure = Figure(figsize=(self.width / DPI, self.height / DPI), dpi=DPI)
            canvas: Any = FigureCanvasAgg(figure)
            axes = figure.add_axes(self._margins(usages, font))
            self._draw(axes, usages, curves)
            canvas.draw()
            rgb = np.asarray(canvas.buffer_rgba())[..., :3].copy()
            box = axes.get_window_extent()
        return rgb, (round(box.x0), round(box.x1), round(self.height - box.y1), round(self.height - box.y0))

    def _margins(self, usages: Sequence[Usage], font: int) -> Any:
        """Room for the labels: the widest number at the left, one line below, one line above."""
        digits = len(f"{self._span(usages)[1]:,.0f}")
        across, down = font / self.width, font / self.height
        left, below, above = (0.62 * digits + 1.2) * across, 2.4 * down, 1.9 * down
        return (left, below, 1 - left - 1.2 * across, 1 - below - above)

    def _rates(self, usage: Usage) -> list[float]:
        """Tokens per block, or per frame. A logarithmic axis has no zero: an empty block stands at 1."""
        least = 1 if self.logarithmic else 0
        return [max(least, token_rate(block, self.per_frame)) for block in usage.blocks]

    def _span(self, usages: Sequence[Usage]) -> tuple[float, float]:
        """The least and the most of the blocks that lie in the time shown."""
        rates = [
            rate
            for usage in usages
            for block, rate in zip(usage.blocks, self._rates(usage), strict=True)
            if usage.first_s + block.time_s < self.end_s
            and usage.first_s + block.time_s + block.duration_s > self.start_s
        ]
        return min(rates, default=1), max(rates, default=1) or 1

    def _draw(self, axes: Axes, usages: Sequence[Usage], curves: bool) -> None:
        unit = f"tokens per {'frame' if self.per_frame else 'block'}"
        title = f"{unit}, logarithmic" if self.logarithmic else unit
        axes.set_title(title, loc="left", fontsize="medium", fontweight="bold")
        if self.note:
            axes.set_title(self.note, loc="right", fontsize="small", color=self.theme.faint)
        axes.set_xlim(0, self.end_s - self.start_s)  # so that round numbers are marked, wherever the video starts
        low, top = self._span(usages)
        if self.logarithmic:
            axes.set_yscale("log")
            axes.set_ylim(low / 1.3, 1.3 * top)
            log_axis(axes.yaxis, MAX_LOG_TICKS)
        else:
            axes.set_ylim(0, 1.12 * top)
            axes.locator_params(axis="y", nbins=MAX_TICKS, integer=True)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} s")
        axes.grid(axis="y", color=self.theme.faint, alpha=0.25, linewidth=0.6)
        axes.set_axisbelow(True)
        if not curves:
            return
        for usage, colour in zip(usages, cycle(self.theme.series, len(usages)), strict=True):
            first = usage.first_s - self.start_s
            edges = [first + block.time_s for block in usage.blocks] + [first + usage.duration_s]
            rates = self._rates(usage)
            if not self.logarithmic:  # an area means nothing where the axis has no zero
                axes.stairs(rates, edges, color=colour, fill=True, alpha=0.18)
            axes.stairs(rates, edges, color=colour, linewidth=1.8, baseline=None)


def cycle(colours: Sequence[str], count: int) -> list[str]:
    """`count` colours, from the start again where there are more."""
    return [colours[i % len(colours)] for i in range(count)]
