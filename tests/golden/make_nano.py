"""Makes v1-nano-*.etok and what they decode to, with the weights of this checkout. For a new generation of weights.

python tests/golden/make_nano.py
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

import elastictok_cli.api as et

HERE = Path(__file__).parent
DEMO = HERE.parents[1] / "examples" / "demo.mp4"
CASES: dict[str, dict[str, Any]] = {
    "v1-nano-cut": {"start": 1.6, "duration": 0.8, "size": "64", "target": et.Target.threshold(0.007)},
    "v1-nano-fine": {"start": 0.2, "duration": 0.3, "size": "48", "target": et.Target.threshold(0.001)},
    "v1-nano-sound": {"start": 3.0, "duration": 0.7, "size": "48", "target": et.Target.fixed(200), "gop_blocks": 1},
}


def describe(path: Path) -> dict[str, Any]:
    """Token digests by block and picture digests by frame: what a decoder must make of a file."""
    with et.open_etok(path) as file:
        tokens = [
            hashlib.sha256(np.ascontiguousarray(block.values, "<u2").tobytes()).hexdigest()[:16]
            for block in file.tokens()
        ]
        frames = [hashlib.sha256(np.ascontiguousarray(rgb)).hexdigest()[:16] for _, rgb in file.frames()]
        return {"model": file.header.model, "generation": file.header.generation, "tokens": tokens, "frames": frames}


def main() -> None:
    """Write every case anew."""
    for name, options in CASES.items():
        path = HERE / f"{name}.etok"
        et.encode(DEMO, path, overwrite=True, audio=name.endswith("sound"), **options)
        (HERE / f"{name}.json").write_text(json.dumps(describe(path), indent=1) + "\n")
        print(path.name, path.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
