"""What a benchmark leaves: results.json, results.csv, figures, and a page in Markdown and in HTML, each whole or not at
all."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from ..atomic_file import atomic_write
from ..errors import OutputError
from .figures import draw_all
from .html_page import html_page
from .page import page

COLUMNS = (
    "clip", "kind", "threshold", "width", "height", "frames", "seconds", "blocks", "blocks_met", "tokens", "max_tokens",
    "bytes", "bpp", "mse", "psnr_db", "worst_block_mse", "evaluations", "encode_s", "decode_s",
    "encode_cpu_s", "decode_cpu_s", "peak_bytes",
)  # fmt: skip


def write_results(results: dict[str, Any], out: Path) -> list[Path]:
    """benchmarks.md and report.html, and the rest in a folder benchmarks/. Returns all files, the page first.

    Raises OutputError.
    """
    folder = out / "benchmarks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / "results.json", folder / "results.csv"]
        _write(files[0], _json(results))
        _write(files[1], _csv(results))
        files += draw_all(results, folder)
        markdown = page(results, {path.stem for path in files[2:]})
        _write(out / "benchmarks.md", markdown)
        _write(out / "report.html", html_page(markdown, out))
    except OSError as error:
        raise OutputError(f"{error.filename or out}: cannot be written: {error.strerror}") from error
    return [out / "benchmarks.md", out / "report.html", *files]


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as part:
        part.write_text(text, encoding="utf-8")


def _json(results: dict[str, Any]) -> str:
    """A line for each row and curve, so that a change can be looked at."""
    rows = ",\n".join(json.dumps(_short(row)) for row in results["rows"])
    blocks = ",\n".join(json.dumps(_short(row)) for row in results["content"]["rows"])
    light = {**results, "rows": "@rows", "content": {**results["content"], "rows": "@blocks"}}
    text = json.dumps(_short(light), indent=1)
    return text.replace('"@rows"', f"[\n{rows}\n]").replace('"@blocks"', f"[\n{blocks}\n]") + "\n"


def _short(value: Any) -> Any:
    """Floats to six digits: as much as a measurement means."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {str(key): _short(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_short(item) for item in value]
    return value


def _csv(results: dict[str, Any]) -> str:
    out = io.StringIO()
    codecs = results["codecs"]
    writer = csv.writer(out, lineterminator="\n")
    scores = results["scores"]
    writer.writerow([*COLUMNS, *scores, *(f"bytes_over {name}" for name in codecs)])
    for row in results["rows"]:
        values = [*(row[c] for c in COLUMNS), *(row["scores"].get(name) for name in scores)]
        writer.writerow(_short([*values, *(row["bytes_over"][name] for name in codecs)]))
    return out.getvalue()
