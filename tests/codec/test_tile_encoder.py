"""Tiles side by side: candidates of all of them at once, and the error that `decode` will show."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from elastictok_cli.codec.header import header_of
from elastictok_cli.codec.rdo import BlockSearch, Decision
from elastictok_cli.codec.settings import EncodeSettings
from elastictok_cli.codec.target import Target
from elastictok_cli.codec.tile_encoder import TileEncoder, encode_tiles
from elastictok_cli.codec.tiling import Tiling
from elastictok_cli.metrics import block_mse
from elastictok_cli.models.base import Frames, ModelSpec

from .conftest import moving
from .dct import DctModel

TILE = (16, 16)


class Watched(DctModel):
    """Notes how many candidates are made and measured at once. drift_from: the call from which frames are changed."""

    drift_from = 10**9

    def __init__(self, num_qindex: int = 120) -> None:
        super().__init__(num_qindex, TILE)
        self.made: list[int] = []
        self.measured: list[int] = []

    def tokens_many(self, states: Sequence[Any], *rest: Any) -> list[Any]:
        self.made.append(len(states))
        return super().tokens_many(states, *rest)

    def reconstruct_many(self, states: Sequence[Any], tokens: Sequence[Any]) -> list[Frames]:
        self.measured.append(len(states))
        shown = super().reconstruct_many(states, tokens)
        return [255 - each if len(self.measured) > self.drift_from else each for each in shown]


def encode(model: DctModel, sources: Sequence[Frames], threshold: float, **options: Any) -> list[Decision]:
    search = BlockSearch(model, EncodeSettings(target=Target.threshold(threshold)))
    encoders = [TileEncoder(model, search, TILE, TILE) for _ in sources]
    return encode_tiles(model, side_by_side(model, len(sources)), encoders, sources, **options)


def side_by_side(model: DctModel, tiles: int) -> Tiling:
    return Tiling(header_of(model.spec, TILE[1] * tiles, TILE[0]))


def sources(count: int) -> list[Frames]:
    return [moving(2, seed, 16, 16) for seed in range(count)]


def test_candidates_of_all_tiles_are_made_together_and_are_those_of_each() -> None:
    for num_qindex in (120, 0):
        model, tiles = Watched(num_qindex), sources(5)
        together = encode(model, tiles, 0.004)
        assert model.made[0] == model.measured[0] == 5
        most = max(len(decision.probes) for decision in together)
        assert most <= len(model.made) < sum(len(decision.probes) for decision in together)
        for tile, decision in zip(tiles, together, strict=True):
            (alone,) = encode(DctModel(num_qindex, TILE), [tile], 0.004)
            np.testing.assert_array_equal(alone.tokens.values, decision.tokens.values)
            assert (alone.mse, alone.met, alone.probes, alone.why) == (
                decision.mse,
                decision.met,
                decision.probes,
                decision.why,
            )


def test_every_candidate_is_reported_with_its_tile() -> None:
    seen: list[tuple[int, int]] = []
    decisions = encode(DctModel(tile=TILE), sources(3), 0.004, on_probe=lambda *probe: seen.append(probe[:2]))
    for tile, decision in enumerate(decisions):
        assert [number for at, number in seen if at == tile] == [*range(1, len(decision.probes) + 1)]


def test_a_tile_that_only_just_meets_is_measured_as_decode_shows_it() -> None:
    model, tiles = Watched(), sources(2)
    first = encode(model, tiles, 0.004)
    calls, mse = len(model.measured), first[0].mse
    assert all(decision.met for decision in first)

    while (found := encode(DctModel(tile=TILE), tiles, mse)[0].mse) != mse:  # until the search ends where it started
        mse = found
    exact = Watched()
    (again, _) = encode(exact, tiles, mse)  # now its error is the threshold
    assert again.met and again.mse <= mse

    drifted = Watched()
    drifted.drift_from = len(exact.measured) - 1  # only the last measurement shows something else
    missed = encode(drifted, tiles, mse)
    assert not missed[0].met and missed[0].mse > mse
    assert missed[0].tokens.count == again.tokens.count
    assert len(model.measured) == calls, "with room to the threshold nothing is measured twice"


class Filtered(DctModel):
    """A tile shows darker pixels where another tile is beside it."""

    def __init__(self, step: int) -> None:
        super().__init__(0, TILE)
        self.step = step

    @property
    def spec(self) -> ModelSpec:
        return dataclasses.replace(super().spec, filters=True)

    def post_filter(self, frames: Frames) -> Frames:
        out = frames.copy()
        out[:, :, TILE[1] - 1 : TILE[1] + 1] -= np.minimum(out[:, :, TILE[1] - 1 : TILE[1] + 1], self.step)
        return out


def test_what_tiles_show_joined_is_measured_and_a_miss_gets_more_tokens() -> None:
    tiles = sources(2)
    alone = encode(DctModel(0, TILE), tiles, 0.004)
    joined = encode(Filtered(8), tiles, 0.004)
    tiling = side_by_side(DctModel(0, TILE), 2)
    for number, decision in enumerate(joined):
        model = Filtered(8)
        states = [model.start(*TILE) for _ in tiles]
        shown = tiling.join(model.reconstruct_many(states, [each.tokens for each in joined]), model)
        error = block_mse(tiling.part(shown, number), tiles[number])
        assert (decision.mse, decision.met) == (error, True)
        assert error <= 0.004
    assert sum(d.tokens.count for d in joined) > sum(d.tokens.count for d in alone)
    assert "more, among its neighbours" in {decision.why for decision in joined}


def test_a_tile_that_misses_joined_with_any_number_is_a_miss() -> None:
    decisions = encode(Filtered(120), sources(2), 0.004)
    assert not any(decision.met for decision in decisions)
    assert all(decision.mse > 0.004 for decision in decisions)


class Refining(DctModel):
    """Without a ladder; what it refines gets twice as many tokens, which no search would give it."""

    def __init__(self) -> None:
        super().__init__(0, TILE)
        self.refined: list[int] = []

    def refine_many(self, states: Sequence[Any], analyses: Any, tokens: Sequence[Any]) -> list[Any]:
        self.refined.append(len(tokens))
        return [
            self.tokens(*pair, None).prefix(2 * each.count)
            for *pair, each in zip(states, analyses, tokens, strict=True)
        ]


def test_tiles_that_miss_are_refined_and_measured_again_with_the_best_effort() -> None:
    tiles = sources(2)
    for effort, calls in (("default", []), ("best", [2])):
        model = Refining()
        search = BlockSearch(model, EncodeSettings(target=Target.threshold(1e-3), max_tokens=20, effort=effort))
        encoders = [TileEncoder(model, search, TILE, TILE) for _ in tiles]
        decisions = encode_tiles(model, side_by_side(model, 2), encoders, tiles)
        assert [n for n in model.refined if n] == calls
        assert [decision.tokens.count for decision in decisions] == [40 if calls else 20] * 2
        assert all(decision.why.endswith(", refined") == bool(calls) for decision in decisions)
        for decision, tile in zip(decisions, tiles, strict=True):
            shown = model.reconstruct(model.start(*TILE), decision.tokens)
            assert decision.mse == block_mse(shown, tile)
