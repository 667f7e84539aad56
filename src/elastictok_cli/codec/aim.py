"""Which threshold gives a file of a given size: what is known from the tries so far, and where to go next.

Bytes against threshold are a slightly bent line in logarithms. Its slope is first that of the blocks' own measured
candidates, then that between the tries. A try need not go on to its end: what its blocks took so far, beside what the
same blocks took in a whole pass, says where it would end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .events import BlockDone, Probe, Tried
from .target import MSE_MOST

PASSES = 3  # the frames that all tries code together, as a multiple of the source's
LEAST, MOST = 1e-6, 0.99  # thresholds that are tried

# As shares of the size: what is near enough, and where to aim for it. What is GOOD is no harm to be left with.
CLOSE, AIM, GOOD = 0.97, 0.985, 0.9
# Where no other pass can follow and none before is good, but this one may still be stopped HALF_WAY: by so much less
# over the root of the number of blocks. Where it may not: LAST_AIM, or MUST_FIT where all were over the size and none
# was NEARBY; the further away (in logarithms of bytes), the less is known, and by its square.
HALF_WAY, UNSURE = 0.5, 0.12
LAST_AIM, MUST_FIT, NEARBY, UNKNOWN = 0.982, 0.95, 0.05, 0.3

SLOPE = -1.2  # of bytes over threshold, both as logarithms, where no candidate says it
# What the slope changes by as the threshold grows by a factor of e: fewer bytes, steeper. Less than single clips have
# (-0.35 on average between 0.003 and 0.015, 15 training clips): with more, a pass from far away goes much too far.
BEND = -0.06
STEEPEST, FLATTEST = -3.0, -0.6
APART = 0.1  # two tries on one side of the size whose logarithms of thresholds are nearer say nothing about the slope
NEAR = math.log(2)  # candidates whose error is within an octave of the threshold tell the slope there
# A try is lost if it is expected to end outside of CLOSE to 1 by more than MARGIN (1 - done) / sqrt(blocks); what is
# done are its bytes. Nothing is said before EARLIEST of them are there.
MARGIN, EARLIEST, LEAST_BLOCKS = 0.2, 0.15, 2
USUAL_BLOCKS = 2.0  # so many more, that change as the slope says, are put to those that were seen
STOPS = 3  # after one whole pass and before the next
# With no whole pass to compare it with: by this factor, from so much of the frames on, and up to so much of them.
FAR_OFF, FROM, UNTIL = 1.35, 0.1, 0.3
TRUST, DOUBT_ALONE = 0.6, 0.3  # what is expected then is taken to be nearer to the size than it looks


@dataclass(frozen=True)
class Known:
    """What one try says. slope: of its blocks' candidates. fixed: bytes that count and are no tokens, which no
    threshold changes. goal: for both. bits: of every block, those to come as expected; none where there was nothing to
    compare with. doubt: of `video`, as a share; none after a whole pass."""

    threshold: float
    slope: float
    video: float  # bytes of tokens
    fixed: float
    goal: float
    bits: tuple[float, ...] = ()
    doubt: float = 0.0
    is_whole: bool = True

    @property
    def part(self) -> float:
        """Of the size that was asked for."""
        return (self.video + self.fixed) / self.goal

    @property
    def rise(self) -> float:
        """Logarithm of its tokens' bytes."""
        return math.log(max(1.0, self.video))


