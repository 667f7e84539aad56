"""The picture of `compare`: source and reconstructions side by side under their labels, the token curve below.

Takes and gives numpy arrays; of videos and tokens it knows only the usage that a file tells about itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..metrics import quality_text
from .curve import Curve, cycle
from .lettering import line, line_height
from .theme import Theme
from .usage import Usage, goal

Pixels = npt.NDArray[np.uint8]

GAP, MARGIN = 8, 12
NARROWEST = 480  # pixels; below that the curve and its numbers are not to be read
CURVE_SHARE, CURVE_LEAST, CURVE_MOST = 0.6, 170, 320  # of a panel's height; in pixels


@dataclass(frozen=True)
class Label:
    """What stands above a panel. colour: of the title; None for the ink of the theme."""

    title: str
    detail: str
    colour: str | None = None


def labels_of(source: str, usages: Sequence[Usage], theme: Theme) -> list[Label]:
    """For the source and each file: its threshold, its share of tokens, PSNR and bits per pixel."""
    labels = [Label("source", source)]
    for usage, colour in zip(usages, cycle(theme.series, len(usages)), strict=True):
        share = 100 * usage.tokens / max(1, usage.max_tokens)
        quality = quality_text(usage.mse, 1)
        labels.append(Label(goal(usage), f"{share:.3g} % of tokens · {quality} · {usage.bpp:.3g} bpp", colour))
    return labels


class Canvas:
    """panel: (width, height) of one picture. size: (width, height) of the whole, both even.

    start_s, end_s: the time that the curve spans, in the files' own time.
    """

    def __init__(
        self,
        labels: Sequence[Label],
        usages: Sequence[Usage],
        panel: tuple[int, int],
        theme: Theme,
        start_s: float,
        end_s: float,
        rows: int = 1,
    ) -> None:
        self.panel, self.theme, self.usages = panel, theme, usages
        self.start_s, self.rows = start_s, rows
        width, height = panel
        self.font = min(max(13, round(0.055 * height)), 28)
        across = len(labels) * width + (len(labels) - 1) * GAP
        whole = max(across + 2 * MARGIN, NARROWEST)
        self.head = MARGIN + line_height(self.font + 2) + line_height(self.font) + 6
        self.foot = line_height(self.font) + 6  # below each row of pictures: what is on the screen
        strip = round(min(max(CURVE_SHARE * height, CURVE_LEAST), CURVE_MOST))
        top = self.head + rows * (height + self.foot)
        self.size = (whole + whole % 2, top + strip + (top + strip) % 2)
        first = (self.size[0] - across) // 2
        self._lefts = [first + i * (width + GAP) for i in range(len(labels))]
        self._strip_top = top
        self.curve = Curve(usages, self.size[0], self.size[1] - top, theme, self.font, start_s, end_s)
        paper = [int(theme.paper[i : i + 2], 16) for i in (1, 3, 5)]
        self._empty = np.empty((self.size[1], self.size[0], 3), np.uint8)
        self._empty[:] = paper
        for left, label in zip(self._lefts, labels, strict=True):
            self._text(self._empty, left, MARGIN, label.title, label.colour or theme.ink, self.font + 2, True)
            down = MARGIN + line_height(self.font + 2)
            self._text(self._empty, left, down, label.detail, theme.faint, self.font)

    def _text(self, out: Pixels, left: int, top: int, text: str, colour: str, size: int, bold: bool = False) -> None:
        words = line(text, size, colour, self.theme.paper, self.panel[0], bold)
        out[top : top + len(words), left : left + self.panel[0]] = words

    def _row(self, out: Pixels, row: int, panels: Sequence[Pixels], time_s: float, blocks: Sequence[int]) -> None:
        width, height = self.panel
        top = self.head + row * (height + self.foot)
        colours = [self.theme.ink, *cycle(self.theme.series, len(self.usages))]
        said = [f"{time_s - self.start_s:.2f} s"]
        for usage, number in zip(self.usages, blocks, strict=True):
            block = usage.blocks[number]
            quality = quality_text(block.mse, 1)
            said.append(f"block {number}: {block.tokens:,} tokens · {quality}" + ("" if block.met else " · missed"))
        for left, picture, colour, text in zip(self._lefts, panels, colours, said, strict=True):
            out[top : top + height, left : left + width] = picture
            self._text(out, left, top + height + 4, text, colour, self.font)

    def frame(self, panels: Sequence[Pixels], time_s: float, until_s: float, blocks: Sequence[int]) -> Pixels:
        """One frame of the video: uint8 (height, width, 3).

        panels: source and reconstructions, uint8 at `panel` size. blocks: which block of each file is on the screen.
        until_s: when the frame ends; the curve is drawn to there.
        """
        out = self._empty.copy()
        self._row(out, 0, panels, time_s, blocks)
        out[self._strip_top :] = self.curve.at(time_s, until_s)
        return out

    def sheet(self, shown: Sequence[tuple[Sequence[Pixels], float, Sequence[int]]]) -> Pixels:
        """The contact sheet: `rows` times (panels, time in s, blocks), one below the other, over the whole curve."""
        out = self._empty.copy()
        for row, (panels, time_s, blocks) in enumerate(shown):
            self._row(out, row, panels, time_s, blocks)
        out[self._strip_top :] = self.curve.marked([time_s for _, time_s, _ in shown])
        return out
