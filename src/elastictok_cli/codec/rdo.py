"""Choose the tokens of one tile of one block, by the error of what the decoder would show.

The guarantee of the whole program is made here. The error of a candidate is measured on `model.reconstruct` of exactly
the tokens that are then written: uint8 pixels, the visible part only. A decision that says `met` was measured, and met.
Where a model filters the joined tiles, tile_encoder.py measures all decisions once more, joined.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from ..errors import UsageError
from ..models.base import Frames, TokenModel, Tokens
from ..search import Found, Search, Span, Strategy, strategy
from ..stages import SEARCH, stage
from .candidates import Asking, Candidates, Key
from .events import Probe
from .settings import EncodeSettings

# Distances from the decision at which `whole_curves` measures: times QINDEX_BESIDE, or octaves of the count.
BESIDE = (-3, -2, -1, 1, 2, 3)
QINDEX_BESIDE = 6  # about half an octave of the tokens
FIRST_SLOPE = 0.6  # octaves of error per octave of tokens, first blocks of training clips with elastictok-mini


@dataclass(frozen=True)
class BitBudget:
    """Bits that a tile may use up, beyond what it needs to meet its threshold.

    bits: at most. cost: returns the bits that tokens would take.
    """

    bits: float
    cost: Callable[[Tokens], float]


@dataclass(frozen=True, eq=False, kw_only=True)
class Decision:
    """The tokens that one tile gets.

    mse: measured on [-1, 1]; NaN if the target is not measured. met: the tile meets its threshold. why: why the search
    stopped. found: the result of the search, where the next block's search starts; None where there was no search.
    """

    tokens: Tokens
    mse: float
    met: bool
    probes: tuple[Probe, ...]
    why: str
    found: Found | None


class _Evaluation:
    """Evaluates efforts for a search, and keeps only the tokens of those on which the search may end.

    value: what the search compares with its limit: an error, a count or a cost. key: the candidate of an effort.
    """

    def __init__(
        self, candidates: Candidates, value: Callable[[Key], Asking[float]], key: Callable[[int], Key], limit: float
    ) -> None:
        self.candidates, self.value, self.key, self.limit = candidates, value, key, limit
        self.seen: dict[int, float] = {}

    def run(self, search: Search) -> Asking[Found]:
        """Run a search to its end."""
        value: float | None = None
        while True:
            try:
                with stage(SEARCH):
                    effort = next(search) if value is None else search.send(value)
            except StopIteration as end:
                found: Found = end.value
                return found
            value = yield from self._measure(effort)

    def _measure(self, effort: int) -> Asking[float]:
        value = self.seen[effort] = yield from self.value(self.key(effort))
        met = [effort for effort, value in self.seen.items() if value <= self.limit]
        smallest = min(self.seen, key=lambda effort: (self.seen[effort], effort))
        self.candidates.keep(self.key(effort) for effort in (smallest, *sorted(met)[:1]))
        return value


class BlockSearch:
    """The search for the tokens of every tile of a file.

    max_mse: the MSE that a tile must meet. It starts as the target's, and rate control changes it between blocks.
    Raises UsageError where the model needs more tokens than the settings allow.
    """

    def __init__(self, model: TokenModel, settings: EncodeSettings) -> None:
        target, max_tokens = settings.target, settings.max_tokens
        self.model, self.spec, self.target, self.max_tokens = model, model.spec, target, max_tokens
        self.max_mse = target.limit
        self.whole_curves, self.effort = settings.whole_curves, settings.effort
        self.strategy: Strategy = strategy(settings.search)
        for option, tokens in (("`tokens`", target.tokens), ("`max_tokens`", max_tokens)):
            if tokens is not None and tokens < self.spec.min_tokens:
                raise UsageError(f"{option} {tokens}: {self.spec.name} needs at least {self.spec.min_tokens} per block")

    def most_tokens(self, source: Frames) -> int:
        """The most tokens that a tile with this source may get."""
        most = self.spec.max_tokens(*source.shape[:3])
        return most if self.max_tokens is None else min(most, self.max_tokens)

    def decide(
        self,
        candidates: Candidates,
        previous: Found | None,
        budget: BitBudget | None,
        before: Frames | None = None,
    ) -> Asking[Decision]:
        """Choose the tokens of one tile, and measure candidates beside the choice if the settings ask for it.

        The arguments are those of `_choose`. A generator, because it asks for the candidates: see candidates.py.
        """
        decision = yield from self._choose(candidates, previous, budget, before)
        if not self.whole_curves or not self.target.measured:
            return decision
        frames, height, width = candidates.source.shape[:3]
        max_tokens = self.spec.max_tokens(frames, height, width)
        qindex, count = decision.tokens.qindex, max(1, decision.tokens.count)
        for offset in BESIDE:
            candidates.keep(())
            if self.spec.num_qindex:
                key: Key = (min(max(qindex + QINDEX_BESIDE * offset, 0), self.spec.num_qindex - 1), None)
            else:
                key = (0, min(max(round(count * 2**offset), self.spec.min_tokens, 1), max_tokens))
            yield from candidates.error(key)
        return replace(decision, probes=tuple(candidates.probes))

    def _choose(
        self, candidates: Candidates, previous: Found | None, budget: BitBudget | None, before: Frames | None
    ) -> Asking[Decision]:
        """Choose the tokens of one tile.

        previous: what the search found for this tile in the block before, None for the first block of a GOP. budget:
        if the tile meets its threshold, it gets the finest candidate that the budget pays for. before: the last
        frame of the tile's source in the block before, uint8 (1, height, width, 3), None likewise.
        """
        max_tokens = self.most_tokens(candidates.source)
        if self.target.tokens is not None:
            return (yield from self._fixed(candidates, min(self.target.tokens, max_tokens), previous))
        if self.spec.num_qindex > 0:
            decision = yield from self._by_qindex(candidates, previous)
        else:
            decision = yield from self._by_count(candidates, max_tokens, previous, before)
        if decision.tokens.count <= max_tokens:
            if budget is None:
                return decision
            return (yield from self._filled(candidates, decision, max_tokens, budget))
        capped = yield from self._fixed(candidates, max_tokens, None)
        return Decision(
            tokens=capped.tokens,
            mse=capped.mse,
            met=capped.mse <= self.max_mse,
            probes=tuple(candidates.probes),
            why="the most tokens allowed",
            found=decision.found,
        )

    def _by_qindex(self, candidates: Candidates, previous: Found | None) -> Asking[Decision]:
        """Choose the coarsest qindex that meets the threshold, with all its tokens."""
        finest = self.spec.num_qindex - 1  # the effort of qindex 0
        cheapest = finest - self.model.coarsest_qindex(self.max_mse, candidates.source)
        span = Span(cheapest, finest)
        return (yield from self._search(candidates, span, previous, lambda effort: (finest - effort, None)))

    def _by_count(
        self, candidates: Candidates, max_tokens: int, previous: Found | None, before: Frames | None
    ) -> Asking[Decision]:
        """Choose the smallest count that meets the threshold."""
        fewest = min(max(1, self.spec.min_tokens), max_tokens)
        span = Span(fewest, max_tokens, log=True)
        count = self.model.first_count(candidates.source, self.max_mse, before)
        if count is not None:
            effort = span.clip(count)
            previous = Found(effort=effort, mse=0.0, met=True, probes=(), why="", slope=FIRST_SLOPE, inner=effort)
        return (yield from self._search(candidates, span, previous, lambda effort: (0, effort)))

    def _search(
        self, candidates: Candidates, span: Span, previous: Found | None, key: Callable[[int], Key]
    ) -> Asking[Decision]:
        evaluation = _Evaluation(candidates, candidates.error, key, self.max_mse)
        found = yield from evaluation.run(self.strategy(span, self.max_mse, previous or self._hint(span)))
        tokens, mse = yield from candidates.chosen(key(found.effort))
        return Decision(
            tokens=tokens,
            mse=mse,
            met=mse <= self.max_mse,
            probes=tuple(candidates.probes),
            why=found.why,
            found=found,
        )

    def _hint(self, span: Span) -> Found | None:
        """Return where the first search of a GOP starts.

        It depends on nothing before the GOP, because GOPs can be coded in any order.
        """
        qindex = None if span.log else self.model.first_qindex(self.max_mse)
        if qindex is None:
            return None
        effort = span.high - qindex
        return Found(effort=effort, mse=0.0, met=True, probes=(), why="", inner=effort)

    def _filled(
        self, candidates: Candidates, decision: Decision, max_tokens: int, budget: BitBudget
    ) -> Asking[Decision]:
        """Return the finest candidate that the budget pays for, or the decision itself if it has no finer one."""
        if decision.found is None or not decision.met:
            return decision
        start = decision.found.effort
        end = self.spec.num_qindex - 1 if self.spec.num_qindex else max_tokens

        # This search runs downwards from the largest effort: its own effort is the distance from there, and the value
        # that must become small enough is the cost.
        def key(distance: int) -> Key:
            return (distance, None) if self.spec.num_qindex else (0, end - distance)

        def cost(key: Key) -> Asking[float]:
            tokens = yield from candidates.tokens(key)
            return budget.cost(tokens) if tokens.count <= max_tokens else math.inf

        evaluation = _Evaluation(candidates, cost, key, budget.bits)
        found = yield from evaluation.run(strategy("binary")(Span(0, end - start), budget.bits, None))
        tokens, mse = yield from candidates.chosen(key(found.effort))
        if not found.met or mse > self.max_mse:
            return decision
        candidates.probes.append(Probe(qindex=tokens.qindex, count=tokens.count, mse=mse))
        return Decision(
            tokens=tokens,
            mse=mse,
            met=True,
            probes=tuple(candidates.probes),
            why="as fine as the file's size allows",
            found=decision.found,
        )

    def _fixed(self, candidates: Candidates, count: int, previous: Found | None) -> Asking[Decision]:
        """Choose at most `count` tokens: the finest qindex that needs no more, or a prefix where there is no ladder.

        Only the result is reconstructed and measured; not even that for a target that is not measured.
        """
        found, why = None, "as many as asked for"
        key: Key = (0, count)
        if self.spec.num_qindex:
            # The same search with the roles exchanged: the effort is how coarse the qindex is, and the value that must
            # become small enough is the count.
            span = Span(0, self.spec.num_qindex - 1)
            evaluation = _Evaluation(candidates, candidates.count, lambda qindex: (qindex, None), count)
            found = yield from evaluation.run(strategy("fast")(span, float(count), previous))
            key, why = (found.effort, None), "the finest step that needs no more tokens"
            if not found.met and self.spec.nested:
                key, why = (found.effort, count), "cut to the tokens asked for"
        if self.target.measured:
            tokens, mse = yield from candidates.chosen(key)
        else:
            tokens, mse = (yield from candidates.tokens(key)), math.nan
        candidates.probes.append(Probe(qindex=tokens.qindex, count=tokens.count, mse=mse))
        if tokens.count > count:
            why = "the model cannot do with so few tokens"
        return Decision(
            tokens=tokens,
            mse=mse,
            met=not mse > self.max_mse and tokens.count <= count,
            probes=tuple(candidates.probes),
            why=why,
            found=found,
        )
