"""Fine-tunes elastictok-mini on clips of your own: from a folder of videos to a weights file.

    python weights/recipe/finetune_mini.py CLIPS --steps 500 --out my-mini.safetensors
    elastictok encode in.mp4 --model my-mini.safetensors

Steps are counted from the weights that it starts from. OUT.run holds the frames and a checkpoint: the same command goes
on after a break, and with more --steps it goes further. One clip in eight is kept aside, and measured before and after.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

import data
import export_mini
import mini_fast
import numpy as np
import packed
import torch
from mini_trainer import Plan, Trainer, validate

from elastictok_cli.api import load_model
from elastictok_cli.models.elastic.adapter import ElasticModel
from elastictok_cli.models.elastic.network import Elastic
from elastictok_cli.video.inputs import VIDEOS

SHARES = (0.25, 0.5, 1.0)
VALIDATION_ROWS = 4
LINES = 256  # as `encode` scales pictures
SAY_EVERY_S, SAVE_EVERY_S = 5.0, 180.0


def plan(steps: int, rate: float) -> Plan:
    """Whole GOPs and random counts from the first step on, at low rates that fall to nothing in the last half."""
    return Plan(
        whole_steps=0,
        single_steps=0,
        matrix_rate=0.002 * rate,
        other_rate=6e-5 * rate,
        warm_steps=20,
        slow_from=1 << 40,
        end_step=steps,
        fall_share=0.5,
    )


def start(weights: Path, name: str, made: Plan, device: str) -> Trainer:
    """A trainer at step 0, of the network of a weights file under a new name."""
    model = load_model(weights, device="cpu")
    if not isinstance(model, ElasticModel):
        raise SystemExit(f"{weights}: is not the weights file of elastictok-mini, or of a model trained from it")
    network = Elastic(replace(model.config, name=name))
    network.load_state_dict(model.network.state_dict())
    return Trainer(network.to(device), made)


def pack(folder: Path, out: Path, side: int) -> None:
    """Decode the clips of a folder once, in two sizes."""
    paths = [path for path in sorted(folder.rglob("*")) if path.suffix.lower().lstrip(".") in VIDEOS]
    clips = [data.Clip(path, path.stem) for path in paths]
    training, held = data.split(clips)
    if clips and not training:
        print("there is one clip: it trains, and its own frames are measured")
    stored = packed.pack(clips, {clip.path for clip in held}, out, (LINES, side))
    if not stored:
        raise SystemExit(f"{folder}: no video of {side} lines or more in it")
    print(f"{len(clips)} clips, {sum(item.frames for item in stored):,} frames in two sizes; {len(held)} validate")


def windows(folder: Path, side: int, validation: bool, device: str = "cpu") -> packed.Windows:
    """Frames of one side of the split; of the only clip on both."""
    try:
        return packed.Windows(folder, side, validation, device)
    except ValueError:
        return packed.Windows(folder, side, not validation, device)


def measure(trainer: Trainer, held: packed.Windows) -> str:
    """Errors of the averaged weights, always on the same windows."""
    c = trainer.network.config
    rows = held.sample(np.random.default_rng(1), VALIDATION_ROWS, c.gop_blocks * c.frames_per_block)
    errors = validate(trainer.averaged(), rows, SHARES)
    return ", ".join(f"{each.mean():.5f} with {share:.0%}" for share, each in zip(SHARES, errors, strict=True))


def train(trainer: Trainer, training: packed.Windows, steps: int, checkpoint: Path) -> None:
    """Train up to a step, with a line every few seconds and a checkpoint every few minutes."""
    begun, first = time.monotonic(), trainer.steps
    said = saved = begun
    kept: list[float] = []
    errors: list[float] = []
    while trainer.steps < steps:
        done = trainer.step(training.sample)
        kept.append(float(done.kept.mean()))
        errors.append(float(done.errors.mean()))
        now = time.monotonic()
        if now - said > SAY_EVERY_S or trainer.steps == steps:
            speed = (trainer.steps - first) / (now - begun)
            print(
                f"step {trainer.steps:,} of {steps:,}: mse {np.mean(errors):.5f} "
                f"with {np.mean(kept):.0f} tokens per block, {(steps - trainer.steps) / speed / 60:.1f} minutes left",
                flush=True,
            )
            said, kept, errors = now, [], []
        if now - saved > SAVE_EVERY_S:
            trainer.save(checkpoint)
            saved = now
    trainer.save(checkpoint)


def main() -> None:
    """Pack, train, measure, export."""
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clips", type=Path, help="folder of videos")
    parser.add_argument("--out", type=Path, required=True, help="weights file to write, NAME.safetensors")
    parser.add_argument("--start", type=Path, default=here.parent / "elastictok-mini.safetensors")
    parser.add_argument("--steps", type=int, default=500, help="from the weights in --start on")
    parser.add_argument("--rate", type=float, default=1.0, help="factor of the learning rates")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--fast", action="store_true", help="bfloat16 and torch.compile: GPUs, processors with AMX")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)  # tiny attention weights make a CPU three times as slow
    work = args.out.with_suffix(".run")
    checkpoint, made = work / "checkpoint.pt", plan(args.steps, args.rate)
    if checkpoint.exists():
        changes = {"end_step": made.end_step, "matrix_rate": made.matrix_rate, "other_rate": made.other_rate}
        trainer = Trainer.load(checkpoint, args.device, **changes)
    else:
        trainer = start(args.start, args.out.stem, made, args.device)
    side = trainer.network.config.resolution
    if not (work / "frames" / packed.INDEX).exists():
        pack(args.clips, work / "frames", side)
    training, held = windows(work / "frames", side, False, args.device), windows(work / "frames", side, True)
    print(f"from step {trainer.steps:,} on {trainer.hardware}; kept aside: mse {measure(trainer, held)}", flush=True)
    if args.fast:
        trainer.half = True
        mini_fast.keep_memory()
        mini_fast.speed_up(trainer.network)
    train(trainer, training, args.steps, checkpoint)
    print(f"at step {trainer.steps:,}; kept aside: mse {measure(trainer, held)}")
    said = export_mini.export(trainer, args.out)
    print(f"{args.out}: {said['trained']}")


if __name__ == "__main__":
    main()
