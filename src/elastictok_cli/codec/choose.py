"""Chooses the tokens of one tile of one block: runs the search over what the decoder would show.

The guarantee of the whole program is here: the error of a candidate is measured on `model.reconstruct` of the
very tokens that are then written, uint8, visible part only. A choice that says `met` was measured, and met.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..errors import UsageError
from ..metrics import block_mse
from ..models.base import Analysis, Frames, State, TokenModel, Tokens
from ..search import Found, Span, Strategy, run, strategy
from .events import Probe
from .target import Target

Cost = Callable[[Tokens], float]
Key = tuple[int, int | None]  # step, count (None: all tokens of the step)


@dataclass(frozen=True)
class Wish:
    """What a block should meet. limit: its error. room: bits to use up as far as they go, where they are more than it
    takes to meet the limit."""

    limit: float
    room: float | None = None


@dataclass(frozen=True, eq=False)
class Choice:
    """What one tile gets. found: for the search in the next block."""

    tokens: Tokens
    mse: float
    met: bool
    probes: tuple[Probe, ...]
    why: str
    found: Found | None


class Candidates:
    """The candidates of one tile, made and measured once each. tell: is told each, with its number from 1."""

    def __init__(
        self,
        model: TokenModel,
        state: State,
        source: Frames,
        visible: tuple[int, int],
        tell: Callable[[int, Probe], None] | None = None,
    ) -> None:
        self.model, self.state = model, state
        self.analysis: Analysis = model.prepare(state, source)
        self.source, self.visible, self.tell = source, visible, tell
        self.probes: list[Probe] = []
        self._made: dict[Key, Tokens] = {}
        self._errors: dict[Key, float] = {}

    def tokens(self, key: Key) -> Tokens:
        """Made again if they were dropped to save memory."""
        if key not in self._made:
            step, count = key
            self._made[key] = self.model.tokens(self.state, self.analysis, count, step)
        return self._made[key]

    def measured(self, tokens: Tokens) -> float:
        """The error of what decode shows, against the source, without the padding."""
        height, width = self.visible
        shown = self.model.reconstruct(self.state, tokens)
        return block_mse(shown[:, :height, :width], self.source[:, :height, :width])

    def error(self, key: Key) -> float:
        """The error of a candidate."""
        tokens = self.tokens(key)
        mse = self._errors[key] = self.measured(tokens)
        self.probes.append(Probe(key[0], tokens.count, mse))
        if self.tell is not None:
            self.tell(len(self.probes), self.probes[-1])
        return mse

    def count(self, key: Key) -> float:
        """The token count of a candidate, as the error of a search; nothing is reconstructed."""
        count = self.tokens(key).count
        self.probes.append(Probe(key[0], count, float("nan")))
        return float(count)

    def keep(self, keys: Iterable[Key]) -> None:
        """Drop all tokens but these: a block of a large picture has a hundred megabytes of them."""
        keys = set(keys)
        for key in self._made.keys() - keys:
            del self._made[key]

    def settled(self, key: Key) -> tuple[Tokens, float]:
        """A candidate to write, with the error of exactly these tokens."""
        if key in self._made and key in self._errors:
            return self._made[key], self._errors[key]
        tokens = self.tokens(key)
        return tokens, self.measured(tokens)


class _Measure:
    """Measures efforts for a search, and keeps in memory only the tokens that the search may end on."""

    def __init__(
        self,
        candidates: Candidates,
        value: Callable[[Key], float],
        key: Callable[[int], Key],
        threshold: float,
    ) -> None:
        self.candidates, self.value, self.key, self.threshold = candidates, value, key, threshold
        self.seen: dict[int, float] = {}

    def __call__(self, effort: int) -> float:
        value = self.seen[effort] = self.value(self.key(effort))
        met = [effort for effort, value in self.seen.items() if value <= self.threshold]
        least = min(self.seen, key=lambda effort: (self.seen[effort], effort))
        self.candidates.keep(self.key(effort) for effort in (least, *sorted(met)[:1]))
        return value


class Chooser:
    """How every block of a file is chosen. cap: no tile may have more tokens; None for what the model
    allows. limit: the error to meet, the target's unless it is changed between blocks."""

    def __init__(self, model: TokenModel, target: Target, search: str, cap: int | None = None) -> None:
        self.model, self.spec, self.target, self.cap = model, model.spec, target, cap
        self.limit = target.limit
        self.strategy: Strategy = strategy(search)
        for option, tokens in (("--tokens", target.tokens), ("--max-tokens", cap)):
            if tokens is not None and tokens < self.spec.min_tokens:
                raise UsageError(f"{option} {tokens}: {self.spec.name} needs at least {self.spec.min_tokens} a block")

    def choose(
        self, candidates: Candidates, frames: int, before: Found | None, cost: Cost, room: float | None
    ) -> Choice:
        """The tokens for one tile. before: the choice for the same tile of the block before, in this GOP. cost: bits
        of a candidate. room: the best one that takes no more is taken, if that meets the limit."""
        height, width = candidates.source.shape[1:3]
        most = self.spec.max_tokens(frames, height, width)
        limit = most if self.cap is None else min(most, self.cap)
        if self.target.tokens is not None:
            return self._fixed(candidates, min(self.target.tokens, limit), before)
        by_step = self.spec.steps > 0
        choice = self._by_step(candidates, before) if by_step else self._by_count(candidates, limit, before)
        if choice.tokens.count <= limit:
            return choice if room is None else self._filled(candidates, choice, limit, cost, room)
        capped = self._fixed(candidates, limit, None)
        met = capped.mse <= self.limit
        return Choice(capped.tokens, capped.mse, met, tuple(candidates.probes), "the most tokens allowed", choice.found)

    def _by_step(self, candidates: Candidates, before: Found | None) -> Choice:
        """The coarsest step that meets, with all its tokens.

        A model with a ladder may say with `coarsest_step(threshold, source)` where it ends for this block.
        """
        top = self.spec.steps - 1
        low = top - self.model.coarsest_step(self.limit, candidates.source)
        return self._search(candidates, Span(low, top), before, lambda effort: (top - effort, None))

    def _by_count(self, candidates: Candidates, limit: int, before: Found | None) -> Choice:
        """The smallest count that meets."""
        low = min(max(1, self.spec.min_tokens), limit)
        return self._search(candidates, Span(low, limit, log=True), before, lambda effort: (0, effort))

    def _search(self, candidates: Candidates, span: Span, before: Found | None, key: Callable[[int], Key]) -> Choice:
        threshold = self.limit
        measure = _Measure(candidates, candidates.error, key, threshold)
        found = run(self.strategy(span, threshold, before or self._hint(span)), measure)
        tokens, mse = candidates.settled(key(found.effort))
        return Choice(tokens, mse, mse <= threshold, tuple(candidates.probes), found.why, found)

    def _filled(self, candidates: Candidates, choice: Choice, limit: int, cost: Cost, room: float) -> Choice:
        """The finest candidate beyond a choice that has at most `limit` tokens and takes at most `room` bits; the
        choice itself where there is none."""
        # The effort of this search is what is given up of the most that could be had: what it costs must get small.
        if choice.found is None or not choice.met:
            return choice
        least = choice.found.effort
        most = self.spec.steps - 1 if self.spec.steps else limit

        def key(given_up: int) -> Key:
            return (given_up, None) if self.spec.steps else (0, most - given_up)

        def value(key: Key) -> float:
            tokens = candidates.tokens(key)
            return cost(tokens) if tokens.count <= limit else math.inf

        measure = _Measure(candidates, value, key, room)
        found = run(strategy("binary")(Span(0, most - least), room, None), measure)
        tokens, mse = candidates.settled(key(found.effort))
        if not found.met or mse > self.limit:
            return choice
        candidates.probes.append(Probe(tokens.step, tokens.count, mse))
        return Choice(tokens, mse, True, tuple(candidates.probes), "as fine as the file's size allows", choice.found)

    def _hint(self, span: Span) -> Found | None:
        """Where a GOP's first search starts. It may depend on nothing before the GOP: GOPs can be coded in
        any order.

        A model with a ladder may say with `first_step(threshold)` which step usually meets.
        """
        step = None if span.log else self.model.first_step(self.limit)
        if step is None:
            return None
        effort = span.high - step
        return Found(effort, 0.0, True, (), "", None, effort)

    def _fixed(self, candidates: Candidates, count: int, before: Found | None) -> Choice:
        """At most `count` tokens: the finest step that needs no more, or a cut where there is no ladder.

        Only what is kept is reconstructed and measured, and not even that if the target says so.
        """
        found, why = None, "as many as asked for"
        key: Key = (0, count)
        if self.spec.steps:
            span = Span(0, self.spec.steps - 1)
            # the same search with the roles changed: a coarser step is the effort, the count is what must get
            # small
            measure = _Measure(candidates, candidates.count, lambda step: (step, None), count)
            found = run(strategy("fast")(span, float(count), before), measure)
            key, why = (found.effort, None), "the finest step that needs no more tokens"
            if not found.met and self.spec.nested:
                key, why = (found.effort, count), "cut to the tokens asked for"
        if self.target.measured:
            tokens, mse = candidates.settled(key)
        else:
            tokens, mse = candidates.tokens(key), math.nan
        candidates.probes.append(Probe(tokens.step, tokens.count, mse))
        met = not mse > self.limit and tokens.count <= count
        if tokens.count > count:
            why = "the model cannot do with so few tokens"
        return Choice(tokens, mse, met, tuple(candidates.probes), why, found)
