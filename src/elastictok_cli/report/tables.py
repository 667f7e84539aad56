"""Usage in words and numbers: the summary that `stats` prints, and the records of its --json and --csv."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..metrics import psnr_db, quality_text
from ..units import plural, size, utf8
from .usage import Usage

PERCENTILES = (0, 10, 25, 50, 75, 90, 100)
NAMES = {0: "min", 50: "median", 100: "max"}


def percentiles(usage: Usage) -> dict[int, int]:
    """Tokens of a block: per cent of the blocks that have at most so many; of 50 the usual median, between the two
    middle ones of an even number. {} without blocks."""
    if not usage.blocks:
        return {}
    counts = np.array([block.tokens for block in usage.blocks])
    values = np.percentile(counts, PERCENTILES, method="inverted_cdf")
    found = {p: int(v) for p, v in zip(PERCENTILES, values, strict=True)}
    return {**found, 50: int(np.median(counts) + 0.5)}


def summary(usage: Usage) -> list[tuple[str, str]]:
    """(what, how much) in lines that fit into 80 columns."""
    header = usage.header
    lines = [
        ("video", _video(usage)),
        ("tokens", _tokens(usage)),
        ("quality", _quality(usage)),
        ("size", _size(usage)),
    ]
    if len(usage.blocks) > 1:
        spread = percentiles(usage)
        shown = [f"{NAMES.get(p, f'{p} %')} {spread[p]:,}" for p in (0, 10, 50, 90, 100)]
        lines.append(("blocks", f"{len(usage.blocks):,} of {header.block_frames} frames, {plural(usage.gops, 'GOP')}"))
        lines.append(("a block", "   ".join(shown)))
    goal = {
        "psnr": f"{header.target_value:g} dB",
        "tokens": f"{header.target_value:g} tokens a block",
        "size": f"at most {size(header.target_value)}: threshold {header.threshold:.4g}",
        "bpp": f"at most {header.target_value:g} bpp: threshold {header.threshold:.4g}",
    }
    how = goal.get(header.target, f"threshold {header.threshold:g} ({psnr_db(header.threshold):.2f} dB)")
    lines.insert(0, ("made by", f"{header.model}, {how}" + (f", {header.search} search" if header.search else "")))
    return lines


def _video(usage: Usage) -> str:
    header = usage.header
    width, height = header.coded_size
    picture = f"{width}x{height}"
    if header.source_size != header.coded_size:
        picture += " (from {}x{})".format(*header.source_size)
    if header.is_still:
        return f"a picture of {picture}"
    rate = f" at {float(header.frame_rate):.4g} fps" if header.frame_rate else ""
    return f"{plural(usage.frames, 'frame')}, {usage.duration_s:.2f} s{rate}, {picture}"


def _tokens(usage: Usage) -> str:
    share = 100 * usage.tokens / max(1, usage.max_tokens)
    each = f", {usage.tokens / len(usage.blocks):,.0f} a block" if len(usage.blocks) > 1 else ""
    return f"{usage.tokens:,} of at most {usage.max_tokens:,} ({share:.3g} %){each}"


def _quality(usage: Usage) -> str:
    if not usage.blocks:
        return "no frames"
    text = quality_text(usage.mse)
    if usage.header.target == "tokens":
        return text
    if usage.header.is_still:
        return f"{text}; the threshold is {'missed' if usage.missed else 'met'}"
    met = len(usage.blocks) - usage.missed
    return f"{text}; threshold met in {met:,} of {plural(len(usage.blocks), 'block')}"


def _size(usage: Usage) -> str:
    named = {"tokens": "tokens", "sound": "sound"}
    parts = [f"{label} {size(usage.parts[part])}" for part, label in named.items() if usage.parts.get(part)]
    rest = usage.bytes - sum(usage.parts.get(part, 0) for part in named)
    text = f"{size(usage.bytes)}: {', '.join([*parts, f'rest {size(rest)}'])}"
    return f"{text}; {usage.bpp:.4f} bpp" if usage.blocks else text


def json_records(usage: Usage) -> Iterator[dict[str, Any]]:
    """One of type "file", one per block, one of type "total" (docs/json.md)."""
    header = usage.header
    yield {
        "type": "file",
        "name": usage.name,
        "model": header.model,
        "width": header.coded_size[0],
        "height": header.coded_size[1],
        "frame_rate": float(header.frame_rate) if header.frame_rate else None,
        "block_frames": header.block_frames,
        "gop_blocks": header.gop_blocks,
        "target": header.target,
        "target_value": header.target_value,
        "threshold": header.threshold,
        "search": header.search,
    }
    for row in _rows(usage):
        yield {"type": "block", **row}
    yield {
        "type": "total",
        "frames": usage.frames,
        "duration_s": usage.duration_s,
        "blocks": len(usage.blocks),
        "blocks_missed": usage.missed,
        "gops": usage.gops,
        "tokens": usage.tokens,
        "max_tokens": usage.max_tokens,
        "percentiles": {str(p): v for p, v in percentiles(usage).items()},
        "mse": usage.mse,
        "psnr_db": _db(usage.mse),
        "bytes": usage.bytes,
        "parts": dict(usage.parts),
        "bpp": usage.bpp,
        "met": not usage.missed,
    }


def csv_lines(usage: Usage, named: bool = False, head: bool = True) -> Iterator[str]:
    """A line of names (with `head`), then one per block; with `named` the file's name in a column at the end."""
    out = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for row in _rows(usage):
        if named:
            row["name"] = utf8(usage.name)
        if writer is None:
            writer = csv.DictWriter(out, row.keys(), lineterminator="")
            if head:
                writer.writeheader()
                yield _taken(out)
        if math.isnan(row["mse"]):  # not measured
            row["mse"] = None
        writer.writerow({key: int(v) if isinstance(v, bool) else v for key, v in row.items()})
        yield _taken(out)


def _taken(out: io.StringIO) -> str:
    text = out.getvalue()
    out.seek(0)
    out.truncate()
    return text


def _rows(usage: Usage) -> Iterator[dict[str, Any]]:
    for block in usage.blocks:
        yield {
            "index": block.index,
            "gop": block.gop,
            "first_frame": block.first_frame,
            "frames": block.frames,
            "time_s": round(block.time_s, 6),
            "tokens": block.tokens,
            "max_tokens": block.max_tokens,
            "mse": block.mse,
            "psnr_db": _db(block.mse),
            "met": block.met,
            "step": block.qindex,
            "starts_gop": block.starts_gop,
            "cut": block.cut,
        }


def _db(mse: float) -> float | None:
    value = psnr_db(mse)
    return value if math.isfinite(value) else None
