"""The training curve of elastictok-mini: a plot, and a forecast of the error after twice the time."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

Point = tuple[float, float]  # hours, mean squared error


def records(log: Path, kind: str) -> list[dict[str, Any]]:
    """Log lines of one type, in order. Of a step that was repeated after a stop, the last one."""
    last: dict[int, dict[str, Any]] = {}
    for line in log.read_text().splitlines():
        record = json.loads(line)
        if record["type"] == kind:
            last = {step: old for step, old in last.items() if step < record["step"]}
            last[record["step"]] = record
    return list(last.values())


def foretell(points: list[Point]) -> float | None:
    """The error in twice the time, by a power law through the points of the second half of the time.

    None where fewer than three points are there to go by.
    """
    late = [(math.log(h), math.log(e)) for h, e in points if h >= points[-1][0] / 2 and h > 0] if points else []
    if len(late) < 3:
        return None
    x, y = (sum(values) / len(late) for values in zip(*late, strict=True))
    slope = sum((a - x) * (b - y) for a, b in late) / sum((a - x) ** 2 for a, _ in late)
    return math.exp(y + slope * (math.log(2 * points[-1][0]) - x))


def draw(log: Path, out: Path) -> dict[str, Any]:
    """Plot the log to `out`. Returns the last validation and the error foretold for twice the time, by kept share."""
    from matplotlib.figure import Figure

    training, held = records(log, "train"), records(log, "validation")
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    if training:
        hours, loss = [r["hours"] for r in training], [r["loss"] for r in training]
        size = max(1, len(loss) // 40)
        smooth = [sum(loss[i : i + size]) / len(loss[i : i + size]) for i in range(0, len(loss), size)]
        axes.plot(hours[::size], smooth, color="0.75", label="training")
    said: dict[str, Any] = {"validation": held[-1] if held else None, "in_twice_the_time": {}}
    for share in held[-1]["mse_by_share"] if held else ():
        points = [(r["hours"], r["mse_by_share"][share]) for r in held]
        axes.plot(*zip(*points, strict=True), marker=".", label=f"{float(share):.3g} of the tokens")
        said["in_twice_the_time"][share] = foretell(points)
    for threshold in (0.015, 0.007):
        axes.axhline(threshold, color="k", lw=0.6, ls=":")
    hardware = next((r["hardware"] for r in records(log, "start")), "the hardware")
    axes.set(xlabel=f"hours of {hardware}", ylabel="mean squared error, pixels on [-1, 1]", yscale="log")
    axes.set_title("elastictok-mini: averaged weights on clips kept from training")
    if axes.lines:
        axes.legend(fontsize=8, loc="upper right")
    figure.savefig(out, dpi=110)
    return said
