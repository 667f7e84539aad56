"""Encode the next block of several tiles at once, of one picture or of several clips.

encoders = [TileEncoder(model, search, tiling.tile, tiling.visible(number)) for number in range(tiling.tiles)]
decisions = encode_tiles(model, encoders, tiling.cut(frames))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from ..metrics import block_mse
from ..models.base import Frames, State, TokenModel
from ..search import Found
from ..stages import MODEL, stage
from .candidates import Candidates, run_together
from .events import Probe
from .rdo import BitBudget, BlockSearch, Decision

# A tile that meets its threshold by less than this share of it is measured again as `decode` shows it: a network's sums
# are added in another order in another batch, which moves an error by a millionth.
MARGIN = 1e-4


class TileEncoder:
    """One tile on its way through a GOP.

    state: of the model before the next block. found: by the search in the block before, None at the start of a GOP.
    before: the last frame of its source in the block before, uint8 (1, tile height, tile width, 3), None likewise.
    """

    def __init__(self, model: TokenModel, search: BlockSearch, tile: tuple[int, int], visible: tuple[int, int]) -> None:
        self.search, self.visible = search, visible
        self.state: State = model.start(*tile)
        self.found: Found | None = None
        self.before: Frames | None = None


def encode_tiles(
    model: TokenModel,
    encoders: Sequence[TileEncoder],
    sources: Sequence[Frames],
    budgets: Sequence[BitBudget | None] | None = None,
    on_probe: Callable[[int, int, Probe], None] | None = None,
) -> list[Decision]:
    """Choose the tokens of the next block of each tile, and advance its state.

    sources: one per tile, uint8 (T, tile height, tile width, 3). budgets: see `BlockSearch.decide`. on_probe: called
    with the tile's place in `encoders`, the number of its candidate from 1, and the candidate.
    """
    with stage(MODEL):
        analyses = model.prepare_many([each.state for each in encoders], sources)
    searches = []
    for number, (encoder, source, analysis) in enumerate(zip(encoders, sources, analyses, strict=True)):
        callback = None if on_probe is None else _numbered(on_probe, number)
        candidates = Candidates(encoder.state, analysis, source, encoder.visible, callback)
        budget = None if budgets is None else budgets[number]
        searches.append(encoder.search.decide(candidates, encoder.found, budget, encoder.before))
    decisions = run_together(model, searches)
    if len(encoders) > 1:
        decisions = _confirmed(model, encoders, sources, decisions)
    with stage(MODEL):
        states = model.advance_many([each.state for each in encoders], [each.tokens for each in decisions], analyses)
    for encoder, state, source, decision in zip(encoders, states, sources, decisions, strict=True):
        encoder.state, encoder.before, encoder.found = state, source[-1:].copy(), decision.found
    return decisions


def _numbered(on_probe: Callable[[int, int, Probe], None], number: int) -> Callable[[int, Probe], None]:
    return lambda count, probe: on_probe(number, count, probe)


def _confirmed(
    model: TokenModel, encoders: Sequence[TileEncoder], sources: Sequence[Frames], decisions: Sequence[Decision]
) -> list[Decision]:
    """Measure again, in the batch that `decode` has, where a tile only just meets. One that misses there is a miss."""
    limits = [each.search.max_mse for each in encoders]
    close = [d.met and d.mse > (1 - MARGIN) * limit for d, limit in zip(decisions, limits, strict=True)]
    if not any(close):
        return list(decisions)
    with stage(MODEL):
        shown = model.reconstruct_many([each.state for each in encoders], [each.tokens for each in decisions])
    confirmed = []
    for number, decision in enumerate(decisions):
        if close[number]:
            height, width = encoders[number].visible
            mse = block_mse(shown[number][:, :height, :width], sources[number][:, :height, :width])
            decision = replace(decision, mse=mse, met=mse <= limits[number])
        confirmed.append(decision)
    return confirmed
