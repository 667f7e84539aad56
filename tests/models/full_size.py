"""The original's full size: converts a made-up checkpoint of 210 million weights, and codes a clip with it.

    python tests/models/full_size.py CLIP --config vae --bf16

Not collected by pytest: it writes 1.6 GB into a folder of its own and takes minutes on a CPU. Weights are random, so
the pictures are noise; memory, sizes and seconds are those of the real ones.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from elastictok_cli.models.elastic.config import PRESETS

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.models.streams import write_params


def measured(*arguments: str) -> tuple[float, float]:
    """Run the command line: (seconds, peak memory in MiB). Ends this program if it fails."""
    begin = time.monotonic()
    pid = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-m", "elastictok_cli", *arguments])
    _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"elastictok {arguments[0]}: exit code {os.waitstatus_to_exitcode(status)}")
    return time.monotonic() - begin, usage.ru_maxrss / 1024


def main() -> None:
    """One line of figures for each step."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--config", choices=sorted(PRESETS), default="vae")
    parser.add_argument("--bf16", action="store_true", help="of the checkpoint")
    parser.add_argument("--duration", type=float, default=0.66, help="of the clip, seconds")
    parser.add_argument("--tokens", type=int, default=512, help="a block: one evaluation each")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        params, weights, etok = (Path(folder) / name for name in ("params", "full.safetensors", "a.etok"))
        write_params(params, PRESETS[args.config], bf16=args.bf16)

        def step(name: str, *arguments: str) -> None:
            seconds, peak = measured(*arguments)
            print(json.dumps({"step": name, "seconds": round(seconds, 1), "peak_mib": round(peak)}), flush=True)

        model = ("--model", str(weights), "-q")
        step("convert", "weights", "convert", str(params), "--config", args.config, "-o", str(weights))
        print(json.dumps({"params_mib": params.stat().st_size >> 20, "weights_mib": weights.stat().st_size >> 20}))
        options = ("--duration", str(args.duration), "--tokens", str(args.tokens), "--size", "256x256", "--no-audio")
        step("encode", "encode", str(args.clip), "-o", str(etok), *options, *model)
        step("decode", "decode", str(etok), "-o", f"{folder}/a.mp4", *model)


if __name__ == "__main__":
    main()
