"""The one palette and type scale of plots, page and compared video, light and dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import UsageError

TITLE, BODY, SMALL = 11.0, 10.0, 8.5  # points

# Tokens by place, from none to most, over a picture in grey: dark to light as in matplotlib's "magma", which the
# colour-blind see in the same order.
HEAT = ("#000004", "#51127c", "#b73779", "#fc8961", "#fcfdbf")


@dataclass(frozen=True, kw_only=True)
class Theme:
    """Colours as #rrggbb. grid: lines behind the data. card: behind tables and buttons of the page.

    bar, first, cut, missed: of a block by what it is; a test holds that the colour-blind can tell them apart.
    series: of several files in one plot.
    """

    name: str
    paper: str
    ink: str
    faint: str
    grid: str
    card: str
    bar: str
    first: str
    cut: str
    missed: str
    line: str
    series: tuple[str, ...]

    @property
    def style(self) -> dict[Any, Any]:
        """For matplotlib's rc_context. The same file gives the same bytes; text in svg and pdf stays text."""
        return {
            "font.family": "sans-serif",
            "font.size": BODY,
            "axes.titlesize": TITLE,
            "legend.fontsize": SMALL,
            "text.parse_math": False,  # a file's name may have dollar signs
            "figure.facecolor": self.paper,
            "axes.facecolor": self.paper,
            "savefig.facecolor": self.paper,
            "axes.edgecolor": self.faint,
            "axes.labelcolor": self.ink,
            "text.color": self.ink,
            "xtick.color": self.faint,
            "ytick.color": self.faint,
            "xtick.labelcolor": self.ink,
            "ytick.labelcolor": self.ink,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "hatch.linewidth": 1.6,
            "image.composite_image": False,  # picture and map of a heat map stay apart in svg and pdf
            "svg.hashsalt": "elastictok",
            "svg.fonttype": "none",
            "pdf.fonttype": 42,
        }


# After Okabe and Ito's palette (jfly.uni-koeln.de/color), on dark paper a little lighter.
LIGHT = Theme(
    name="light",
    paper="#ffffff",
    ink="#24292f",
    faint="#59636e",
    grid="#d8dee4",
    card="#f6f8fa",
    bar="#56b4e9",
    first="#0072b2",
    cut="#e69f00",
    missed="#c2410c",
    line="#0072b2",
    series=("#0072b2", "#d55e00", "#cc79a7", "#009e73", "#b58900", "#56b4e9"),
)
DARK = Theme(
    name="dark",
    paper="#0d1117",
    ink="#e6edf3",
    faint="#9198a1",
    grid="#30363d",
    card="#161b22",
    bar="#3b82c4",
    first="#a5d8ff",
    cut="#f0b429",
    missed="#ff6a3d",
    line="#7cc0ff",
    series=("#58a6ff", "#ff8a3d", "#f2b5dd", "#3fca8f", "#e3c14d", "#8fd3ff"),
)
THEMES = {theme.name: theme for theme in (LIGHT, DARK)}


def theme_of(name: str) -> Theme:
    """A theme by its name. Raises UsageError."""
    if name not in THEMES:
        raise UsageError(f"--theme {name}: must be {' or '.join(THEMES)}")
    return THEMES[name]
