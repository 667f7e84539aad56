"""Choose the tokens of one tile of one block, by the error of what the decoder would show.

The guarantee of the whole program is made here. The error of a candidate is measured on `model.reconstruct` of exactly
the tokens that are then written: uint8 pixels, the visible part only. A decision that says `met` was measured, and met.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ..errors import UsageError
from ..metrics import block_mse
from ..models.base import Analysis, Frames, State, TokenModel, Tokens
from ..search import Found, Span, Strategy, run, strategy
from ..stages import MEASURING, MODEL, SEARCH, stage
from .events import Probe
from .settings import EncodeSettings

Key = tuple[int, int | None]  # qindex, count (None: all tokens at this qindex)
# Distances from the decision at which `whole_curves` measures: times QINDEX_BESIDE, or octaves of the count.
BESIDE = (-3, -2, -1, 1, 2, 3)
QINDEX_BESIDE = 6  # about half an octave of the tokens


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


class Candidates:
    """The candidates of one tile. Each is made and measured once.

    state: of the model before this block. source: the padded tile, uint8 (T, height, width, 3). visible: (height,
    width) of what is not padding. on_probe: called with the number, from 1, of every measured candidate, and with the
    candidate.
    """

    def __init__(
        self,
        model: TokenModel,
        state: State,
        source: Frames,
        visible: tuple[int, int],
        on_probe: Callable[[int, Probe], None] | None = None,
    ) -> None:
        self.model, self.state = model, state
        with stage(MODEL):
            self.analysis: Analysis = model.prepare(state, source)
        self.source, self.visible, self.on_probe = source, visible, on_probe
        self.probes: list[Probe] = []
        self._made: dict[Key, Tokens] = {}
        self._errors: dict[Key, float] = {}

    def tokens(self, key: Key) -> Tokens:
        """Return the tokens of a candidate. They are made again if `keep` dropped them."""
        if key not in self._made:
            qindex, count = key
            with stage(MODEL):
                self._made[key] = self.model.tokens(self.state, self.analysis, count, qindex)
        return self._made[key]

    def measure(self, tokens: Tokens) -> float:
        """Return the MSE of what decode shows of the tokens, without the padding, on [-1, 1]."""
        height, width = self.visible
        with stage(MODEL):
            shown = self.model.reconstruct(self.state, tokens)
        with stage(MEASURING):
            return block_mse(shown[:, :height, :width], self.source[:, :height, :width])

    def error(self, key: Key) -> float:
        """Measure a candidate: the MSE of what decode shows of it, on [-1, 1]."""
        tokens = self.tokens(key)
        mse = self._errors[key] = self.measure(tokens)
        self.probes.append(Probe(qindex=key[0], count=tokens.count, mse=mse))
        if self.on_probe is not None:
            self.on_probe(len(self.probes), self.probes[-1])
        return mse

    def count(self, key: Key) -> float:
        """Return the number of tokens of a candidate. Nothing is reconstructed."""
        count = self.tokens(key).count
        self.probes.append(Probe(qindex=key[0], count=count, mse=math.nan))
        return float(count)

    def keep(self, keys: Iterable[Key]) -> None:
        """Drop the tokens of all other candidates: those of one block of a large picture take a hundred megabytes."""
        keys = set(keys)
        for key in self._made.keys() - keys:
            del self._made[key]

    def chosen(self, key: Key) -> tuple[Tokens, float]:
        """Return the tokens of the candidate to write, and the MSE of exactly these tokens."""
        if key in self._made and key in self._errors:
            return self._made[key], self._errors[key]
        tokens = self.tokens(key)
        return tokens, self.measure(tokens)


class _Evaluation:
    """Evaluates efforts for a search, and keeps only the tokens of those on which the search may end.

    value: what the search compares with its limit: an error, a count or a cost. key: the candidate of an effort.
    """

    def __init__(
        self, candidates: Candidates, value: Callable[[Key], float], key: Callable[[int], Key], limit: float
    ) -> None:
        self.candidates, self.value, self.key, self.limit = candidates, value, key, limit
        self.seen: dict[int, float] = {}

    def __call__(self, effort: int) -> float:
        value = self.seen[effort] = self.value(self.key(effort))
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
        self.whole_curves = settings.whole_curves
        self.strategy: Strategy = strategy(settings.search)
        for option, tokens in (("`tokens`", target.tokens), ("`max_tokens`", max_tokens)):
            if tokens is not None and tokens < self.spec.min_tokens:
                raise UsageError(f"{option} {tokens}: {self.spec.name} needs at least {self.spec.min_tokens} a block")

    def decide(self, candidates: Candidates, previous: Found | None, budget: BitBudget | None) -> Decision:
        """Choose the tokens of one tile, and measure candidates beside the choice if the settings ask for it.

        The arguments are those of `choose`.
        """
        decision = self.choose(candidates, previous, budget)
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
            candidates.error(key)
        return replace(decision, probes=tuple(candidates.probes))

    def choose(self, candidates: Candidates, previous: Found | None, budget: BitBudget | None) -> Decision:
        """Choose the tokens of one tile.

        previous: what the search found for this tile in the block before, None for the first block of a GOP. budget:
        if the tile meets its threshold, it gets the finest candidate that the budget pays for.
        """
        frames, height, width = candidates.source.shape[:3]
        max_tokens = self.spec.max_tokens(frames, height, width)
        if self.max_tokens is not None:
            max_tokens = min(max_tokens, self.max_tokens)
        if self.target.tokens is not None:
            return self._fixed(candidates, min(self.target.tokens, max_tokens), previous)
        if self.spec.num_qindex > 0:
            decision = self._by_step(candidates, previous)
        else:
            decision = self._by_count(candidates, max_tokens, previous)
        if decision.tokens.count <= max_tokens:
            return decision if budget is None else self._filled(candidates, decision, max_tokens, budget)
        capped = self._fixed(candidates, max_tokens, None)
        return Decision(
            tokens=capped.tokens,
            mse=capped.mse,
            met=capped.mse <= self.max_mse,
            probes=tuple(candidates.probes),
            why="the most tokens allowed",
            found=decision.found,
        )

    def _by_step(self, candidates: Candidates, previous: Found | None) -> Decision:
        """Choose the coarsest qindex that meets the threshold, with all its tokens."""
        finest = self.spec.num_qindex - 1  # the effort of qindex 0
        cheapest = finest - self.model.coarsest_qindex(self.max_mse, candidates.source)
        return self._search(candidates, Span(cheapest, finest), previous, lambda effort: (finest - effort, None))

    def _by_count(self, candidates: Candidates, max_tokens: int, previous: Found | None) -> Decision:
        """Choose the smallest count that meets the threshold."""
        fewest = min(max(1, self.spec.min_tokens), max_tokens)
        return self._search(candidates, Span(fewest, max_tokens, log=True), previous, lambda effort: (0, effort))

    def _search(
        self, candidates: Candidates, span: Span, previous: Found | None, key: Callable[[int], Key]
    ) -> Decision:
        evaluation = _Evaluation(candidates, candidates.error, key, self.max_mse)
        with stage(SEARCH):
            found = run(self.strategy(span, self.max_mse, previous or self._hint(span)), evaluation)
        tokens, mse = candidates.chosen(key(found.effort))
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

    def _filled(self, candidates: Candidates, decision: Decision, max_tokens: int, budget: BitBudget) -> Decision:
        """Return the finest candidate that the budget pays for, or the decision itself if it has no finer one."""
        if decision.found is None or not decision.met:
            return decision
        start = decision.found.effort
        end = self.spec.num_qindex - 1 if self.spec.num_qindex else max_tokens

        # This search runs downwards from the largest effort: its own effort is the distance from there, and the value
        # that must become small enough is the cost.
        def key(distance: int) -> Key:
            return (distance, None) if self.spec.num_qindex else (0, end - distance)

        def cost(key: Key) -> float:
            tokens = candidates.tokens(key)
            return budget.cost(tokens) if tokens.count <= max_tokens else math.inf

        evaluation = _Evaluation(candidates, cost, key, budget.bits)
        with stage(SEARCH):
            found = run(strategy("binary")(Span(0, end - start), budget.bits, None), evaluation)
        tokens, mse = candidates.chosen(key(found.effort))
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

    def _fixed(self, candidates: Candidates, count: int, previous: Found | None) -> Decision:
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
            with stage(SEARCH):
                found = run(strategy("fast")(span, float(count), previous), evaluation)
            key, why = (found.effort, None), "the finest step that needs no more tokens"
            if not found.met and self.spec.nested:
                key, why = (found.effort, count), "cut to the tokens asked for"
        if self.target.measured:
            tokens, mse = candidates.chosen(key)
        else:
            tokens, mse = candidates.tokens(key), math.nan
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
