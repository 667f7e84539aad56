"""Colours and type of everything that is drawn, light and dark, so that plots, the page and the video look alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import UsageError


@dataclass(frozen=True)
class Theme:
    """Colours as #rrggbb. series: of several files in one plot, told apart by people who see red and green alike.

    heat: matplotlib's name of the colour map of the heat map, whose low end is close to the paper.
    """

    name: str
    paper: str
    ink: str
    faint: str
    bar: str
    first: str
    cut: str
    missed: str
    line: str
    series: tuple[str, ...]
    heat: str

    @property
    def style(self) -> dict[Any, Any]:
        """For matplotlib's rc_context. The same file gives the same bytes."""
        return {
            "font.family": "sans-serif",
            "font.size": 10,
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
            "svg.hashsalt": "elastictok",
        }


# Series after Okabe and Ito's palette, on dark paper a little lighter.
LIGHT = Theme(
    "light", "#ffffff", "#24292f", "#8c959f", "#58b4c4", "#2f6db5", "#e0a100", "#d1372c", "#2f6db5",
    ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b58900", "#56b4e9"), "YlGnBu",
)  # fmt: skip
DARK = Theme(
    "dark", "#0d1117", "#e6edf3", "#7d8590", "#4aa3b5", "#6cb6ff", "#e3b341", "#ff6a5e", "#6cb6ff",
    ("#58a6ff", "#ff9f5a", "#3fca8f", "#e39ac6", "#e3c14d", "#8fd3ff"), "magma",
)  # fmt: skip
THEMES = {theme.name: theme for theme in (LIGHT, DARK)}


def theme_of(name: str) -> Theme:
    """A theme by its name. Raises UsageError."""
    if name not in THEMES:
        raise UsageError(f"--theme {name}: is {' or '.join(THEMES)}")
    return THEMES[name]
