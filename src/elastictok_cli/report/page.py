"""The report as one HTML page: plots with values under the pointer, videos, tokens by place, and a table of blocks.

Everything is inside the file; it opens from anywhere and loads nothing from a network.
"""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files as package_files
from pathlib import Path
from string import Template

from .page_data import FileReport, page_data
from .plots import legend_labels
from .tables import summary
from .theme import DARK, LIGHT, Theme
from .usage import Usage

__all__ = ["FileReport", "Player", "html_report"]

MEDIA = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm"}
SCRIPTS = ("axes.js", "charts.js", "stage.js", "report.js")
COLUMNS = ("block", "time in s", "tokens", "% of most", "PSNR in dB", "met", "bytes so far", "")
COLOURS = ("paper", "ink", "faint", "grid", "card", "bar", "first", "cut", "missed", "line")


@dataclass(frozen=True)
class Player:
    """A video to embed. path: with a suffix in MEDIA.

    start_s: the time in the video at which the file's first frame shows, in seconds.
    """

    path: Path
    start_s: float = 0.0
    title: str = ""


def html_report(
    reports: Sequence[FileReport],
    players: Mapping[str, Player] | None = None,
    cuts: Sequence[float] | None = None,
    theme: str | None = None,
) -> str:
    """The page as HTML.

    players: "source", "decoded" or both, of the first file. cuts: times of the source's cuts, in seconds from the first
    frame; None if no source was read. theme: light or dark; None for what the reader's system is set to.
    """
    players = players or {}
    usages = [report.usage for report in reports]
    labels = legend_labels(usages)
    data = page_data(reports, {name: player.start_s for name, player in players.items()}, cuts)
    has_heat = any("heat" in file for file in data["files"])
    script = "\n".join(map(_part, SCRIPTS))
    parts = {
        "title": html.escape(", ".join(usage.title for usage in usages)),
        "theme": f' data-theme="{theme}"' if theme else "",
        "palette": _palette(LIGHT, ":root") + "\n" + _palette(DARK, ':root[data-theme="dark"]'),
        "css": _part("report.css"),
        "js": f'"use strict";\n(() => {{\n{script}\n}})();',
        # "</script>" and "<!--<script>" inside a name must not end the script, or keep it from ending
        "data": json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
        "about": "".join(_about(usage, i, len(usages) > 1) for i, usage in enumerate(usages)),
        "stage": _stage(players, has_heat),
        "key": _key(usages, labels, cuts),
        "hint": _hint(players, has_heat),
        "rates": _RATES if any(report.rates for report in reports) else "",
        "chooser": _chooser(labels),
        "head": "".join(f"<th>{name}</th>" for name in COLUMNS),
    }
    return Template(_part("report.html")).substitute(parts)


def _part(name: str) -> str:
    return package_files(__package__).joinpath("html", name).read_text(encoding="utf-8")


def _palette(theme: Theme, selector: str) -> str:
    colours = " ".join(f"--{name}: {getattr(theme, name)};" for name in COLOURS)
    return f"{selector} {{ color-scheme: {theme.name}; {colours} }}"


def _about(usage: Usage, number: int, many: bool) -> str:
    """The summary; of several files each under its name, which is in the title too where there is only one."""
    rows = "".join(f"<dt>{html.escape(label)}</dt><dd>{html.escape(text)}</dd>" for label, text in summary(usage))
    name = html.escape(usage.title)
    return f"<section>{f'<h2><i data-series={number}></i>{name}</h2>' if many else ''}<dl>{rows}</dl></section>"


