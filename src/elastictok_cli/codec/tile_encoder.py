"""Encode the next block of several tiles at once, of one picture or of several clips.

encoders = [TileEncoder(model, search, tiling.tile, tiling.visible(number)) for number in range(tiling.tiles)]
decisions = encode_tiles(model, tiling, encoders, tiling.cut(frames))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..metrics import block_mse
from ..models.base import Analysis, Frames, State, TokenModel
from ..search import Found
from ..stages import MEASURING, MODEL, stage
from .candidates import Candidates, run_together
from .events import Probe
from .rdo import BitBudget, BlockSearch, Decision
from .tiling import Tiling

# A tile that meets its threshold by less than this share of it is measured again as `decode` shows it: a network's sums
# are added in another order in another batch, which moves an error by a millionth.
MARGIN = 1e-4
ROUNDS = 4  # in which a tile that misses among its neighbours gets an eighth more tokens each


class TileEncoder:
    """One tile on its way through a GOP.

    state: of the model before the next block. analysis, source: of the block that is being encoded. found: by the
    search in the block before, None at the start of a GOP. before: the last frame of its source in the block before,
    uint8 (1, tile height, tile width, 3), None likewise.
    """

    def __init__(self, model: TokenModel, search: BlockSearch, tile: tuple[int, int], visible: tuple[int, int]) -> None:
        self.search, self.visible = search, visible
        self.state: State = model.start(*tile)
        self.analysis: Analysis = None
        self.source: Frames | None = None
        self.found: Found | None = None
        self.before: Frames | None = None


def encode_tiles(
    model: TokenModel,
    tiling: Tiling,
    encoders: Sequence[TileEncoder],
    sources: Sequence[Frames],
    on_probe: Callable[[int, int, Probe], None] | None = None,
) -> list[Decision]:
    """Choose the tokens of the next block of all tiles of one picture or of several, and advance their states.

    sources: one per tile, uint8 (T, tile height, tile width, 3). on_probe: called with the tile's place in `encoders`,
    the number of its candidate from 1, and the candidate.
    """
    decisions = decide(model, encoders, sources, on_probe=on_probe)
    decisions = confirmed(model, tiling, encoders, decisions)
    advance(model, encoders, decisions)
    return decisions


def decide(
    model: TokenModel,
    encoders: Sequence[TileEncoder],
    sources: Sequence[Frames],
    budget: BitBudget | None = None,
    on_probe: Callable[[int, int, Probe], None] | None = None,
) -> list[Decision]:
    """Choose the tokens of tiles, each for itself. budget: of each, see `BlockSearch.decide`."""
    with stage(MODEL):
        analyses = model.prepare_many([each.state for each in encoders], sources)
    searches = []
    for number, (encoder, source, analysis) in enumerate(zip(encoders, sources, analyses, strict=True)):
        encoder.source, encoder.analysis = source, analysis
        callback = None if on_probe is None else _numbered(on_probe, number)
        candidates = Candidates(encoder.state, analysis, source, encoder.visible, callback)
        searches.append(encoder.search.decide(candidates, encoder.found, budget, encoder.before))
    return run_together(model, searches)


def advance(model: TokenModel, encoders: Sequence[TileEncoder], decisions: Sequence[Decision]) -> None:
    """Advance the states of tiles."""
    with stage(MODEL):
        states = model.advance_many(
            [each.state for each in encoders],
            [each.tokens for each in decisions],
            [each.analysis for each in encoders],
        )
    for encoder, state, decision in zip(encoders, states, decisions, strict=True):
        assert encoder.source is not None, "its block has been decided"
        encoder.state, encoder.before, encoder.found = state, encoder.source[-1:].copy(), decision.found
        encoder.source = encoder.analysis = None


def _numbered(on_probe: Callable[[int, int, Probe], None], number: int) -> Callable[[int, Probe], None]:
    return lambda count, probe: on_probe(number, count, probe)


def confirmed(
    model: TokenModel,
    tiling: Tiling,
    encoders: Sequence[TileEncoder],
    decisions: Sequence[Decision],
    may_change: bool = True,
) -> list[Decision]:
    """Measure decisions about all tiles of pictures as `decode` shows them, where this may differ from a tile alone.

    If the model filters the joined tiles, a tile's error depends on its neighbours: a tile that was met alone and
    misses there gets more tokens, up to ROUNDS times, unless `may_change` is false. One that misses in the end is a
    miss. Otherwise only tiles are measured that just meet. With the effort "best", tiles that miss are refined before.
    """
    decisions = list(decisions)
    if may_change:
        _refine(model, encoders, decisions)
    if len(decisions) == 1 and not _joined(model, encoders[0]):
        return decisions
    for left in range(ROUNDS if may_change else 0, -1, -1):
        missed = _measure(model, tiling, encoders, decisions)
        if not missed or not left:
            break
        _add_tokens(model, encoders, decisions, missed)
    return decisions


def _measure(
    model: TokenModel, tiling: Tiling, encoders: Sequence[TileEncoder], decisions: list[Decision]
) -> list[int]:
    """Measure decisions in place. Returns the tiles that were met and are not, and could have more tokens."""
    limits = [each.search.max_mse for each in encoders]
    asked = [_joined(model, each) for each in encoders]
    close = [d.met and d.mse > (1 - MARGIN) * limit for d, limit in zip(decisions, limits, strict=True)]
    if not any(asked) and not any(close):
        return []
    with stage(MODEL):
        shown = model.reconstruct_many([each.state for each in encoders], [each.tokens for each in decisions])
        pictures = [
            tiling.join(shown[first : first + tiling.tiles], model) for first in range(0, len(shown), tiling.tiles)
        ]
    missed = []
    with stage(MEASURING):
        for number, (encoder, decision) in enumerate(zip(encoders, decisions, strict=True)):
            if not asked[number] and not close[number]:
                continue
            assert encoder.source is not None, "its block has been decided"
            picture, place = divmod(number, tiling.tiles)
            height, width = encoder.visible
            mse = block_mse(tiling.part(pictures[picture], place), encoder.source[:, :height, :width])
            met = mse <= limits[number] and (decision.met or decision.mse > limits[number])
            most = encoder.search.most_tokens(encoder.source) if model.spec.filters else 0
            if decision.met and not met and decision.tokens.count < most:
                missed.append(number)
            decisions[number] = replace(decision, mse=mse, met=met)
    return missed


def _joined(model: TokenModel, encoder: TileEncoder) -> bool:
    """Whether the error of a decision has to be measured once more."""
    search = encoder.search
    return search.target.measured and (model.spec.filters or search.effort == "best")


def _refine(model: TokenModel, encoders: Sequence[TileEncoder], decisions: list[Decision]) -> None:
    """Refine the tokens of tiles that miss, where the user asks for it; their errors are not measured here."""
    missed = [
        number
        for number, (encoder, decision) in enumerate(zip(encoders, decisions, strict=True))
        if encoder.search.effort == "best" and decision.mse > encoder.search.max_mse
    ]
    with stage(MODEL):
        refined = model.refine_many(
            [encoders[number].state for number in missed],
            [encoders[number].analysis for number in missed],
            [decisions[number].tokens for number in missed],
        )
    for number, tokens in zip(missed, refined, strict=True):
        decisions[number] = replace(decisions[number], tokens=tokens, why=f"{decisions[number].why}, refined")


def _add_tokens(
    model: TokenModel, encoders: Sequence[TileEncoder], decisions: list[Decision], numbers: Sequence[int]
) -> None:
    """Make an eighth more tokens for these tiles, which stay marked as met until they are measured."""
    counts = []
    for number in numbers:
        source, count = encoders[number].source, decisions[number].tokens.count
        assert source is not None, "its block has been decided"
        counts.append(min(count + max(1, count // 8), encoders[number].search.most_tokens(source)))
    chosen = [encoders[number] for number in numbers]
    with stage(MODEL):
        made = model.tokens_many(
            [each.state for each in chosen], [each.analysis for each in chosen], counts, [0] * len(numbers)
        )
    for number, tokens in zip(numbers, made, strict=True):
        decisions[number] = replace(decisions[number], tokens=tokens, met=True, why="more, among its neighbours")
