"""The benchmark as one HTML file: the Markdown page rendered, figures inside it, tables that sort.

It opens from anywhere and asks no network for anything.
"""

from __future__ import annotations

import base64
import re
from importlib.resources import files as package_files
from pathlib import Path
from string import Template

from ..report.theme import DARK, LIGHT, Theme

GRIDS = {"light": ("#d8dee4", "#f6f8fa"), "dark": ("#30363d", "#161b22")}  # lines of tables, and their heads


def html_page(markdown: str, folder: Path) -> str:
    """The page. markdown: what page.py writes. folder: where its links to figures start from."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(markdown)
    title = re.search("<h1>(.*?)</h1>", body)
    parts = {
        "title": title[1] if title else "Benchmarks",
        "palette": "\n".join(
            [
                _palette(":root", LIGHT),
                f"@media (prefers-color-scheme: dark) {{ {_palette(':root', DARK)} }}",
                _palette(':root[data-theme="light"]', LIGHT),
                _palette(':root[data-theme="dark"]', DARK),
            ]
        ),
        "css": _part("report.css"),
        "js": _part("report.js"),
        "body": re.sub(r'<img src="([^"]+)"', lambda found: f'<img src="{_embedded(folder / found[1])}"', body),
    }
    return Template(_part("report.html")).substitute(parts)


def _part(name: str) -> str:
    return package_files(__package__).joinpath("html", name).read_text(encoding="utf-8")


def _palette(selector: str, theme: Theme) -> str:
    grid, card = GRIDS[theme.name]
    return (
        f"{selector} {{ color-scheme: {theme.name}; --paper: {theme.paper}; --ink: {theme.ink}; "
        f"--faint: {theme.faint}; --line: {theme.line}; --grid: {grid}; --card: {card}; }}"
    )


def _embedded(figure: Path) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(figure.read_bytes()).decode()
