"""Exports the last checkpoint of elastictok-mini to its weights file, and draws the curve of its training.

    python weights/recipe/export_mini.py --work runs/mini

The weights are averaged, float16. An .etok names their digest, and decodes only with the weights that wrote it.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path

import curve_mini
import torch
from mini_trainer import Trainer
from safetensors.torch import save_file

from elastictok_cli.models.elastic.adapter import GENERATION

TARGET = Path(__file__).resolve().parent.parent / "elastictok-mini.safetensors"


def export(trainer: Trainer, target: Path) -> dict[str, str]:
    """Write the averaged weights; returns what the file says of itself. Raises ValueError if float16 cannot hold one.

    The file appears by rename, so that a running encode never reads half of it.
    """
    config = trainer.network.config
    if trainer.place <= trainer.plan.single_steps:
        # It was trained on single blocks so far, so a GOP is one block.
        config = replace(config, max_sequence_length=config.max_toks)
    time = f"{trainer.seconds / 3600:.2f} hours of {trainer.hardware}"
    said = {
        "model": config.name,
        "generation": str(GENERATION),
        "syntax": config.syntax,
        "config": config.to_json(),
        "trained": f"{trainer.steps} steps, {trainer.blocks} blocks, {time}",
    }
    halves = {name: value.half().contiguous() for name, value in trainer.average.items()}
    for name, value in halves.items():
        if not torch.isfinite(value).all():
            raise ValueError(f"{name}: a weight is too large for float16")
    part = target.with_suffix(".part")
    save_file(halves, part, metadata=said)
    part.chmod(0o644)  # safetensors writes for the owner alone, but the file is installed for everyone
    os.replace(part, target)
    return said


def main() -> None:
    """Export."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("runs/mini"))
    parser.add_argument("--out", type=Path, default=TARGET)
    args = parser.parse_args()
    said = export(Trainer.load(args.work / "checkpoint.pt"), args.out)
    print(json.dumps({"wrote": args.out.name, "bytes": args.out.stat().st_size, "trained": said["trained"]}))
    print(json.dumps(curve_mini.draw(args.work / "log.jsonl", args.out.with_name(f"{args.out.stem}-curve.png"))))


if __name__ == "__main__":
    main()
