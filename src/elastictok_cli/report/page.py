"""The report as one page of HTML: plots with values under the pointer, heat map, table, and a player whose place the
plots show. Everything is inside the file; it opens from anywhere and asks no network for anything."""

from __future__ import annotations

import base64
import html
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files as package_files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import numpy.typing as npt

from ..metrics import psnr_db
from .maps import Rates
from .plots import legend_labels
from .tables import summary
from .theme import DARK, LIGHT
from .usage import Usage, cumulative_bytes

MOST_COUNTS = 4_000_000  # numbers of heat maps; a page with more would be too large for a browser
MEDIA = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm"}
NAMES = ("block", "time in s", "tokens", "% of most", "PSNR in dB", "met", "bytes so far", "")


@dataclass(frozen=True)
class Player:
    """A video to embed. path: of a kind in MEDIA. offset_s: the player's time when the file's first frame shows."""

    path: Path
    offset_s: float = 0.0
    title: str = ""


@dataclass(frozen=True, eq=False)
class FileReport:
    """One .etok file in the page. heat: maps of every block (heat.heat_maps) and the size of a cell. rates: what the
    search saw, if it was kept."""

    usage: Usage
    heat: Sequence[npt.NDArray[np.int64]] | None = None
    cell: tuple[int, int] = (16, 16)
    rates: Rates | None = None


def html_report(
    reports: Sequence[FileReport],
    player: Player | None = None,
    cuts: Sequence[float] | None = None,
    theme: str | None = None,
) -> str:
    """The page. cuts: times of the source's cuts, in s from the first frame. theme: light or dark; None: as the
    reader's system is set."""
    labels = legend_labels([report.usage for report in reports])
    data = {
        "files": [_file(report, label) for report, label in zip(reports, labels, strict=True)],
        "cuts": cuts,
        "video_offset_s": player.offset_s if player else 0.0,
        "light": LIGHT.series,
        "dark": DARK.series,
    }
    names = ", ".join(report.usage.title for report in reports)
    parts = {
        "title": html.escape(names),
        "theme": f' data-theme="{theme}"' if theme else "",
        "css": _part("report.css"),
        "js": _part("report.js"),
        # "</script>" and "<!--<script>" inside a name must not end the script, or keep it from ending
        "data": json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
        "about": "".join(_about(report.usage) for report in reports),
        "stage": _stage(reports, player),
        "key": _key(labels, cuts),
        "rates": _RATES if any(report.rates for report in reports) else "",
        "chooser": _chooser(labels),
        "head": "".join(f"<th>{name}</th>" for name in NAMES),
    }
    return Template(_part("report.html")).substitute(parts)


def _part(name: str) -> str:
    return package_files(__package__).joinpath("html", name).read_text(encoding="utf-8")


def _file(report: FileReport, label: str) -> dict[str, Any]:
    usage = report.usage
    spent = cumulative_bytes(usage)
    goal = psnr_db(usage.header.threshold) if usage.header.target != "tokens" else math.inf
    blocks = [
        {
            "index": b.index,
            "time_s": round(b.time_s, 6),
            "tokens": b.tokens,
            "max_tokens": b.max_tokens,
            "psnr_db": _finite(b.psnr_db, 4),
            "met": b.met,
            "starts_gop": b.starts_gop,
            "cut": b.cut,
            "bytes_so_far": round(total),
        }
        for b, total in zip(usage.blocks, spent, strict=True)
    ]
    found = {
        "label": label,
        "duration_s": round(usage.duration_s, 6),
        "measured": usage.header.is_measured,
        "goal_db": _finite(goal, 4),
        "blocks": blocks,
    }
    if report.heat:
        found["heat"] = _heat(report)
    if report.rates:
        found["rates"] = {str(n): [[c, float(f"{m:.5g}")] for c, m in tried] for n, tried in report.rates.items()}
    return found


def _finite(value: float, digits: int) -> float | None:
    return round(value, digits) if math.isfinite(value) else None


def _heat(report: FileReport) -> dict[str, Any] | None:
    assert report.heat is not None
    maps = np.stack(report.heat)
    if maps.size > MOST_COUNTS:
        return None
    _, rows, columns = maps.shape
    return {
        "rows": rows,
        "columns": columns,
        "height": rows * report.cell[0],
        "width": columns * report.cell[1],
        "most": int(maps.max(initial=1)),
        "maps": [m.ravel().tolist() for m in maps],
    }


def _about(usage: Usage) -> str:
    said = [f"{html.escape(what)}: {html.escape(text)}" for what, text in summary(usage) if what != "a block"]
    return f'<p class="about"><b>{html.escape(usage.title)}</b><br>{"<br>".join(said)}</p>'


def _stage(reports: Sequence[FileReport], player: Player | None) -> str:
    """Player and heat map beside each other, those that there are."""
    boxes = []
    if player is not None:
        kind = MEDIA[player.path.suffix.lower()]
        body = base64.b64encode(player.path.read_bytes()).decode()
        boxes.append(
            f'<div><video id="video" controls playsinline preload="auto" src="data:{kind};base64,{body}"></video>'
            f'<p class="hint" id="videonote">{html.escape(player.title)}</p></div>'
        )
    if any(report.heat for report in reports):
        boxes.append(
            '<div><canvas id="heat" width="16" height="9" role="img" aria-label="tokens by place"></canvas>'
            '<p class="hint" id="heatnote"></p></div>'
        )
    if not boxes:
        return ""
    single = " single" if len(boxes) == 1 else ""
    return f'<div class="stage{single}">{"".join(boxes)}</div>'


_RATES = (
    '<h2>What the search saw of this block</h2><div class="chart" id="rates"></div><p class="hint" id="ratesnote"></p>'
)


def _key(labels: Sequence[str], cuts: Sequence[float] | None) -> str:
    if len(labels) > 1:
        items = [(f'<i data-series="{i}"></i>', label) for i, label in enumerate(labels)]
    else:
        kinds = [("bar", "block"), ("first", "first of a GOP"), ("missed", "missed the threshold")]
        kinds[2:2] = [("cut", "likely a cut")] if cuts is None else []
        items = [(f'<i style="background:var(--{kind})"></i>', text) for kind, text in kinds]
    items += [('<i style="background:var(--cut)"></i>', "cut in the source")] if cuts else []
    return "".join(f"<span>{mark}{html.escape(text)}</span>" for mark, text in items)


def _chooser(labels: Sequence[str]) -> str:
    if len(labels) == 1:
        return ""
    choices = "".join(f'<option value="{i}">{html.escape(label)}</option>' for i, label in enumerate(labels))
    return f'<p><label>File: <select id="file">{choices}</select></label></p>'
