"""Figures to files: png, svg or pdf by the name's ending, whole or not at all, the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic_file import atomic_write, translate_os_errors
from ..errors import UsageError
from .theme import Theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")


def check_suffix(path: str, option: str = "--plot") -> None:
    """Raises UsageError for an ending that is none of SUFFIXES."""
    if Path(path).suffix.lower() not in SUFFIXES:
        raise UsageError(f"{option} {path}: its ending must be .png, .svg or .pdf")


@contextmanager
def new_figure(width: float, height: float, theme: Theme) -> Iterator[Figure]:
    """An empty figure of this size in inches, in the theme's style. Draw it and save it inside the `with`."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(theme.style):
        yield Figure(figsize=(width, height), dpi=150, layout="constrained")


def save_figure(figure: Figure, path: str) -> None:
    """Write a figure; it appears under its name when whole. Raises UsageError (ending), OutputError."""
    check_suffix(path)
    kind = Path(path).suffix.lower()[1:]
    dates: dict[str, dict[str, Any]] = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with translate_os_errors(path), atomic_write(path) as part:
        figure.savefig(part, format=kind, metadata=dates[kind])


def log_axis(axis: Any, most: int = 6) -> None:
    """Plain numbers on a logarithmic axis (`axes.xaxis`), about `most` of them. After everything is drawn on it."""
    from math import log10

    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    decades = log10(high / low) if 0 < low < high else 1.0
    subs = next((s for s in ((1, 2, 5), (1, 3), (1,)) if decades * len(s) <= most), (1,))
    axis.set_major_locator(LogLocator(subs=subs, numticks=most + 2))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())
