"""The guess at how many tokens a block needs, and that the search starts there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elastictok_cli.codec.header import header_of
from elastictok_cli.codec.rdo import BlockSearch
from elastictok_cli.codec.settings import EncodeSettings
from elastictok_cli.codec.target import Target
from elastictok_cli.codec.tile_encoder import TileEncoder, encode_tiles
from elastictok_cli.codec.tiling import Tiling
from elastictok_cli.models.elastic.first_count import is_cut, needed_share
from elastictok_cli.models.registry import load

RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
FLAT = np.full((2, 32, 32, 3), 90, np.uint8)


def test_detail_needs_tokens_and_a_loose_threshold_fewer() -> None:
    half = np.concatenate([NOISE[:, :16], FLAT[:, 16:]], axis=1)
    assert needed_share(FLAT, 0.007, (8, 8)) == 0
    assert needed_share(NOISE, 0.007, (8, 8)) == 1
    assert needed_share(half, 0.007, (8, 8)) == 0.5
    shares = [needed_share(NOISE // 4, threshold, (8, 8)) for threshold in (0.001, 0.01, 0.02, 1)]
    assert shares == sorted(shares, reverse=True) and shares[-1] == 0
    assert 0 < shares[2] < 1


def test_a_cut_is_told_from_motion() -> None:
    y, x = np.mgrid[0:32, 0:32]
    waves = np.stack([np.repeat(np.uint8(127 + 90 * np.sin((x + t) / 9 + y / 7))[..., None], 3, 2) for t in range(3)])
    assert not is_cut(waves[1:], waves[:1])
    assert is_cut(waves[1:], 255 - waves[:1])


def test_the_search_starts_at_the_guess(fsq_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load(fsq_file, "cpu")
    asked: list[tuple[float, bool]] = []
    guesses = iter([20, 9, None])

    def first_count(source: object, threshold: float, before: object) -> int | None:
        asked.append((threshold, before is not None))
        return next(guesses)

    monkeypatch.setattr(model, "first_count", first_count)
    search = BlockSearch(model, EncodeSettings(target=Target.threshold(0.9)))
    encoder = TileEncoder(model, search, (32, 32), (32, 32))
    tiling = Tiling(header_of(model.spec, 32, 32))
    decisions = [encode_tiles(model, tiling, [encoder], [frames])[0] for frames in (FLAT, NOISE, NOISE)]
    counts = [decision.tokens.count for decision in decisions]
    assert [decision.probes[0].count for decision in decisions] == [20, 9, counts[1]]
    assert asked == [(0.9, False), (0.9, True), (0.9, True)]


def test_a_first_block_and_a_cut_start_by_their_detail(fsq_file: Path) -> None:
    model = load(fsq_file, "cpu")
    assert model.first_count(NOISE, 0.007, None) == round(1.4 * 32)
    assert model.first_count(FLAT, 0.007, None) == 32 // 8
    assert model.first_count(FLAT, 0.007, 255 - NOISE[-1:]) == 32 // 8
    assert model.first_count(NOISE, 0.007, NOISE[-1:]) is None
