"""Token usage as a picture (png, svg, pdf): tokens and PSNR of every block over time; by matplotlib."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import OutputError, UsageError
from ..metrics import psnr_db
from .usage import Usage

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
INK, FAINT = "#24292f", "#8c959f"
BAR, FIRST, CUT, MISSED, LINE = "#58b4c4", "#2f6db5", "#e0a100", "#d1372c", "#2f6db5"
STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "elastictok",  # the same file gives the same bytes
}


def check_suffix(path: str) -> None:
    """Raises UsageError for an ending that is none of SUFFIXES."""
    if Path(path).suffix.lower() not in SUFFIXES:
        raise UsageError(f"--plot {path}: its ending must be .png, .svg or .pdf")


def save_usage_plot(usage: Usage, path: str) -> None:
    """Write the plot; it appears under its name when whole. Raises UsageError (ending), OutputError."""
    check_suffix(path)
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    kind = Path(path).suffix.lower()[1:]
    part = Path(f"{path}.part")
    with rc_context(STYLE):
        figure = Figure(figsize=(9, 4.6), dpi=150, layout="constrained")
        _draw(usage, figure)
        try:
            date = {"png": {}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
            figure.savefig(part, format=kind, metadata=date)
            os.replace(part, path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise OutputError(f"{path}: cannot be written: {error.strerror}") from error


def _draw(usage: Usage, figure: Figure) -> None:
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2.2, 1])
    header = usage.header
    share = 100 * usage.tokens / max(1, usage.max_tokens)
    top.set_title(
        f"{Path(usage.name).name}   {usage.tokens:,} tokens ({share:.2g} %),  {psnr_db(usage.mse):.1f} dB,  "
        f"{usage.bpp:.3f} bits per pixel",
        loc="left", fontsize=11, fontweight="bold",
    )  # fmt: skip
    _draw_tokens(usage, top)
    _draw_quality(usage, bottom)
    bottom.set_xlabel("time in s")
    end = max(usage.duration_s, 1e-3)
    bottom.set_xlim(0, end)
    width, height = header.coded_size
    origin = f"{header.model}, blocks of {header.block_frames} frames of {width}x{height}"
    figure.supxlabel(origin, fontsize=8, color=FAINT, x=0.99, ha="right")


def _draw_tokens(usage: Usage, axes: Axes) -> None:
    blocks = usage.blocks
    kinds = [
        ("block", BAR, [b for b in blocks if b.met and not b.cut and not b.starts_gop]),
        ("first of a GOP", FIRST, [b for b in blocks if b.met and b.starts_gop]),
        ("likely a cut", CUT, [b for b in blocks if b.met and b.cut]),
        ("missed the threshold", MISSED, [b for b in blocks if not b.met]),
    ]
    # Gaps between bars only where bars are wide enough to see them.
    gap = 0.08 if len(blocks) < 150 else 0.0
    for label, colour, some in kinds:
        if some:
            left = [b.time_s + gap / 2 * b.duration_s for b in some]
            wide = [max(b.duration_s, 1e-3) * (1 - gap) for b in some]
            high = [b.tokens for b in some]
            axes.bar(left, high, wide, align="edge", color=colour, label=label, linewidth=0)
    axes.set_ylabel("tokens a block")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.grid(axis="y", color=FAINT, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.margins(y=0.12)
    axes.legend(loc="upper right", ncols=4, frameon=False, fontsize=9, bbox_to_anchor=(1, 1.04), handlelength=1)


def _draw_quality(usage: Usage, axes: Axes) -> None:
    blocks = usage.blocks
    edges = np.array([b.time_s for b in blocks] + [usage.duration_s])
    values = np.array([min(b.psnr_db, 100.0) for b in blocks])
    axes.stairs(values, edges, color=LINE, linewidth=1.4, baseline=None)
    missed = [b for b in blocks if not b.met]
    axes.plot(
        [b.time_s + b.duration_s / 2 for b in missed],
        [b.psnr_db for b in missed],
        "x",
        color=MISSED,
        markersize=5,
    )
    low, high = float(values.min()), float(values.max())
    if usage.header.target != "tokens":
        goal = min(psnr_db(usage.header.threshold), 100.0)
        axes.axhline(goal, color=FAINT, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.annotate(
            f"threshold {usage.header.threshold:g}",
            (1, goal),
            xycoords=("axes fraction", "data"),
            xytext=(-2, -3),
            textcoords="offset points",
            ha="right",
            va="top",
            fontsize=8,
            color=FAINT,
        )
        low, high = min(low, goal), max(high, goal)
    room = max(0.5, 0.25 * (high - low))
    axes.set_ylim(low - room, high + room)
    axes.set_ylabel("PSNR in dB")
    axes.grid(axis="y", color=FAINT, alpha=0.25, linewidth=0.6)
