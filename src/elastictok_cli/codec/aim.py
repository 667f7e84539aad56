"""Which threshold gives a file of a given size: what is known from the passes so far, and where to go next.

Bytes against threshold are a slightly bent line in logarithms. Its slope is first that of the blocks' own measured
candidates, then that between the passes. From the second one on a pass is steered, within narrow bounds: what its
blocks take, beside what the same blocks took before, tells where it would end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from .choose import Wish
from .events import BlockDone, Probe, Tried
from .target import MSE_MOST

PASSES = 3
LEAST, MOST = 1e-6, 0.99  # thresholds that are tried
CLOSE, AIM = 0.97, 0.985  # as shares of the size: what is near enough, where to aim for it
# A last pass must not be over the size where none before is GOOD: it aims a little lower, starts out for less by
# CAREFUL over the root of the number of blocks, is steered twice as hard, and loosens at once.
GOOD, CAREFUL_AIM, CAREFUL = 0.9, 0.97, 0.2
# The last block is made as fine as the size allows, to this share of it; a pass that others may follow is not filled up
# by more than this, for bytes do more good where they are spread.
FULL, FILL = 0.995, 0.05
# Steering takes a block's threshold no further than this factor from the pass's own: 0.8 dB, about 20 % of its bytes.
# From one block to the next it changes it by EASE at most: a block that may be a little worse than
# the one before can copy and takes next to nothing, one that must be better pays for both.
REACH, EASE = 1.2, 1.03

SLOPE = -1.2  # of bytes over threshold, both as logarithms, where no candidate says it
# What the slope changes by as the threshold grows by a factor of e: fewer bytes, steeper. Less than single clips have
# (-0.35 on average between 0.003 and 0.015, 15 training clips): with more, a pass from far away goes much too far.
BEND = -0.06
STEEPEST, FLATTEST = -3.0, -0.3
APART = 0.1  # two passes on one side of the size whose logarithms of thresholds are nearer say nothing about the slope
NEAR = math.log(2)  # candidates whose error is within an octave of the threshold tell the slope there
USUAL_BLOCKS = 2.0  # so many more, that change as the slope says, are put to those that were seen


@dataclass(frozen=True)
class Known:
    """What one pass says. slope: of its blocks' candidates. fixed: bytes that count and are no tokens, which no
    threshold changes. goal: for both. bits: of every block if all had this threshold."""

    threshold: float
    slope: float
    video: float  # bytes of tokens
    fixed: float
    goal: float
    bits: tuple[float, ...]

    @property
    def part(self) -> float:
        """Of the size that was asked for."""
        return (self.video + self.fixed) / self.goal

    @property
    def rise(self) -> float:
        """Logarithm of its tokens' bytes."""
        return math.log(max(1.0, self.video))


