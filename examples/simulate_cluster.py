"""What a data set costs to encode on a cluster: a simulation from measured times, with nodes that fail.

    python examples/simulate_cluster.py [--hours 10000] [--cores 512] [--results out/results.jsonl] [--price 0.04]

--results: of an `elastictok batch` of yours; seconds of work per frame are drawn from its files. Without it, those of
docs/scale.md. The rest is what `batch --engine ray` does: files go to the next free core, the longest first; long ones
in ranges, each of which first reads what comes before it; what a node was doing when it failed is done again.
"""

from __future__ import annotations

import argparse
import heapq
import json
import random
from dataclasses import dataclass, field
from pathlib import Path

# Seconds of one core for a frame of 456x256 at threshold 0.007, docs/scale.md: from still to foliage that moves.
SECONDS_A_FRAME = (0.04, 0.06, 0.07, 0.07, 0.07, 0.08, 0.1, 0.14, 0.14, 0.14, 0.15, 0.16, 0.16, 0.21)
READ_FPS = 500.0  # frames that a core reads and drops
OVERHEAD_S = 0.3  # a file: fetched, hashed, opened, finished
START_S = 60.0  # a new node
RANGE_FRAMES, MOST_RANGES = 8 * 128, 16  # batch/work.py


@dataclass
class Totals:
    """What happened. seconds: of the clock; the others of cores. failures: of nodes."""

    seconds: float = 0.0
    work: float = 0.0
    read: float = 0.0
    lost: float = 0.0
    failures: int = 0


@dataclass(order=True)
class Node:
    """Cores that fail together. free: when each core is. fails: when the node does."""

    fails: float
    free: list[float] = field(compare=False)


def pieces(files: list[int], cores: int, fps: list[float], rng: random.Random) -> list[tuple[float, float]]:
    """(seconds of work, seconds of reading before it) of all tasks, files from the longest on."""
    found = []
    for frames in sorted(files, reverse=True):
        each = rng.choice(fps)
        count = max(1, min(cores, MOST_RANGES, frames // RANGE_FRAMES))
        length = -(-frames // count)
        for start in range(0, frames, length):
            part = min(length, frames - start)
            found.append((OVERHEAD_S + part * each, start / READ_FPS))
    return found


def simulate(
    tasks: list[tuple[float, float]], nodes: int, node_cores: int, mtbf_s: float, rng: random.Random
) -> Totals:
    """Give each task to the core that is free first."""
    totals = Totals()
    fails = [rng.expovariate(1 / mtbf_s) if mtbf_s else float("inf") for _ in range(nodes)]
    free = [(0.0, node) for node in range(nodes) for _ in range(node_cores)]
    heapq.heapify(free)
    waiting = list(reversed(tasks))
    while waiting:
        work, read = waiting.pop()
        at, node = heapq.heappop(free)
        while at >= fails[node]:  # it failed while this core waited
            fails[node] += START_S + rng.expovariate(1 / mtbf_s)
            totals.failures += 1
        end = at + work + read
        if end > fails[node]:
            totals.lost += fails[node] - at
            waiting.append((work, read))  # at once, elsewhere
            heapq.heappush(free, (fails[node] + START_S, node))
            continue
        totals.work += work
        totals.read += read
        totals.seconds = max(totals.seconds, end)
        heapq.heappush(free, (end, node))
    return totals


def main() -> None:
    """Read the options, simulate, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--hours", type=float, default=10_000)
    parser.add_argument("--file-minutes", type=float, default=5.0, help="mean; drawn from 0 to twice that")
    parser.add_argument("--fps", type=float, default=25.0)
    parser.add_argument("--cores", type=int, default=512)
    parser.add_argument("--node-cores", type=int, default=16)
    parser.add_argument("--mtbf-hours", type=float, default=200.0, help="from failure to failure of a node; 0: never")
    parser.add_argument("--price", type=float, default=0.04, help="of a core-hour")
    parser.add_argument("--results", type=Path, help="results.jsonl of a batch")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    each = list(SECONDS_A_FRAME)
    if options.results is not None:
        rows = map(json.loads, options.results.read_text(encoding="utf-8").splitlines())
        each = [row["seconds"] / row["frames"] for row in rows if row["status"] in ("done", "partial")]
    files: list[int] = []
    left = options.hours * 3600 * options.fps
    while left > 0:
        files.append(max(1, round(rng.uniform(0, 2) * options.file_minutes * 60 * options.fps)))
        left -= files[-1]
    nodes = max(1, options.cores // options.node_cores)
    tasks = pieces(files, nodes * options.node_cores, each, rng)
    totals = simulate(tasks, nodes, options.node_cores, options.mtbf_hours * 3600, rng)
    core_hours = totals.seconds * nodes * options.node_cores / 3600
    used = totals.work / 3600
    print(f"{len(files):,} files, {options.hours:,.0f} hours of video, {len(tasks):,} tasks")
    hours = totals.seconds / 3600
    print(f"{nodes} nodes of {options.node_cores} cores: {hours:,.1f} hours, {totals.failures} node failures")
    print(
        f"core-hours: {core_hours:,.0f} paid, {used:,.0f} of work ({100 * used / core_hours:.1f} %), "
        f"{totals.read / 3600:,.0f} reading up to ranges, {totals.lost / 3600:,.1f} lost to failures"
    )
    money = core_hours * options.price
    print(f"money: {money:,.0f}, {1000 * money / options.hours:,.0f} per 1,000 hours of video")


if __name__ == "__main__":
    main()
