"""Motion, detail and rank correlation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastictok_cli.bench.content import content, ranks, spearman


def test_a_still_block_does_not_move_and_a_flat_one_has_no_detail() -> None:
    flat = np.full((3, 16, 16, 3), 90, np.uint8)
    assert content(flat, None) == (0.0, 0.0)
    assert content(flat[:1], None) == (None, 0.0)
    motion, _ = content(flat, np.zeros_like(flat[0]))
    assert motion == pytest.approx(90 / 127.5 / 3, rel=1e-3)  # one of three steps


def test_grass_has_more_detail_than_a_gradient_and_moves_more_if_it_is_shifted() -> None:
    rng = np.random.default_rng(0)
    grass = rng.integers(0, 256, (32, 32, 3), np.uint8)
    sky = np.repeat(np.linspace(0, 255, 32).astype(np.uint8)[:, None, None], 32, 1).repeat(3, 2)
    found = {
        name: content(np.stack([np.roll(p, 2 * t, axis=1) for t in range(4)]), None)
        for name, p in (("grass", grass), ("sky", sky))
    }
    assert found["grass"][1] > 10 * found["sky"][1]
    assert found["grass"][0] is not None and found["grass"][0] > 0.1 and found["sky"][0] == 0


def test_rank_correlation() -> None:
    assert ranks(np.array([5.0, 1, 5, 9])).tolist() == [2.5, 1, 2.5, 4]
    assert spearman([1, 10, 100], [2, 3, 50]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [10, 20, 30, 1000]) == pytest.approx(1)
    assert spearman([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    # worked by hand: ranks 1, 2.5, 2.5, 4 against 1, 3, 2, 4
    assert spearman([1, 5, 5, 9], [0, 2, 1, 3]) == pytest.approx(0.9486833)
    assert spearman([1, 2], [1, 2]) is None and spearman([1, 1, 1], [1, 2, 3]) is None


@given(st.lists(st.integers(-50, 50), min_size=3, max_size=30, unique=True))
def test_only_the_order_counts(values: list[int]) -> None:
    assert spearman(values, [v**3 for v in values]) == pytest.approx(1)
