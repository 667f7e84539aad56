"""One line per array: the largest error, and whether it is small enough."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

ATOL = 1e-4
NEAR = 1e-4  # an FSQ value this near to where it would round the other way may do so


class Report:
    """Prints a line per array. misses: number of arrays, or whole cases, outside their tolerance."""

    def __init__(self) -> None:
        self.arrays = self.misses = self.skips = 0

    def close(
        self,
        name: str,
        got: Any,
        golden: npt.NDArray[Any],
        atol: float = ATOL,
        rtol: float = 0.0,
        where: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        """Floats. where: which to compare, of a shape that broadcasts; NaN equals NaN."""
        got = np.asarray(got)
        if got.shape != golden.shape:
            self._line(name, f"shape {got.shape}, not {golden.shape}", False)
            return
        error = np.abs(got.astype(np.float64) - golden.astype(np.float64))
        error[np.isnan(got) & np.isnan(golden)] = 0
        good = error <= atol + rtol * np.abs(np.nan_to_num(golden.astype(np.float64)))  # false for NaN
        left_out = ""
        if where is not None:
            chosen = np.broadcast_to(where, error.shape)
            left_out = f" ({error.size - int(chosen.sum())} of {error.size} at a rounding edge left out)"
            error, good = error[chosen], good[chosen]
            left_out = left_out if len(error) < chosen.size else ""
        self._line(name, f"max error {error.max(initial=0.0):.2e}{left_out}", bool(good.all()))

    def same(self, name: str, got: Any, golden: npt.NDArray[Any], where: npt.NDArray[np.bool_] | None = None) -> None:
        """Integers and bits: no difference at all."""
        self.close(name, got, golden, atol=0.0, where=where)

    def bytes(self, name: str, got: Any, golden: npt.NDArray[np.uint8]) -> None:
        """Pixels that a float was cut off for: rarely one off."""
        got = np.asarray(got)
        if got.shape != golden.shape:
            self._line(name, f"shape {got.shape}, not {golden.shape}", False)
            return
        error = np.abs(got.astype(int) - golden.astype(int))
        off = int(np.count_nonzero(error))
        self._line(
            name,
            f"max error {error.max()}, {off} of {error.size} bytes",
            error.max() <= 1 and off <= 3 + error.size // 1000,
        )

    def fact(self, name: str, text: str, good: bool) -> None:
        """Anything else."""
        self._line(name, text, good)

    def skip(self, name: str, why: str = "not known here") -> None:
        """What there is no check for."""
        self.skips += 1
        print(f"{name}: skipped, {why}")

    def _line(self, name: str, text: str, good: bool) -> None:
        self.arrays += 1
        self.misses += not good
        print(f"{name}: {text} {'ok' if good else 'MISS'}", flush=True)

    def total(self) -> str:
        """The last line."""
        good = self.arrays - self.misses
        return f"total: {self.arrays} arrays, {good} ok, {self.misses} missed, {self.skips} skipped"
