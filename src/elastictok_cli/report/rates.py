"""Rate curves as a figure: what the search saw of every block, tokens against error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .figures import check_suffix, log_axis, new_figure, save_figure
from .theme import LIGHT, SMALL, Theme
from .usage import Usage

Rates = Mapping[int, Sequence[tuple[int, float]]]  # by block: (tokens, MSE) of every candidate


def save_rate_plot(usage: Usage, rates: Rates, path: str, theme: Theme = LIGHT) -> None:
    """Tokens against MSE of every candidate that the search tried, one line per block, and the one it chose.

    Raises UsageError (ending), OutputError.
    """
    check_suffix(path, "--rates")
    with new_figure(6.4, 4.6, theme) as figure:
        axes = figure.subplots()
        chosen = [usage.blocks[number] for number in rates]
        for tried in rates.values():
            points = sorted({(count, mse) for count, mse in tried if count > 0 and mse > 0})
            if points:
                axes.plot(*zip(*points, strict=True), ".-", color=theme.series[0], alpha=0.4, linewidth=1, markersize=4)
        drawn = [(b.tokens, b.mse) for b in chosen if b.tokens > 0 and b.mse > 0]
        if drawn:
            axes.plot(*zip(*drawn, strict=True), "o", color=theme.series[1], markersize=4, label="chosen")
        axes.plot([], [], ".-", color=theme.series[0], alpha=0.6, label="candidates of a block")
        axes.set_xscale("log")
        axes.set_yscale("log")
        if usage.header.target != "tokens":
            threshold = usage.header.threshold
            axes.axhline(
                threshold, color=theme.faint, linewidth=1, linestyle=(0, (4, 3)), label=f"threshold {threshold:.4g}"
            )
        log_axis(axes.xaxis)
        log_axis(axes.yaxis)
        axes.set_xlabel("tokens per block (log)")
        axes.set_ylabel("mean squared error (log)")
        axes.set_title(f"{usage.title}: what the search saw of {len(rates):,} blocks", loc="left", fontweight="bold")
        axes.legend(frameon=False, fontsize=SMALL, loc="upper right")
        axes.grid(color=theme.grid, linewidth=0.6)
        save_figure(figure, path)
