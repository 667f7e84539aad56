"""The picture of `compare`: source and reconstructions side by side under their labels, the token curve below.

Takes and gives numpy arrays. What the lines of text say is decided in compare/panels.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .curve import Curve, cycle
from .lettering import line, line_height
from .theme import Theme
from .usage import Usage

Pixels = npt.NDArray[np.uint8]

GAP, MARGIN = 8, 12
MIN_WIDTH = 480  # pixels; below that the curve and its numbers cannot be read
CURVE_SHARE, MIN_CURVE, MAX_CURVE = 0.6, 170, 320  # of a panel's height; in pixels


@dataclass(frozen=True)
class Label:
    """The two lines above a picture. colour: of the title; None for the ink of the theme."""

    title: str
    detail: str
    colour: str | None = None


class Canvas:
    """The layout of one comparison.

    labels: of the source, then of each reconstruction. usages: of each reconstruction. panel: (width, height) of one
    picture. start_s, end_s: the time that the curve spans, on the files' own clock. rows: of pictures. note: what
    stands above the curve. The attribute `size` is (width, height) of the whole, both even.
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
        note: str = "",
    ) -> None:
        self.panel, self.theme = panel, theme
        self.colours = [theme.ink, *cycle(theme.series, len(usages))]
        self.start_s, self.rows = start_s, rows
        width, height = panel
        self.font = min(max(13, round(0.055 * height)), 28)
        across = len(labels) * width + (len(labels) - 1) * GAP
        whole = max(across + 2 * MARGIN, MIN_WIDTH)
        self.head = MARGIN + line_height(self.font + 2) + line_height(self.font) + 6
        self.foot = line_height(self.font) + 6  # below each row of pictures: what is on the screen
        strip = round(min(max(CURVE_SHARE * height, MIN_CURVE), MAX_CURVE))
        top = self.head + rows * (height + self.foot)
        self.size = (whole + whole % 2, top + strip + (top + strip) % 2)
        first = (self.size[0] - across) // 2
        self._lefts = [first + i * (width + GAP) for i in range(len(labels))]
        self._strip_top = top
        self.curve = Curve(usages, self.size[0], self.size[1] - top, theme, self.font, start_s, end_s, note)
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

    def _row(self, out: Pixels, row: int, pictures: Sequence[Pixels], captions: Sequence[str]) -> None:
        width, height = self.panel
        top = self.head + row * (height + self.foot)
        for left, picture, colour, text in zip(self._lefts, pictures, self.colours, captions, strict=True):
            out[top : top + height, left : left + width] = picture
            self._text(out, left, top + height + 4, text, colour, self.font)

    def frame(self, pictures: Sequence[Pixels], captions: Sequence[str], time_s: float, until_s: float) -> Pixels:
        """One frame of the video: uint8 (height, width, 3).

        pictures: source and reconstructions, uint8 at `panel` size. captions: the line below each. time_s, until_s:
        when the frame is shown, and to when; the curve is drawn to there.
        """
        out = self._empty.copy()
        self._row(out, 0, pictures, captions)
        out[self._strip_top :] = self.curve.at(time_s, until_s)
        return out

    def sheet(self, shown: Sequence[tuple[Sequence[Pixels], Sequence[str], float]]) -> Pixels:
        """The contact sheet: up to `rows` times (pictures, captions, time in s), one below the other, and the curve."""
        out = self._empty.copy()
        for row, (pictures, captions, _) in enumerate(shown):
            self._row(out, row, pictures, captions)
        out[self._strip_top :] = self.curve.marked([time_s for _, _, time_s in shown])
        return out
