"""Reports on .etok files, from the container alone: no model, torch or numba."""

from __future__ import annotations

from .tables import csv_lines, json_records, percentiles, summary
from .terminal import Look, plot_lines
from .usage import BlockUse, Usage, read_usage

__all__ = [
    "BlockUse",
    "Look",
    "Usage",
    "csv_lines",
    "json_records",
    "percentiles",
    "plot_lines",
    "read_usage",
    "summary",
]
