"""The original's two searches over a batch, run by run, including runs without use."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from elastictok_cli.search.strategies import original_counts

Measure = Callable[[int, npt.NDArray[np.int64]], npt.NDArray[np.float32]]  # block, kept (batch,) -> errors (batch,)
Kept = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Golden:
    """The counts that the original's linear search tried, (runs, batch), and those that it returned."""

    probe_kept: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]


@dataclass
class Run:
    """What the golden data records of a search."""

    counts: list[npt.NDArray[np.int64]] = field(default_factory=list)  # per block: (batch,)
    kept: list[Kept] = field(default_factory=list)
    probe_block: list[int] = field(default_factory=list)
    probe_kept: list[Kept] = field(default_factory=list)
    probe_loss: list[npt.NDArray[np.float32]] = field(default_factory=list)


def replay(
    case: dict[str, Any],
    algorithm: str,
    blocks: int,
    batch: int,
    measure: Measure,
    commit: Callable[[int, Kept], None],
    golden: Golden | None = None,
) -> Run:
    """Search every block in turn. commit: told what a block was given before the next one is searched. golden: of the
    original's run, see `linear_counts`."""
    run, most = Run(), int(case["max_toks"])
    top = math.ceil(case["max_prop_codes"] * most)
    default = int(case["default_prop_codes"] * most)
    threshold = np.float32(case["threshold"])
    for block in range(blocks):

        def probe(kept: Kept, block: int = block) -> npt.NDArray[np.float32]:
            errors = measure(block, kept)
            run.probe_block.append(block)
            run.probe_kept.append(kept)
            run.probe_loss.append(errors)
            return errors

        if algorithm == "linear":
            bins = case.get("n_interp") or 100
            marks = linear_counts(int(case["min_toks"]), top, most, bins, golden)
            counts = _linear(marks, most, default, threshold, batch, probe)
        else:
            counts = _binary(int(case["min_toks"]), top, most, default, threshold, batch, probe)
        kept = np.minimum(counts + 1, most)
        run.counts.append(counts)
        run.kept.append(kept)
        probe(kept)
        commit(block, kept)
    return run


def linear_counts(least: int, top: int, most: int, bins: int, golden: Golden | None = None) -> list[int]:
    """Counts spaced by a constant factor, rounded down.

    Where a mark is a whole number but for rounding, mostly an end, numpy's exp2 and log2 put it there or one lower, by
    machine (with AVX-512 they are others than without). What the original tried there, or returned, says which it was.
    """
    counts = []
    for i, mark in enumerate(np.exp2(np.linspace(np.log2(least), np.log2(top), bins))):
        count, whole = int(mark), round(mark)
        if golden is not None and abs(mark - whole) < 1e-9 * whole:
            fits = [c for c in (whole - 1, whole) if min(c + 1, most) == golden.probe_kept[i, 0]]
            returned = [c for c in fits if c in golden.counts]
            count = fits[0] if len(fits) == 1 else returned[0] if returned else count
        counts.append(count)
    return counts


def _linear(
    counts: list[int], most: int, default: int, threshold: np.float32, batch: int, probe: Any
) -> npt.NDArray[np.int64]:
    errors = np.stack([probe(np.full(batch, min(count + 1, most))) for count in counts])  # (bins, batch)
    met = errors <= threshold
    return np.where(met.any(0), np.array(counts)[met.argmax(0)], default)


class _Item:
    """One item of the batch: the bisection of the package, and what the original does after its end."""

    def __init__(self, least: int, top: int, most: int, default: int, threshold: np.float32) -> None:
        self.low, self.high, self.most, self.threshold = float(least), float(top), most, threshold
        self.search: Iterator[int] = original_counts(least, top, most, default, float(threshold))
        self.kept = next(self.search)
        self.count: int | None = None

    def told(self, error: np.float32) -> None:
        if self.count is not None:
            return
        n = math.ceil((self.low + self.high) / 2)
        if error < self.threshold:
            self.high = n - 1.0
        else:
            self.low = float(n)
        try:
            self.kept = self.search.send(float(error))  # type: ignore[attr-defined]
        except StopIteration as end:
            self.count = end.value[0]
            self.kept = min(math.ceil((self.low + self.high) / 2) + 1, self.most)


def _binary(
    least: int, top: int, most: int, default: int, threshold: np.float32, batch: int, probe: Any
) -> npt.NDArray[np.int64]:
    items = [_Item(least, top, most, default, threshold) for _ in range(batch)]
    while any(item.count is None for item in items):
        errors = probe(np.array([item.kept for item in items]))
        for item, error in zip(items, errors, strict=True):
            item.told(error)
    return np.array([item.count for item in items])
