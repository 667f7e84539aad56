"""Rate control: which thresholds make a file come out at a given size.

The logarithm of the bytes is almost a line over the logarithm of the threshold. Its slope is first estimated from the
measured candidates of all blocks, then from two passes. From the second pass on, thresholds also change within a pass,
within narrow bounds: what its blocks take, compared with what the same blocks took in an earlier pass, predicts the
size that the file will have.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from .events import BlockDone, Probe, ProbeDone
from .target import MSE_MOST

MAX_PASSES = 3
MIN_THRESHOLD, MAX_THRESHOLD = 1e-6, 0.99

# Shares of the target size. A pass that reaches CLOSE_RATIO is good enough; passes aim at AIM_RATIO.
CLOSE_RATIO, AIM_RATIO = 0.97, 0.985
# The last pass must not exceed the size if no pass before it reached GOOD_RATIO. It then aims at CAREFUL_RATIO, starts
# lower by CAREFUL_MARGIN over the root of the number of blocks, may change thresholds by the square of the usual
# factors, and may raise them at once.
GOOD_RATIO, CAREFUL_RATIO, CAREFUL_MARGIN = 0.9, 0.97, 0.2
# The last block may use up the size to LAST_BLOCK_RATIO. Where another pass may follow, it uses up at most MAX_FILL of
# the size: spread over all blocks, the bytes improve the picture more.
LAST_BLOCK_RATIO, MAX_FILL = 0.995, 0.05
# The threshold of a block differs from the pass's own by at most this factor: 0.8 dB, about 20 % of the block's bytes.
MAX_FACTOR = 1.2
# It differs from that of the block before by at most this factor. A block that may be a little worse than the one
# before can copy it for almost no bits; a block that must be better pays for both.
MAX_CHANGE = 1.03

USUAL_SLOPE = -1.2  # of log bytes over log threshold, where no candidate was measured
# Change of the slope as the threshold grows by a factor of e: fewer bytes, steeper. Single clips bend more (-0.35 on
# average between 0.003 and 0.015, 15 training clips), but with -0.35 a pass from far away goes much too far.
CURVATURE = -0.06
STEEPEST, FLATTEST = -3.0, -0.3
MIN_DISTANCE = 0.1  # between the log thresholds of two passes on one side of the size: nearer ones give no slope
NEAR = math.log(2)  # candidates within an octave of the threshold are used for the slope there
PRIOR_BLOCKS = 2.0  # the slope's prediction counts as much as this many observed blocks


@dataclass(frozen=True, kw_only=True)
class BlockTarget:
    """What a block must meet.

    max_mse: on [-1, 1], for every tile. bit_budget: bits that the block may use up if it needs fewer to meet max_mse;
    None for no more than it needs.
    """

    max_mse: float
    bit_budget: float | None = None


@dataclass(frozen=True, kw_only=True)
class PassStats:
    """What one pass measured.

    threshold: MSE on [-1, 1]; the pass would have the same size if all its blocks had this one. slope: of log bytes
    over log threshold, from its blocks' candidates. token_bytes: bytes of all tokens. fixed_bytes: bytes that count and
    that no threshold changes. target_bytes: the size asked for, for both together. bits: of every block, if all had the
    same threshold.
    """

    threshold: float
    slope: float
    token_bytes: float
    fixed_bytes: float
    target_bytes: float
    bits: tuple[float, ...]

    @property
    def fill_ratio(self) -> float:
        """Size of the pass over the size asked for."""
        return (self.token_bytes + self.fixed_bytes) / self.target_bytes

    @property
    def log_bytes(self) -> float:
        """Natural logarithm of the bytes of all tokens."""
        return math.log(max(1.0, self.token_bytes))


class RateController:
    """Chooses the threshold of each block of one pass.

    threshold: the pass's own, MSE on [-1, 1]. slope: expected for this file. previous: the pass to compare this one
    with; the first pass has none, and all its blocks get the same threshold. must_fit: see `must_fit`.
    """

    def __init__(
        self, threshold: float, slope: float, previous: PassStats | None, gop_blocks: int, must_fit: bool = False
    ) -> None:
        self.threshold, self.slope, self.previous, self.gop_blocks = threshold, slope, previous, gop_blocks
        self.must_fit = must_fit
        power = 2 if must_fit else 1
        self.aim_ratio = CAREFUL_RATIO if must_fit else AIM_RATIO
        self.max_factor, self.max_change = MAX_FACTOR**power, MAX_CHANGE**power
        self.bits: list[float] = []  # of the blocks that are done
        self.thresholds: list[float] = []  # of these blocks and of those that are being coded
        # Sums over the first n blocks. [0] counts the blocks that start a GOP, [1] all others: the two kinds change
        # differently with the threshold. `_even` is scaled to the pass's own threshold.
        self._spent = [0.0]
        self._even = [[0.0, 0.0]]
        self._before = self._sums(previous.bits if previous is not None else ())

    def _sums(self, bits: Sequence[float]) -> list[list[float]]:
        starts = accumulate((b if i % self.gop_blocks == 0 else 0.0 for i, b in enumerate(bits)), initial=0.0)
        return [[s, t - s] for s, t in zip(starts, accumulate(bits, initial=0.0), strict=True)]

    def add(self, block: BlockDone) -> None:
        """Take note of the next block that is done."""
        i = len(self.bits)
        sums = list(self._even[-1])
        sums[i % self.gop_blocks != 0] += block.bits / self._scale(self.thresholds[i])
        self._even.append(sums)
        self._spent.append(self._spent[-1] + block.bits)
        self.bits.append(block.bits)

    def block_target(self, known: int, blocks: int) -> BlockTarget:
        """Return the target of the next `blocks` blocks, from the bits of the first `known` blocks.

        It is the threshold with which the rest of the file just fits. The last block of the file also gets all bits
        that are left, if it is asked for alone.
        """
        threshold, bit_budget = self.threshold, None
        if self.previous is not None:
            to_come = self._predicted(known, len(self.thresholds))
            in_progress = self._predicted(known, known) - to_come
            if to_come > 0:
                total = self._bits(self.aim_ratio * self.previous.target_bytes - self.previous.fixed_bytes)
                left = total - self._spent[known] - in_progress
                factor = (max(left, 0.01 * to_come) / to_come) ** (1 / self.slope)
                last = self.thresholds[-1] if self.thresholds else threshold
                wanted = threshold * min(max(factor, 1 / self.max_factor), self.max_factor)
                highest = self.threshold * self.max_factor if self.must_fit else last * self.max_change
                threshold = min(max(wanted, last / self.max_change), highest)
            if blocks == 1 and known == len(self.thresholds) == len(self.previous.bits) - 1:
                total = self._bits(LAST_BLOCK_RATIO * self.previous.target_bytes - self.previous.fixed_bytes)
                bit_budget = total - self._spent[known]
                if not self.must_fit:
                    bit_budget = min(bit_budget, to_come + self._bits(MAX_FILL * self.previous.target_bytes))
                threshold = max([threshold, *self.thresholds])
        self.thresholds += [threshold] * blocks
        return BlockTarget(max_mse=threshold, bit_budget=bit_budget)

    def _bits(self, count: float) -> float:
        """Convert bytes of the file to bits as blocks count them."""
        assert self.previous is not None
        return count * sum(self._before[-1]) / max(1.0, self.previous.token_bytes)

    def _scale(self, threshold: float) -> float:
        """Return the bits of a block with this threshold, over its bits with the pass's own."""
        return float((threshold / self.threshold) ** self.slope)

    def _predicted(self, known: int, first: int) -> float:
        """Predict the bits of all blocks from `first` on with the pass's own threshold, from the first `known`."""
        return sum(
            change * (total - done)
            for change, total, done in zip(
                self._changes(known), self._before[-1], self._before[min(first, len(self._before) - 1)], strict=True
            )
        )

    def _changes(self, known: int) -> list[float]:
        """Return bits in this pass over bits in the previous one: for blocks that start a GOP, and for others."""
        assert self.previous is not None
        expected = (self.threshold / self.previous.threshold) ** self.slope
        blocks = len(self.previous.bits)
        starts = -(-blocks // self.gop_blocks)
        changes = []
        for kind, count in enumerate((starts, blocks - starts)):
            prior = PRIOR_BLOCKS * self._before[-1][kind] / max(1, count)
            before = self._before[min(known, blocks)][kind] + prior
            changes.append((self._even[known][kind] + prior * expected) / before if before else expected)
        return changes

    def stats(self, slope: float, token_bytes: float, fixed_bytes: float, target_bytes: float) -> PassStats:
        """Return what the finished pass measured. Arguments: as in `PassStats`."""
        even = sum(self._even[-1])
        threshold, bits = self.threshold, tuple(self.bits)
        if self.previous is not None and even > 0:
            share = self._spent[-1] / even
            threshold *= share ** (1 / self.slope)
            bits = tuple(share * b / self._scale(t) for b, t in zip(self.bits, self.thresholds, strict=False))
        return PassStats(
            threshold=threshold,
            slope=slope,
            token_bytes=token_bytes,
            fixed_bytes=fixed_bytes,
            target_bytes=target_bytes,
            bits=bits,
        )


def must_fit(passes: Sequence[PassStats], is_last: bool) -> bool:
    """Return whether the next pass must not exceed the size. is_last: no other pass can follow it."""
    return is_last and not any(GOOD_RATIO <= one.fill_ratio <= 1 for one in passes)


def next_pass(passes: Sequence[PassStats], is_last: bool) -> tuple[float, float] | None:
    """Return (threshold, slope) of the next pass, or None if another pass would gain nothing."""
    if any(CLOSE_RATIO <= one.fill_ratio <= 1 for one in passes):
        return None
    aim = AIM_RATIO
    if must_fit(passes, is_last):
        aim *= math.exp(-CAREFUL_MARGIN / math.sqrt(max(1, len(passes[-1].bits))))
    goal = math.log(max(1.0, aim * passes[-1].target_bytes - passes[-1].fixed_bytes))
    base, *others = sorted(passes, key=lambda one: abs(one.log_bytes - goal))
    beyond = [p for p in others if (p.log_bytes > goal) != (base.log_bytes > goal) and p.threshold != base.threshold]
    distant = [p for p in others if abs(math.log(p.threshold / base.threshold)) >= MIN_DISTANCE]
    slope = base.slope
    for other in beyond[:1] or distant[:1]:
        distance = math.log(other.threshold / base.threshold)
        slope = (other.log_bytes - base.log_bytes) / distance - CURVATURE * distance / 2
    slope = min(max(slope, STEEPEST), FLATTEST)
    move = _move(slope, goal - base.log_bytes)
    log_threshold = math.log(base.threshold) + move
    threshold = math.exp(min(max(log_threshold, math.log(MIN_THRESHOLD)), math.log(MAX_THRESHOLD)))
    is_known = any(abs(math.log(threshold / one.threshold)) < 1e-4 for one in passes)
    return None if is_known else (threshold, slope)


def _move(slope: float, rise: float) -> float:
    """Return how far log threshold must move for log bytes to rise by `rise`.

    That is the root u of slope u + CURVATURE / 2 u^2 = rise that is next to 0.
    """
    # Beyond the top of the parabola there is no root. So far away nothing is known, and the top is a fair guess.
    return (math.sqrt(max(0.0, slope * slope + 2 * CURVATURE * rise)) + slope) / -CURVATURE


class SlopeEstimator:
    """Estimates the slope of log tokens over log error at the threshold, from the candidates of all blocks.

    scale: slope of log bytes over that of log tokens. on_probe: also gets every candidate.
    """

    def __init__(self, threshold: float, scale: float, on_probe: Callable[[ProbeDone], None] | None) -> None:
        self.threshold, self.scale, self.on_probe = threshold, scale, on_probe
        self._tile: tuple[int, int] | None = None  # (block, tile) of the probes
        self._probes: list[Probe] = []
        self._sum = self._weight = 0.0

    def __call__(self, done: ProbeDone) -> None:
        """Take note of the next candidate."""
        if (done.index, done.tile) != self._tile:
            self._close_tile()
            self._tile = (done.index, done.tile)
        self._probes.append(done.probe)
        if self.on_probe is not None:
            self.on_probe(done)

    def _close_tile(self) -> None:
        points = [
            (math.log(p.mse), math.log(p.count), p.count) for p in self._probes if 0 < p.mse < MSE_MOST and p.count
        ]
        self._probes = []
        near = [p for p in points if abs(p[0] - math.log(self.threshold)) < NEAR]
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
        """Return the mean slope, weighted by tokens; the usual one if no tile had two candidates near the threshold."""
        self._close_tile()
        slope = self.scale * self._sum / self._weight if self._weight else USUAL_SLOPE
        return min(max(slope, -2.0), -0.85)  # the range seen on clips; tokens need not be in proportion to bits