class Course:
    """Where a try is going, told of one block after the other.

    threshold: its own. before: the try to compare it with, if there was a whole one. frames: of the source, None if
    unknown. goal: bytes. silent: nothing but tokens is in the file, or hardly anything, so that it may also be found
    far too small.
    """

    def __init__(
        self, threshold: float, before: Known | None, frames: int | None, gop_blocks: int, goal: float, silent: bool
    ) -> None:
        self.threshold, self.before, self.of, self.gop_blocks = threshold, before, frames, gop_blocks
        self.goal, self.silent = goal, silent
        self.frames = 0
        self.bits: list[float] = []

    def add(self, block: BlockDone) -> None:
        """The next one."""
        self.frames += block.frames
        self.bits.append(block.bits)

    def expected(self) -> tuple[float, ...]:
        """Bits of all blocks: those so far, and what the others will take."""
        seen = len(self.bits)
        if self.before is not None:
            before = self.before.bits
            # A GOP's first block is another matter: it changes less with the threshold.
            of_starts = self._change(self._starts(self.bits), self._starts(before))
            of_others = self._change(self._others(self.bits), self._others(before))
            rest = (b * (of_others if i % self.gop_blocks else of_starts) for i, b in enumerate(before) if i >= seen)
        else:
            blocks = math.ceil(seen * (self.of or self.frames) / self.frames)
            start, other = _mean(self._starts(self.bits)), _mean(self._others(self.bits) or self.bits)
            rest = (other if i % self.gop_blocks else start for i in range(seen, blocks))
        return *self.bits, *rest

    def _change(self, now: Sequence[float], before: Sequence[float]) -> float:
        """What blocks of a kind take now, over what they took."""
        assert self.before is not None
        usual = math.exp(self.before.slope * math.log(self.threshold / self.before.threshold))
        more = USUAL_BLOCKS * _mean(before) if before else 1.0
        return (sum(now) + more * usual) / (sum(before[: len(now)]) + more)

    def _starts(self, bits: Sequence[float]) -> Sequence[float]:
        return bits[:: self.gop_blocks]

    def _others(self, bits: Sequence[float]) -> Sequence[float]:
        return [b for i, b in enumerate(bits) if i % self.gop_blocks]

    @property
    def video(self) -> float:
        """Bytes of tokens to expect."""
        bits = sum(self.expected())
        if self.before is not None:
            return self.before.video * bits / max(1.0, sum(self.before.bits))
        return float(self.goal * (bits / 8 / self.goal) ** TRUST)

    @property
    def _done(self) -> float:
        assert self.before is not None
        return sum(self.before.bits[: len(self.bits)]) / max(1.0, sum(self.before.bits))

    @property
    def doubt(self) -> float:
        """Of `video`, as a share."""
        return DOUBT_ALONE if self.before is None else MARGIN * (1 - self._done) / math.sqrt(len(self.bits))

    @property
    def is_lost(self) -> bool:
        """There is no hope that it ends where it should."""
        if len(self.bits) < LEAST_BLOCKS:
            return False
        if self.before is not None:
            part = (self.video + self.before.fixed) / self.goal
            return self._done >= EARLIEST and not CLOSE - self.doubt <= part <= 1 + self.doubt
        if self.of is None or not FROM * self.of <= self.frames <= UNTIL * self.of:
            return False
        part = self.video / self.goal
        return part > FAR_OFF or (self.silent and part < 1 / FAR_OFF)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def next_threshold(tries: Sequence[Known], more: float) -> float | None:
    """Where to go from here; None if there is nothing more to gain. more: passes that may follow the next one; if less
    than one, it may still be stopped after so much of it."""
    whole = [one for one in tries if one.is_whole]
    if any(CLOSE <= one.part <= 1 for one in whole):
        return None
    fixed, size = tries[-1].fixed, tries[-1].goal
    goal = math.log(max(1.0, AIM * size - fixed))
    if more < 1 and not any(GOOD <= one.part <= 1 for one in whole):
        # Now it must fit, or what is left is far too small or too large.
        nearest = min(tries, key=lambda one: abs(one.rise - goal))
        far = abs(nearest.rise - goal)
        if more >= HALF_WAY:
            aim = AIM - UNSURE / math.sqrt(max(1, len(nearest.bits)))
        else:
            aim = LAST_AIM if far < NEARBY or any(one.part <= 1 for one in whole) else MUST_FIT
            aim *= math.exp(-UNKNOWN * far * far - nearest.doubt / 2)
        goal = math.log(max(1.0, aim * size - fixed))
    # A try that was stopped last tells more than those that it was compared with.
    whole.sort(key=lambda one: abs(one.rise - goal))
    base = whole[0] if tries[-1].is_whole else tries[-1]
    beyond = [one for one in whole if (one.rise > goal) != (base.rise > goal) and one.threshold != base.threshold]
    apart = [one for one in whole if abs(math.log(one.threshold / base.threshold)) >= APART]
    slope = base.slope
    for other in beyond[:1] or apart[:1]:
        reach = math.log(other.threshold / base.threshold)
        slope = (other.rise - base.rise) / reach - BEND * reach / 2
    move = _move(min(max(slope, STEEPEST), FLATTEST), goal - base.rise)
    threshold = math.exp(min(max(math.log(base.threshold) + move, math.log(LEAST)), math.log(MOST)))
    return None if any(abs(math.log(threshold / one.threshold)) < 1e-4 for one in whole) else threshold


def _move(slope: float, rise: float) -> float:
    """How far to go for this rise, both in logarithms: the root of slope u + BEND / 2 u^2 = rise beside 0."""
    # Over the top of the parabola there is none; that far away nothing is known anyway, and its top is a fair guess.
    return (math.sqrt(max(0.0, slope * slope + 2 * BEND * rise)) + slope) / -BEND


class Slopes:
    """The slope of log tokens over log error at the threshold, from all blocks' candidates. Takes each of them, and
    hands it on to `tell`."""

    def __init__(self, threshold: float, scale: float, tell: Callable[[Tried], None] | None) -> None:
        self.threshold, self.scale, self.tell = threshold, scale, tell
        self._key: tuple[int, int] | None = None
        self._probes: list[Probe] = []
        self._sum = self._weight = 0.0

    def __call__(self, tried: Tried) -> None:
        if (tried.index, tried.tile) != self._key:
            self._close()
            self._key = (tried.index, tried.tile)
        self._probes.append(tried.probe)
        if self.tell is not None:
            self.tell(tried)

    def _close(self) -> None:
        at = [(math.log(p.mse), math.log(p.count), p.count) for p in self._probes if 0 < p.mse < MSE_MOST and p.count]
        self._probes = []
        near = [p for p in at if abs(p[0] - math.log(self.threshold)) < NEAR]
        if len(near) < 2:
            return
        x, y, counts = np.array(near).T
        spread = float(((x - x.mean()) ** 2).sum())
        if spread < 1e-6:
            return
        slope = float(((x - x.mean()) * (y - y.mean())).sum()) / spread
        weight = float(counts.mean())
        self._sum += weight * min(max(slope, STEEPEST), FLATTEST)
        self._weight += weight

    def mean(self) -> float:
        """Weighted by tokens; a usual one where nothing was measured."""
        self._close()
        slope = self.scale * self._sum / self._weight if self._weight else SLOPE
        return min(max(slope, -2.0), -0.85)  # as seen on clips; a model's counts need not be in proportion to its bits
