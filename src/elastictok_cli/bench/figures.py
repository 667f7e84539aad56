"""The benchmark's figures, from results.json alone."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import mul
from pathlib import Path
from typing import Any

from ..metrics import psnr_db
from ..report.curve import cycle
from ..report.figures import log_axis, new_figure, save_figure
from ..report.theme import LIGHT, Theme
from ..units import plural

COLUMNS = 4  # of small rate curves
MIN_SPAN = 4.0  # times: the least that a token axis spans


def draw_all(results: dict[str, Any], folder: Path) -> list[Path]:
    """figure4, rate and content as .png and .svg; those for which there is something to draw."""
    made = []
    for name, draw, size in (
        ("figure4", _figure4, (4.8 * len(results["figure4"]), 4.0)),
        ("rate", _rate, _rate_size(results)),
        ("content", _content, (9.6, 4.0)),
    ):
        paths = [folder / f"{name}{suffix}" for suffix in (".png", ".svg")]
        with new_figure(*size, LIGHT) as figure:
            if draw(results, figure, LIGHT):
                for path in paths:
                    save_figure(figure, str(path))
                made += paths
            else:
                for path in paths:
                    path.unlink(missing_ok=True)  # of an earlier run with more to draw
    return made


def _figure4(results: dict[str, Any], figure: Any, theme: Theme) -> bool:
    """The whole elastic curve, over tokens per frame (below) and per cent of the model's count (above)."""
    kinds, percents = results["figure4"], []
    axes = figure.subplots(1, len(kinds), squeeze=False)[0]
    for ax, (kind, found) in zip(axes, kinds.items(), strict=True):
        most = found["max_tokens_per_frame"]
        elastic = [(most * t, 100 * s) for t, s in found["elastic"]]
        fixed = [(most * p["tokens_share"], 100 * p["met_share"]) for p in found["fixed"]]
        if elastic:  # where no block meets there is no cap to draw
            ax.plot(*zip(*elastic, strict=True), color=theme.series[0], linewidth=2, label="elastic", zorder=3)
            ax.plot(*elastic[-1], "o", color=theme.series[0], markersize=6, zorder=3)
        if fixed:
            ax.plot(*zip(*fixed, strict=True), "s--", color=theme.series[1], linewidth=1, label="fixed, same model")
        ax.set_xscale("log")
        low, high = ax.get_xlim()
        if high < MIN_SPAN * low:  # of few blocks that are alike: so that a few round numbers are in it
            middle = (low * high) ** 0.5
            ax.set_xlim(middle / MIN_SPAN**0.5, middle * MIN_SPAN**0.5)
        log_axis(ax.xaxis)
        ax.set_xlabel("tokens per frame" if kind == "video" else "tokens per picture")
        above = ax.secondary_xaxis("top", functions=(partial(mul, 100 / most), partial(mul, most / 100)))
        above.set_xlabel("per cent of the most that the model can use")
        ax.set_ylabel("blocks that meet the threshold, %")
        ax.set_ylim(0, 104)
        ax.grid(color=theme.faint, alpha=0.25, linewidth=0.6)
        blocks = plural(found["blocks"], "block")
        ax.set_title(f"{kind}s: {blocks}, threshold {results['figure_threshold']:g}", loc="left")
        if elastic:
            ax.legend(frameon=False, loc="best")
        percents.append(above.xaxis)
    figure.draw_without_rendering()  # an axis that follows another has its limits only then
    for axis in percents:
        log_axis(axis)
    return True


def _rate_size(results: dict[str, Any]) -> tuple[float, float]:
    clips = len({r["clip"] for r in results["rows"] if r["kind"] == "video"})
    columns = min(COLUMNS, max(1, clips))
    return 2.9 * max(2, columns), 0.9 + 2.3 * -(-max(1, clips) // columns)


def _rate(results: dict[str, Any], figure: Any, theme: Theme) -> bool:
    clips = sorted({r["clip"] for r in results["rows"] if r["kind"] == "video"})
    if not clips:
        return False
    columns = min(COLUMNS, len(clips))
    axes = figure.subplots(-(-len(clips) // columns), columns, squeeze=False).ravel()
    for ax in axes[len(clips) :]:
        ax.set_visible(False)
    low = psnr_db(2 * max(results["thresholds"]))
    high = psnr_db(min(results["thresholds"])) + 3
    for ax, clip in zip(axes, clips, strict=False):
        rows = sorted((r for r in results["rows"] if r["clip"] == clip and r["psnr_db"]), key=lambda r: r["bpp"])
        pixels = rows[0]["width"] * rows[0]["height"] * rows[0]["frames"]
        for codec, (colour, style) in _styles(results["codecs"], theme).items():
            curve = results["references"][clip][codec]
            points = [(8 * p["bytes"] / pixels, psnr_db(p["mse"])) for p in curve if p["mse"]]
            if points:
                ax.plot(*zip(*sorted(points), strict=True), color=colour, linestyle=style, linewidth=1.1, label=codec)
        ours = [(r["bpp"], r["psnr_db"]) for r in rows]
        ax.plot(
            *zip(*ours, strict=True), "o-", color=theme.series[0], linewidth=2, markersize=4, label=results["model"]
        )
        ax.set_xscale("log")
        log_axis(ax.xaxis, 4)
        ax.set_ylim(low, high)
        ax.set_title(clip, loc="left", fontsize=9, parse_math=False)
        ax.grid(color=theme.faint, alpha=0.25, linewidth=0.6)
        ax.tick_params(labelsize=7, which="both")
    figure.supxlabel("bits per pixel", fontsize=9)
    figure.supylabel("PSNR in dB", fontsize=9)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=5 if columns > 2 else 3, frameon=False, fontsize=8)
    return True


def _styles(codecs: Sequence[str], theme: Theme) -> dict[str, tuple[str, str]]:
    """(colour, line) of each codec: dashed where the colours begin again."""
    colours = theme.series[1:]
    lines = ("-", "--", ":")
    return {
        codec: (colour, lines[i // len(colours) % len(lines)])
        for i, (codec, colour) in enumerate(zip(codecs, cycle(colours, len(codecs)), strict=True))
    }


def _content(results: dict[str, Any], figure: Any, theme: Theme) -> bool:
    rows = [row for row in results["content"]["rows"] if row[2] > 0]
    if len(rows) < 3:
        return False
    axes = figure.subplots(1, 2, sharey=True)
    for ax, column, name in zip(axes, (3, 4), ("motion", "detail"), strict=True):
        some = [row for row in rows if row[column]]
        ax.plot(
            [row[column] for row in some], [row[2] for row in some], "o", color=theme.series[0], markersize=4, alpha=0.6
        )
        ax.set_xscale("log")
        ax.set_yscale("log")
        log_axis(ax.xaxis)
        log_axis(ax.yaxis)
        ax.set_xlabel(f"{name} of the block")
        found = results["content"]["spearman"][name]
        ax.set_title(f"{name}: rank correlation {found:.2f}" if found is not None else name, loc="left")
        ax.grid(color=theme.faint, alpha=0.25, linewidth=0.6)
    axes[0].set_ylabel("tokens per thousand pixels")
    return True
