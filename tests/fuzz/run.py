"""Fuzz every door through which a file comes in (`make fuzz`).

    python -m fuzz.run --inputs 1000000 --seed 1        (in tests/)
    python -m fuzz.run --only nano --inputs 20000       with NUMBA_BOUNDSCHECK=1: reads and writes out of bounds too
    python -m fuzz.run --seed 1 --number 4711           one input again, with its traceback

A child process does the work and says where it is, so that a crash of the interpreter names its input as well. An input
that takes more than --most seconds of the processor is a failure like any other, and so is memory that grows by more
than --memory MB.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import signal
import subprocess
import sys
import time
import traceback
from types import FrameType

from .mutate import rng
from .targets import ORDER, TARGETS, attempt

EVERY = 20_000


class TooSlow(Exception):
    """An input took longer than it may."""


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlow("took too long")


def peak_mb() -> float:
    """The largest resident size of this process so far; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0.0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20) if sys.platform == "darwin" else most / 1000


def target_of(number: int, only: str | None) -> str:
    """Which target an input is for."""
    return only or ORDER[number % len(ORDER)]


def work(seed: int, first: int, last: int, only: str | None, most_s: float) -> dict[str, dict[str, int]]:
    """Run inputs first .. last - 1; how often which target ended how. Raises what must not come out."""
    seen: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for name in TARGETS if only is None else (only,):
        attempt(name, rng(0, 0))  # seeds are made and kernels compiled before the clock runs
    alarm = getattr(signal, "SIGPROF", None)  # of processor time: a busy machine is no fault
    if alarm is not None:
        signal.signal(alarm, _too_slow)
    for number in range(first, last):
        name = target_of(number, only)
        if alarm is not None:
            signal.setitimer(signal.ITIMER_PROF, most_s)
        try:
            seen[name][attempt(name, rng(seed, number)) or "taken"] += 1
        except Exception:
            sys.stdout.write(
                json.dumps({"failed": number, "target": name, "why": traceback.format_exc()[-3000:]}) + "\n"
            )
        if (number + 1) % EVERY == 0 or number + 1 == last:
            sys.stdout.write(json.dumps({"done": number + 1, "peak_mb": round(peak_mb())}) + "\n")
            sys.stdout.flush()
    if alarm is not None:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return {name: dict(counts) for name, counts in seen.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="go on from this number")
    parser.add_argument("--only", choices=TARGETS)
    parser.add_argument("--number", type=int, help="one input, here and now")
    parser.add_argument("--most", type=float, default=20.0, metavar="SECONDS")
    parser.add_argument("--memory", type=float, default=200.0, metavar="MB")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.number is not None:
        name = target_of(chosen.number, chosen.only)
        print(name, attempt(name, rng(chosen.seed, chosen.number)))
        return 0
    last = chosen.first + chosen.inputs
    if chosen.child:
        print(json.dumps({"seen": work(chosen.seed, chosen.first, last, chosen.only, chosen.most)}))
        return 0
    command = [sys.executable, "-X", "faulthandler", "-m", "fuzz.run", "--child", *sys.argv[1:]]
    failures, began, floor, reached = 0, time.monotonic(), 0.0, chosen.first
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            said = json.loads(line)
            if "done" in said:
                reached = said["done"]
                floor = floor or said["peak_mb"]
                print(f"{reached:,} inputs, {time.monotonic() - began:.0f} s, peak {said['peak_mb']} MB", flush=True)
                if said["peak_mb"] > floor + chosen.memory:
                    failures += 1
                    print(f"error: memory grew by more than {chosen.memory:g} MB before input {reached}", flush=True)
                    floor = said["peak_mb"]
            elif "failed" in said:
                failures += 1
                print(
                    f"error: seed {chosen.seed} input {said['failed']} ({said['target']}):\n{said['why']}", flush=True
                )
            else:
                for name, counts in said["seen"].items():
                    print(f"{name:16} " + "  ".join(f"{kind} {count:,}" for kind, count in sorted(counts.items())))
    if child.returncode:
        failures += 1
        print(f"error: the process ended with {child.returncode}; input {reached:,} or one of the {EVERY:,} after it")
    print(f"{chosen.inputs:,} inputs, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
