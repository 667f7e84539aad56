"""Trains elastictok-mini: the paper's own method (models/elastic/), small enough for a CPU.

    python weights/recipe/packed.py ../shared/data --out runs/mini/frames     # once
    python weights/recipe/train_mini.py --work runs/mini --fast --device cuda --hours 0.25

Blocks of 4 frames of 128x128 with a random number of kept tokens, mean squared error; first single blocks, then whole
GOPs, where a block sees those before it. A run that was stopped continues from its last checkpoint. log.jsonl has its
progress; export_mini.py makes the weights file.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import mini_fast
import mini_start
import numpy as np
import torch
from mini_trainer import Plan, Trainer, validate
from packed import Windows

from elastictok_cli.api import load_model
from elastictok_cli.models.elastic.adapter import ElasticModel
from elastictok_cli.models.elastic.config import GOP_BLOCKS, ElasticConfig
from elastictok_cli.models.elastic.network import Elastic
from elastictok_cli.models.weights_files import metadata

CONFIG = ElasticConfig(
    name="elastictok-mini",
    bottleneck_type="fsq",
    hidden_size=256,
    intermediate_size=704,
    num_encoder_layers=6,
    num_decoder_layers=6,
    num_attention_heads=4,
    rms_norm_eps=1e-5,
    theta=1000.0,  # its longest wave is about as long as two GOPs of 2048 tokens
    patch_size=(2, 8, 8),
    frames_per_block=4,
    resolution=128,
    max_toks=512,
    min_toks=32,
    max_sequence_length=2048,
)
# For a GPU: patches of one frame, so 1,024 tokens and 0.25 bits a pixel as the original has; 57 MB in float16.
LARGE = replace(
    CONFIG, patch_size=(1, 8, 8), max_toks=1024, min_toks=64, max_sequence_length=4096, hidden_size=384,
    intermediate_size=1024, num_encoder_layers=8, num_decoder_layers=8, num_attention_heads=6,
)  # fmt: skip
SHARES = (0.125, 0.25, 0.5, 0.75, 1.0)
THRESHOLD = 0.015
START_BLOCKS, START_STEPS = 200, 250
VALIDATION_ROWS = 16


def new(plan: Plan, windows: Windows, device: str = "cpu", config: ElasticConfig = CONFIG) -> Trainer:
    """A new run."""
    network = Elastic(config)
    rng = np.random.default_rng(plan.seed)
    patches = network.patches(windows.sample(rng, START_BLOCKS, config.frames_per_block).cpu()).flatten(0, 1)
    mini_start.begin(network, patches, plan.seed)
    for _ in mini_start.fit(network, patches, START_STEPS, seed=plan.seed):
        pass
    return Trainer(network.to(device), plan)


def begun(weights: Path, plan: Plan, device: str = "cpu") -> Trainer:
    """A run that continues an exported weights file: its averaged weights and counts, with new optimizers."""
    said = re.fullmatch(r"(\d+) steps, (\d+) blocks, ([\d.]+) hours of (.+)", metadata(weights)["trained"])
    model = load_model(weights, device="cpu")
    if said is None or not isinstance(model, ElasticModel):
        raise SystemExit(f"{weights}: does not say how long it was trained")
    # The file of a run on single blocks says that a GOP has one block.
    network = Elastic(replace(model.config, max_sequence_length=GOP_BLOCKS * model.config.max_toks, seam_width=0))
    network.load_state_dict(model.network.state_dict(), strict=False)  # without the filter across borders
    trainer = Trainer(network.to(device), plan)
    trainer.steps, trainer.blocks, trainer.seconds = int(said[1]), int(said[2]), 3600 * float(said[3])
    trainer.begun_on(said[4])
    return trainer


def validation(trainer: Trainer, windows: Windows) -> dict[str, Any]:
    """Measure the averaged weights, always on the same validation windows."""
    c = trainer.network.config
    row = trainer.plan.row_blocks(trainer.place, c.gop_blocks)
    rng = np.random.default_rng(1)
    rows = windows.sample(rng, VALIDATION_ROWS, c.gop_blocks * c.frames_per_block)
    errors = validate(trainer.averaged(), rows.unflatten(1, (-1, row * c.frames_per_block)).flatten(0, 1), SHARES)
    return {
        "mse_by_share": {f"{s:g}": round(float(e.mean()), 5) for s, e in zip(SHARES, errors, strict=True)},
        f"met_at_{THRESHOLD:g}": round(float((errors[-1] <= THRESHOLD).float().mean()), 3),
    }


def quarters(kept: np.ndarray, errors: np.ndarray, most: int) -> list[float | None]:
    """Mean errors of the blocks whose number of kept tokens is in the first, second, third, last quarter."""
    place = np.minimum(4 * (kept - 1) // most, 3)
    return [round(float(errors[place == i].mean()), 5) if (place == i).any() else None for i in range(4)]


def run(trainer: Trainer, training: Windows, held: Windows, args: argparse.Namespace) -> None:
    """Train until the time is over or a signal arrives, with logs and checkpoints."""
    stop: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: stop.append(received))
    begin = saved = checked = time.monotonic()
    checkpoint, kept, errors = args.work / "checkpoint.pt", [], []
    since = time.monotonic()
    with (args.work / "log.jsonl").open("a") as log:

        def record(kind: str, **values: Any) -> None:
            said = {"type": kind, "step": trainer.steps, "hours": round(trainer.seconds / 3600, 4)}
            log.write(json.dumps({**said, **values}) + "\n")
            log.flush()

        record("start", hardware=trainer.hardware, threads=args.threads)
        while not stop and time.monotonic() - begin < 3600 * args.hours and trainer.steps < args.steps:
            if trainer.plan.clock_minutes and trainer.place >= trainer.plan.end_step:
                break
            if args.pause_file is not None and args.pause_file.exists():
                time.sleep(2)
                since = time.monotonic()
                continue
            done = trainer.step(training.sample)
            kept.append(done.kept.ravel())
            errors.append(done.errors.flatten())
            if len(kept) == args.log_every:
                k, e = np.concatenate(kept), torch.cat(errors).cpu().numpy()
                record(
                    "train",
                    row_blocks=done.kept.shape[1],
                    blocks=trainer.blocks,
                    loss=round(float(e.mean()), 5),
                    tokens=round(float(k.mean()), 1),
                    mse_by_quarter=quarters(k, e, trainer.network.config.max_toks),
                    rate=round(trainer.plan.rate(trainer.place), 4),
                    blocks_per_s=round(len(k) / (time.monotonic() - since), 2),
                )
                kept, errors = [], []
                since = time.monotonic()
            if time.monotonic() - saved > 60 * args.save_minutes:
                trainer.save(checkpoint)
                saved = time.monotonic()
            if time.monotonic() - checked > 60 * args.check_minutes:
                record("validation", **validation(trainer, held))
                checked = since = time.monotonic()
                kept, errors = [], []
        trainer.save(checkpoint)
        record("validation", **validation(trainer, held))
        record("stop")


def main() -> None:
    """Start or continue a run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("runs/mini"), help="holds frames/, checkpoint.pt, log.jsonl")
    parser.add_argument("--hours", type=float, default=8.0, help="of wall time, in this call")
    parser.add_argument("--steps", type=int, default=1 << 40, help="stop after this step of the run")
    parser.add_argument("--large", action="store_true", help="a new run of the larger model, for a GPU")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--fast", action="store_true", help="bfloat16 and torch.compile: GPUs, processors with AMX")
    parser.add_argument("--save-minutes", type=float, default=3.0)
    parser.add_argument("--check-minutes", type=float, default=15.0, help="between validations")
    parser.add_argument("--log-every", type=int, default=20, help="steps")
    parser.add_argument("--start", type=Path, help="exported weights to go on from if no checkpoint is there")
    parser.add_argument("--pause-file", type=Path, help="rest as long as this file exists")
    for field in fields(Plan):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), help="see Plan")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(
        True
    )  # heads that attend to one position have tiny weights elsewhere: this is three times as fast
    changes = {f.name: getattr(args, f.name) for f in fields(Plan) if getattr(args, f.name) is not None}
    training = Windows(args.work / "frames", CONFIG.resolution, device=args.device)
    held = Windows(args.work / "frames", CONFIG.resolution, validation=True)
    checkpoint = args.work / "checkpoint.pt"
    if checkpoint.exists():
        trainer = Trainer.load(checkpoint, args.device, **changes)
    elif args.start is not None:
        trainer = begun(args.start, Plan(**changes), args.device)
    else:
        trainer = new(Plan(**changes), training, args.device, LARGE if args.large else CONFIG)
    if args.fast:
        trainer.half = True
        mini_fast.keep_memory()
        mini_fast.speed_up(trainer.network)
    run(trainer, training, held, args)


if __name__ == "__main__":
    main()