class Course:
    """Where a pass is going, told of one block after the other, and the threshold of the next ones.

    threshold: its own. slope: what is expected of the file. before: the pass to compare it with; the first one has
    none, and all its blocks get the same threshold. must_fit: see `must_fit`.
    """

    def __init__(
        self, threshold: float, slope: float, before: Known | None, gop_blocks: int, must_fit: bool = False
    ) -> None:
        self.threshold, self.slope, self.before, self.gop_blocks = threshold, slope, before, gop_blocks
        self.must_fit = must_fit
        self.aim, self.reach, self.ease = (CAREFUL_AIM, REACH**2, EASE**2) if must_fit else (AIM, REACH, EASE)
        self.bits: list[float] = []  # of the blocks so far
        self.limits: list[float] = []  # thresholds given out, for these and the next
        # Sums over the first n blocks; those that start a GOP and others apart, for they change differently with the
        # threshold. `_now` is as if all had had the pass's own.
        self._spent = [0.0]
        self._now = [[0.0, 0.0]]
        self._before = self._sums(before.bits if before is not None else ())

    def _sums(self, bits: Sequence[float]) -> list[list[float]]:
        starts = accumulate((b if i % self.gop_blocks == 0 else 0.0 for i, b in enumerate(bits)), initial=0.0)
        return [[s, t - s] for s, t in zip(starts, accumulate(bits, initial=0.0), strict=True)]

    def add(self, block: BlockDone) -> None:
        """The next one."""
        i = len(self.bits)
        sums = list(self._now[-1])
        sums[i % self.gop_blocks != 0] += block.bits / self._follows(self.limits[i])
        self._now.append(sums)
        self._spent.append(self._spent[-1] + block.bits)
        self.bits.append(block.bits)

    def wish(self, known: int, blocks: int) -> Wish:
        """For the next `blocks` blocks, by what the first `known` took: a threshold with which the rest just fits, and
        for the last block of the file alone what room is left."""
        now, room = self.threshold, None
        if self.before is not None:
            todo = self._rest(known, len(self.limits))
            on_their_way = self._rest(known, known) - todo
            if todo > 0:
                left = self._bits(self.aim * self.before.goal - self.before.fixed) - self._spent[known] - on_their_way
                share = (max(left, 0.01 * todo) / todo) ** (1 / self.slope)
                last = self.limits[-1] if self.limits else now
                wanted = now * min(max(share, 1 / self.reach), self.reach)
                most = self.threshold * self.reach if self.must_fit else last * self.ease
                now = min(max(wanted, last / self.ease), most)
            if blocks == 1 and known == len(self.limits) == len(self.before.bits) - 1:
                room = self._bits(FULL * self.before.goal - self.before.fixed) - self._spent[known]
                if not self.must_fit:
                    room = min(room, todo + self._bits(FILL * self.before.goal))
                now = max([now, *self.limits])
        self.limits += [now] * blocks
        return Wish(now, room)

    def _bits(self, count: float) -> float:
        """How many bits, as blocks tell them, so many bytes of the file are."""
        assert self.before is not None
        return count * sum(self._before[-1]) / max(1.0, self.before.video)

    def _follows(self, limit: float) -> float:
        """Bits of a block with this threshold, over those with the pass's own."""
        return float((limit / self.threshold) ** self.slope)

    def _rest(self, known: int, first: int) -> float:
        """Bits of all blocks from `first` on with the pass's own threshold, by what the first `known` took."""
        return sum(
            change * (total - done)
            for change, total, done in zip(
                self._changes(known), self._before[-1], self._before[min(first, len(self._before) - 1)], strict=True
            )
        )

    def _changes(self, known: int) -> list[float]:
        """What blocks of either kind take now, over what they took."""
        assert self.before is not None
        usual = (self.threshold / self.before.threshold) ** self.slope
        blocks = len(self.before.bits)
        starts = -(-blocks // self.gop_blocks)
        changes = []
        for kind, count in enumerate((starts, blocks - starts)):
            more = USUAL_BLOCKS * self._before[-1][kind] / max(1, count)
            was = self._before[min(known, blocks)][kind] + more
            changes.append((self._now[known][kind] + more * usual) / was if was else usual)
        return changes

    def finished(self, slope: float, video: float, fixed: float, goal: float) -> Known:
        """What it says at its end: its bytes, and the threshold that gives as many if it is the same for all blocks."""
        even = sum(self._now[-1])
        threshold, bits = self.threshold, tuple(self.bits)
        if self.before is not None and even > 0:
            share = self._spent[-1] / even
            threshold *= share ** (1 / self.slope)
            bits = tuple(share * b / self._follows(limit) for b, limit in zip(self.bits, self.limits, strict=False))
        return Known(threshold, slope, video, fixed, goal, bits)


def must_fit(passes: Sequence[Known], is_last: bool) -> bool:
    """Whether the next pass must not be over the size. is_last: none can follow it."""
    return is_last and not any(GOOD <= one.part <= 1 for one in passes)


def next_pass(passes: Sequence[Known], is_last: bool) -> tuple[float, float] | None:
    """(threshold, slope) to go on with; None if there is nothing more to gain."""
    if any(CLOSE <= one.part <= 1 for one in passes):
        return None
    aim = AIM
    if must_fit(passes, is_last):
        aim *= math.exp(-CAREFUL / math.sqrt(max(1, len(passes[-1].bits))))
    goal = math.log(max(1.0, aim * passes[-1].goal - passes[-1].fixed))
    base, *others = sorted(passes, key=lambda one: abs(one.rise - goal))
    beyond = [one for one in others if (one.rise > goal) != (base.rise > goal) and one.threshold != base.threshold]
    apart = [one for one in others if abs(math.log(one.threshold / base.threshold)) >= APART]
    slope = base.slope
    for other in beyond[:1] or apart[:1]:
        reach = math.log(other.threshold / base.threshold)
        slope = (other.rise - base.rise) / reach - BEND * reach / 2
    slope = min(max(slope, STEEPEST), FLATTEST)
    move = _move(slope, goal - base.rise)
    threshold = math.exp(min(max(math.log(base.threshold) + move, math.log(LEAST)), math.log(MOST)))
    near = any(abs(math.log(threshold / one.threshold)) < 1e-4 for one in passes)
    return None if near else (threshold, slope)


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
