"""The data inside the report's page: blocks, heat maps and rates of every file, as plain dicts for JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..metrics import psnr_db
from .plots import is_wide, legend_labels
from .rates import Rates
from .theme import DARK, HEAT, LIGHT
from .usage import Usage, cumulative_bytes

MAX_COUNTS = 4_000_000  # numbers of heat maps; a page with more would be too large for a browser


@dataclass(frozen=True, eq=False, kw_only=True)
class FileReport:
    """One .etok file in the page.

    heat: maps of every block (`heat.heat_maps`). cell: (height, width) in pixels of one count. rates: the candidates of
    the search, if they were kept.
    """

    usage: Usage
    heat: Sequence[npt.NDArray[np.int64]] | None = None
    cell: tuple[int, int] = (16, 16)
    rates: Rates | None = None


def page_data(
    reports: Sequence[FileReport], starts_s: Mapping[str, float], cuts: Sequence[float] | None
) -> dict[str, Any]:
    """Everything that the page draws, as JSON values.

    starts_s: the time in each video at which the file's first frame shows, by the video's name in the page. cuts: times
    of the source's cuts, in seconds from the first frame; None if no source was read.
    """
    usages = [report.usage for report in reports]
    labels = legend_labels(usages)
    return {
        "files": [_file(report, label) for report, label in zip(reports, labels, strict=True)],
        "cuts": cuts,
        "starts_s": dict(starts_s),
        "log": len(usages) > 1 and is_wide(usages),
        "light": LIGHT.series,
        "dark": DARK.series,
        "heat": HEAT,
    }


def _file(report: FileReport, label: str) -> dict[str, Any]:
    usage = report.usage
    header = usage.header
    goal = psnr_db(header.threshold) if header.target != "tokens" else math.inf
    found = {
        "label": label,
        "duration_s": round(usage.duration_s, 6),
        "measured": header.is_measured,
        "threshold": float(f"{header.threshold:.4g}"),
        "goal_db": _finite(goal, 4),
        "blocks": _blocks(usage),
    }
    if report.heat and (heat := _heat(report)):
        found["heat"] = heat
    if report.rates:
        found["rates"] = {str(n): [[c, float(f"{m:.5g}")] for c, m in tried] for n, tried in report.rates.items()}
    return found


def _blocks(usage: Usage) -> list[dict[str, Any]]:
    return [
        {
            "index": block.index,
            "time_s": round(block.time_s, 6),
            "frames": block.frames,
            "short": block.is_short,
            "tokens": block.tokens,
            "max_tokens": block.max_tokens,
            "psnr_db": _finite(block.psnr_db, 4),
            "met": block.met,
            "starts_gop": block.starts_gop,
            "cut": block.cut,
            "bytes_so_far": round(total),
        }
        for block, total in zip(usage.blocks, cumulative_bytes(usage), strict=True)
    ]


def _finite(value: float, digits: int) -> float | None:
    return round(value, digits) if math.isfinite(value) else None


def _heat(report: FileReport) -> dict[str, Any] | None:
    assert report.heat is not None
    maps = np.stack(report.heat)
    if maps.size > MAX_COUNTS:
        return None
    return {
        "rows": maps.shape[1],
        "columns": maps.shape[2],
        "cell": report.cell,
        "size": report.usage.header.coded_size,
        "rotation": report.usage.header.rotation,
        "most": int(maps.max(initial=1)),
        "maps": [m.ravel().tolist() for m in maps],
    }