def _stage(players: Mapping[str, Player], has_heat: bool) -> str:
    """Videos and tokens by place beside each other, as far as there are any, and the buttons for them."""
    names = {"source": "Source", "decoded": "Decoded", "both": "Side by side"}
    views = [name for name in names if name in players or (name == "both" and len(players) == 2)]
    buttons = [f'<button type="button" data-view="{name}">{names[name]}</button>' for name in views if len(views) > 1]
    if players and has_heat:
        buttons.append('<button type="button" id="places" aria-pressed="true">Tokens by place</button>')
    figures = [_figure(name, players[name]) for name in names if name in players]
    if has_heat:
        figures.append(_HEAT)
    if not figures:
        return ""
    bar = f'<div class="bar">{"".join(buttons)}</div>' if buttons else ""
    stage = f'{bar}<div class="stage" id="stage">{"".join(figures)}</div>'
    return f'{stage}{_CONTROLS}<p class="hint" id="videonote"></p>' if players else stage


def _figure(name: str, player: Player) -> str:
    kind = MEDIA[player.path.suffix.lower()]
    body = base64.b64encode(player.path.read_bytes()).decode()
    return (
        f'<figure><video id="{name}" playsinline preload="auto" src="data:{kind};base64,{body}"></video>'
        f"<figcaption>{name}: {html.escape(player.title)}</figcaption></figure>"
    )


_CONTROLS = (
    '<div class="bar"><button type="button" id="play">Play</button>'
    '<input type="range" id="seek" min="0" step="any" value="0" aria-label="time">'
    '<output id="clock"></output><button type="button" id="mute" aria-pressed="false">Mute</button></div>'
)
_HEAT = (
    '<figure><canvas id="heat" width="16" height="9" role="img" aria-label="tokens by place"></canvas>'
    '<div class="scale" id="scale"></div><div class="ends" id="ends"><span></span><span></span><span></span></div>'
    '<figcaption id="heatnote"></figcaption></figure>'
)
_RATES = (
    '<h2>What the search saw of this block</h2><div class="chart" id="rates"></div><p class="hint" id="ratesnote"></p>'
)


def _key(usages: Sequence[Usage], labels: Sequence[str], cuts: Sequence[float] | None) -> str:
    """The legend: only what occurs."""
    if len(usages) > 1:
        items = [(f'<i data-series="{i}"></i>', label) for i, label in enumerate(labels)]
    else:
        blocks = usages[0].blocks
        is_cut = [block.cut and cuts is None and not block.starts_gop for block in blocks]
        kinds = {
            "bar": ("block", [b.met and not b.starts_gop and not cut for b, cut in zip(blocks, is_cut, strict=True)]),
            "first": ("first of a GOP", [b.met and b.starts_gop for b in blocks]),
            "cut": ("likely a cut", [b.met and cut for b, cut in zip(blocks, is_cut, strict=True)]),
            "missed": ("misses the threshold", [not b.met for b in blocks]),
        }
        items = [(f'<i style="background:var(--{k})"></i>', text) for k, (text, found) in kinds.items() if any(found)]
        if any(block.is_short for block in blocks):
            items.append(('<i class="hatch"></i>', "short block"))
    items += [('<i class="line"></i>', "cut in the source")] if cuts else []
    return "".join(f"<span>{mark}{html.escape(text)}</span>" for mark, text in items)


def _hint(players: Mapping[str, Player], has_heat: bool) -> str:
    keys = ["<kbd>←</kbd> <kbd>→</kbd> block", "<kbd>Home</kbd> <kbd>End</kbd>"]
    if players:
        keys.append("<kbd>Space</kbd> play")
    if len(players) == 2:
        keys.append("<kbd>s</kbd> source, <kbd>d</kbd> decoded, <kbd>b</kbd> both")
    if players and has_heat:
        keys.append("<kbd>t</kbd> tokens by place")
    return f"Point for values, click to go there. Keys: {'; '.join(keys)}."


def _chooser(labels: Sequence[str]) -> str:
    if len(labels) == 1:
        return ""
    choices = "".join(f'<option value="{i}">{html.escape(label)}</option>' for i, label in enumerate(labels))
    return f'<p><label>File: <select id="file">{choices}</select></label></p>'
