"""Make and measure candidates: tokens that a tile may get, and the error of what the decoder would show of them.

A search is a generator that yields the candidates that it needs, as `Wanted`, and goes on when they are there.
`evaluate` makes those of several searches at once, which models with networks do in one pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ..metrics import block_mse
from ..models.base import Analysis, Frames, State, TokenModel, Tokens
from ..stages import MEASURING, MODEL, stage
from .events import Probe

Key = tuple[int, int | None]  # qindex, count (None: all tokens at this qindex)
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Wanted:
    """A candidate that a search needs before it goes on. measured: with its error."""

    candidates: Candidates
    key: Key
    measured: bool


Asking = Generator[Wanted, None, Result]


class Candidates:
    """The candidates of one tile. Each is made and measured once.

    state: of the model before this block. analysis: the model's, of this state and source. source: the padded tile,
    uint8 (T, height, width, 3). visible: (height, width) of what is not padding. on_probe: called with the number,
    from 1, of every measured candidate, and with the candidate.
    """

    def __init__(
        self,
        state: State,
        analysis: Analysis,
        source: Frames,
        visible: tuple[int, int],
        on_probe: Callable[[int, Probe], None] | None = None,
    ) -> None:
        self.state, self.analysis = state, analysis
        self.source, self.visible, self.on_probe = source, visible, on_probe
        self.probes: list[Probe] = []
        self.made: dict[Key, Tokens] = {}
        self.errors: dict[Key, float] = {}

    def add(self, key: Key, tokens: Tokens) -> None:
        """Take the tokens of a candidate. They may differ from those that were made and dropped before."""
        self.made[key] = tokens
        self.errors.pop(key, None)

    def measure(self, key: Key, shown: Frames) -> None:
        """Measure a candidate: the MSE of what decode shows of this tile alone, without the padding, on [-1, 1]."""
        height, width = self.visible
        with stage(MEASURING):
            self.errors[key] = block_mse(shown[:, :height, :width], self.source[:, :height, :width])

    def tokens(self, key: Key) -> Asking[Tokens]:
        """Return the tokens of a candidate. They are made again if `keep` dropped them."""
        yield Wanted(self, key, False)
        return self.made[key]

    def chosen(self, key: Key) -> Asking[tuple[Tokens, float]]:
        """Return the tokens of the candidate to write, and the MSE of exactly these tokens."""
        yield Wanted(self, key, True)
        return self.made[key], self.errors[key]

    def error(self, key: Key) -> Asking[float]:
        """Return the error of a candidate, and report it as a probe."""
        tokens, mse = yield from self.chosen(key)
        self.probes.append(Probe(qindex=key[0], count=tokens.count, mse=mse))
        if self.on_probe is not None:
            self.on_probe(len(self.probes), self.probes[-1])
        return mse

    def count(self, key: Key) -> Asking[float]:
        """Return the number of tokens of a candidate. Nothing is reconstructed."""
        count = (yield from self.tokens(key)).count
        self.probes.append(Probe(qindex=key[0], count=count, mse=math.nan))
        return float(count)

    def keep(self, keys: Iterable[Key]) -> None:
        """Drop the tokens of all other candidates: those of one block of a large picture take a hundred megabytes."""
        keys = set(keys)
        for key in self.made.keys() - keys:
            del self.made[key]


def evaluate(model: TokenModel, wanted: Sequence[Wanted]) -> None:
    """Make and measure candidates, those of several tiles together. What is there already is not made again."""
    to_make = [(each.candidates, each.key) for each in wanted if each.key not in each.candidates.made]
    if to_make:
        with stage(MODEL):
            made = model.tokens_many(
                [candidates.state for candidates, _ in to_make],
                [candidates.analysis for candidates, _ in to_make],
                [count for _, (_, count) in to_make],
                [qindex for _, (qindex, _) in to_make],
            )
        for (candidates, key), tokens in zip(to_make, made, strict=True):
            candidates.add(key, tokens)
    to_measure = [
        (each.candidates, each.key) for each in wanted if each.measured and each.key not in each.candidates.errors
    ]
    if to_measure:
        with stage(MODEL):
            shown = model.reconstruct_many(
                [candidates.state for candidates, _ in to_measure],
                [candidates.made[key] for candidates, key in to_measure],
            )
        for (candidates, key), frames in zip(to_measure, shown, strict=True):
            candidates.measure(key, model.post_filter(frames))


def run_together(model: TokenModel, searches: Sequence[Asking[Result]]) -> list[Result]:
    """Run searches side by side to their ends: in each round, the candidates that all of them want are made at once."""
    results: dict[int, Result] = {}
    wanted: dict[int, Wanted] = {}

    def resume(number: int) -> None:
        try:
            wanted[number] = next(searches[number])
        except StopIteration as end:
            results[number] = end.value
            wanted.pop(number, None)

    for number in range(len(searches)):
        resume(number)
    while wanted:
        evaluate(model, list(wanted.values()))
        for number in list(wanted):
            resume(number)
    return [results[number] for number in range(len(searches))]
