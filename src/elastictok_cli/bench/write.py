"""What a benchmark leaves: results.json, results.csv, figures, and one page in Markdown, each whole or not at all."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from ..atomic_file import atomic_write
from ..errors import OutputError
from .figures import draw_all
from .page import page

COLUMNS = (
    "clip", "kind", "threshold", "width", "height", "frames", "seconds", "blocks", "blocks_met", "tokens", "max_tokens",
    "bytes", "bpp", "mse", "psnr_db", "worst_block_mse", "evaluations", "encode_s", "decode_s", "peak_bytes",
)  # fmt: skip


def write_results(results: dict[str, Any], out: Path) -> list[Path]:
    """benchmarks.md, and the rest in a folder benchmarks/ beside it. Returns all files, the page first."""
    folder = out / "benchmarks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        files = [folder / "results.json", folder / "results.csv"]
        _write(files[0], _json(results))
        _write(files[1], _csv(results))
        files += draw_all(results, folder)
        _write(out / "benchmarks.md", page(results, {path.stem for path in files[2:]}))
    except OSError as error:
        raise OutputError(f"{error.filename or out}: cannot be written: {error.strerror}") from error
    return [out / "benchmarks.md", *files]


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
    writer.writerow([*COLUMNS, *(f"bytes_over {name}" for name in codecs)])
    for row in results["rows"]:
        writer.writerow([_short(row[c]) for c in COLUMNS] + [_short(row["bytes_over"][name]) for name in codecs])
    return out.getvalue()
