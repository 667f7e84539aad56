"""`original` lands on the published code's counts, probe by probe (golden data made by running that code)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from elastictok_cli.search import Span, run, strategy
from elastictok_cli.search.strategies import original_counts

GOLDEN = np.load(Path(__file__).parents[1] / "golden" / "original_search.npz")
CASES = json.loads(GOLDEN["config"].tobytes())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['case']}-{case['curve']}")
def test_bisection_replays_probe_by_probe(case: dict[str, float]) -> None:
    name, most = f"c{case['case']}", int(case["max_toks"])
    curves, blocks = GOLDEN[f"{name}.curves"], GOLDEN[f"{name}.binary.probe_block"]
    top, default = int(np.ceil(case["max_prop_codes"] * most)), int(case["default_prop_codes"] * most)
    for item, block in np.ndindex(curves.shape[:2]):
        probed = GOLDEN[f"{name}.binary.probe_kept"][blocks == block, item][:-1]  # the last run is the commit
        search = original_counts(int(case["min_toks"]), top, most, default, case["threshold"])
        kept, tried = next(search), []
        try:
            while True:
                tried.append(kept)
                kept = search.send(curves[item, block, kept - 1])
        except StopIteration as end:
            count, kept = end.value
        # a batch goes on until all its items are done, and runs the done ones again
        assert tried == probed[: len(tried)].tolist()
        assert len(set(blocks.tolist())) == curves.shape[1]
        assert count == GOLDEN[f"{name}.binary.ntoks"][item, block]
        assert kept == GOLDEN[f"{name}.binary.kept"][item, block]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['case']}-{case['curve']}")
def test_binned_finds_what_the_original_linear_finds(case: dict[str, float]) -> None:
    name, most = f"c{case['case']}", int(case["max_toks"])
    curves = GOLDEN[f"{name}.curves"]
    top = int(np.ceil(case["max_prop_codes"] * most))
    threshold = float(np.float32(case["threshold"]))
    span = Span(int(case["min_toks"]), top, log=True)
    for item, block in np.ndindex(curves.shape[:2]):
        curve = curves[item, block].tolist()
        found = run(strategy("binned")(span, threshold), lambda e, c=curve: c[min(e, most - 1)])
        golden = int(GOLDEN[f"{name}.linear.ntoks"][item, block])
        if golden < span.low:
            continue  # rounding: the original then tries one count less than its least
        if found.met and found.effort < top:
            assert found.effort == golden
        elif not found.met:
            assert golden == int(case["default_prop_codes"] * most)


def test_the_strategy_says_when_the_original_ends_on_a_miss() -> None:
    span = Span(1, 64, log=True)
    found = run(strategy("original")(span, 0.5), lambda e: 0.5 if e >= 40 else 0.9)
    assert found.probes[-1] == (found.effort, found.mse)
    assert not found.met or found.mse <= 0.5
    missed = [limit for limit in range(3, 64) if not _lands_on(limit).met]
    assert missed, "its bisection ends on a miss for about half of all answers"


def _lands_on(limit: int):  # type: ignore[no-untyped-def]
    return run(strategy("original")(Span(1, 64, log=True), 0.5), lambda e: 0.4 if e >= limit else 0.9)
