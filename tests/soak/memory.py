"""How much memory a long encode takes: one clip looped to a given length, the resident size read as it goes.

    python tests/soak/memory.py examples/demo.mp4 --minutes 60 --size 48 --tokens 20

Prints the resident size (MB) of the encoding processes at 1, 10 and 60 minutes of video, and the largest one. The
clip is looped by copying its packets, so that no encoder stands before the one that is measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import cast

import av

MARKS_MIN = (1, 10, 60)
MOST_GROWTH = 1.1  # from minute 1 to the end: 10 % is what the allocator may do; a leak is a multiple


def loop(source: Path, output: Path, minutes: float) -> None:
    """Copy the packets of `source` again and again, until there are so many minutes."""
    with av.open(str(source)) as clip:
        video = clip.streams.video[0]
        sound = clip.streams.audio[0] if clip.streams.audio else None
        streams = [video] if sound is None else [video, sound]
        packets = [p for p in clip.demux(streams) if p.size and p.dts is not None]
        length = Fraction(clip.duration or 0, 1_000_000)
        with av.open(str(output), "w") as file:
            copies = {stream.index: file.add_stream_from_template(stream) for stream in streams}
            bytes_of = [
                (p.stream.index, p.pts, p.dts, p.duration, p.time_base, p.is_keyframe, bytes(p)) for p in packets
            ]
            for turn in range(int(minutes * 60 / length) + 1):
                for index, pts, dts, duration, base, key, data in bytes_of:
                    shift = round(turn * length / base)
                    packet = av.Packet(data)
                    packet.stream, packet.time_base = copies[index], base
                    packet.pts, packet.dts, packet.duration = cast(int, pts) + shift, cast(int, dts) + shift, duration
                    packet.is_keyframe = key
                    file.mux(packet)


def resident_mb(pid: int) -> float:
    """Of a process that runs and of all that it started; what they share is counted in each."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        started = " ".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children")).split()
    except OSError:  # it ended meanwhile
        return 0.0
    own = next((int(line.split()[1]) / 1000 for line in status.splitlines() if line.startswith("VmRSS")), 0.0)
    return own + sum(resident_mb(int(child)) for child in started)


def measure(command: list[str], minutes: float) -> dict[float, float]:
    """Run an encode with --json; {minute of video: MB}, and its most under the key inf."""
    at: dict[float, float] = {}
    most = 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["type"] == "started":
                rate = event["frame_rate"]
            if event["type"] != "block":
                continue
            now = resident_mb(process.pid)
            most = max(most, now)
            minute = (event["first_frame"] + event["frames"]) / rate / 60
            for mark in (*MARKS_MIN, minutes):
                if minute >= mark - 0.01 and mark not in at and mark <= minutes:
                    at[mark] = now
                    print(f"minute {mark:g}: {now:.1f} MB", flush=True)
    if process.returncode:
        raise SystemExit(process.returncode)
    at[float("inf")] = most
    return at


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clip", type=Path)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--size", default="48")
    parser.add_argument("--tokens", default="20")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        long, out = Path(folder) / "long.mkv", Path(folder) / "out.etok"
        loop(chosen.clip, long, chosen.minutes)
        print(f"{long.stat().st_size / 1e6:.1f} MB of input", flush=True)
        command = [sys.executable, "-m", "elastictok_cli", "encode", str(long), "-o", str(out), "--json"]
        at = measure([*command, "--size", chosen.size, "--tokens", chosen.tokens], chosen.minutes)
        print(f"most: {at[float('inf')]:.1f} MB; file: {out.stat().st_size / 1e6:.2f} MB")
    first, last = at[MARKS_MIN[0]], at[max(mark for mark in at if mark != float("inf"))]
    if last > MOST_GROWTH * first:
        print(f"error: grew from {first:.1f} to {last:.1f} MB", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
