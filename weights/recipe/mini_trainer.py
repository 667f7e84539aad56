"""The state of a training run of elastictok-mini, one step of it, and its checkpoint.

What a step does follows from its number and the weights alone (its random numbers are seeded by the number), so a run
that was stopped and goes on from its checkpoint makes the same weights as one that was not.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from mini_loss import block_errors, kept_counts, measured, share_count
from mini_muon import Muon
from torch import Tensor

from elastictok_cli.models.elastic.config import ElasticConfig
from elastictok_cli.models.elastic.network import Elastic

Sample = Callable[[np.random.Generator, int, int], Tensor]  # rows and frames wanted; (rows, frames, side, side, 3)


@dataclass(frozen=True)
class Plan:
    """whole_steps: steps without masks, before all others. single_steps: steps on blocks alone, those among them; later
    rows are as many blocks as a GOP has. step_blocks: blocks of a step.

    Rates are those after the warm-up; they fall with the square root of the steps beyond `slow_from`, so that a run has
    no end that must be known before. Where it is known, `end_step`, they fall to zero over the last `fall_share` of it.
    The averaged weights look back over the last tenth of the run.

    full_share: of the blocks, these keep all tokens, beside the paper's even draw, where "all" comes up once in 480
    blocks. Without it, validation clips were worse with all tokens (0.0442) than with three quarters (0.0390) after
    1,837 steps; and a search takes a miss with all tokens for a miss with any.
    """

    whole_steps: int = 2500
    single_steps: int = 5500
    step_blocks: int = 8
    matrix_rate: float = 0.01
    other_rate: float = 3e-4
    warm_steps: int = 50
    slow_from: int = 3000
    full_share: float = 0.25
    end_step: int = 0
    fall_share: float = 0.2
    seed: int = 0

    def rate(self, step: int) -> float:
        """Share of the full rates."""
        slowed: float = (1 + step / self.slow_from) ** -0.5
        left = (self.end_step - step) / (self.end_step * self.fall_share) if self.end_step else 1.0
        return min(1.0, (step + 1) / self.warm_steps) * slowed * min(1.0, max(0.0, left))

    def row_blocks(self, step: int, gop_blocks: int) -> int:
        """Blocks that follow each other in a step's rows."""
        return 1 if step < self.single_steps else gop_blocks


@dataclass(frozen=True)
class Done:
    """One step. kept, errors: (rows, blocks), tokens kept and mean squared error of each block, float32."""

    step: int
    kept: npt.NDArray[np.int64]
    errors: Tensor


class Trainer:
    """Network, averaged network and optimizers after `steps` steps; on the device that the network is on.

    seconds: of processor time, or of a GPU's. hardware: what they were spent on.
    """

    def __init__(self, network: Elastic, plan: Plan) -> None:
        self.network, self.plan = network, plan
        self.device = network.encoder.is_kept.device
        self.hardware = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "one CPU core"
        self.half = False  # matrix products in bfloat16
        self.average = {name: value.detach().clone() for name, value in network.named_parameters()}
        layers = {name: value for name, value in network.named_parameters() if value.ndim == 2 and ".layers." in name}
        others = [value for name, value in network.named_parameters() if name not in layers]
        # Muon for the matrices inside: about twice as far per step as AdamW in the first hundreds of steps.
        self.muon = Muon(layers.values(), lr=plan.matrix_rate)
        self.adam = torch.optim.AdamW(others, lr=plan.other_rate, betas=(0.9, 0.98), weight_decay=0.0)
        self.steps, self.blocks, self.seconds = 0, 0, 0.0
        self._before: torch.cuda.Event | None = None

    def step(self, sample: Sample) -> Done:
        """Train on one batch."""
        clock, plan, c = self._clock(), self.plan, self.network.config
        rng = np.random.default_rng((plan.seed, self.steps))
        row = plan.row_blocks(self.steps, c.gop_blocks)
        rows = max(2, plan.step_blocks // row)
        frames = sample(rng, rows, row * c.frames_per_block)
        kept = kept_counts(rng, rows * row, c.min_toks, c.max_toks).reshape(rows, row)
        kept[rng.random(kept.shape) < (plan.full_share if self.steps >= plan.whole_steps else 1)] = c.max_toks
        for optimizer, full in ((self.muon, plan.matrix_rate), (self.adam, plan.other_rate)):
            optimizer.param_groups[0]["lr"] = full * plan.rate(self.steps)
            optimizer.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.half):
            errors = block_errors(self.network, frames, kept)
        errors.mean().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.adam.param_groups[0]["params"], 1.0)
        self.muon.step()
        self.adam.step()
        self.steps += 1
        self.blocks += rows * row
        with torch.no_grad():
            torch._foreach_lerp_(list(self.average.values()), list(self.network.parameters()), 10 / (self.steps + 10))
        self._wait()
        self.seconds += self._clock() - clock
        return Done(self.steps, kept, errors.detach())

    def _clock(self) -> float:
        return time.monotonic() if self.device.type == "cuda" else time.process_time()

    def _wait(self) -> None:
        """On a GPU, until the step before this one is done: no further ahead, so that the clock tells its time."""
        if self.device.type == "cuda":
            if self._before is not None:
                self._before.synchronize()
            self._before = torch.cuda.Event()
            self._before.record()

    def averaged(self) -> Elastic:
        """A network of its own with the averaged weights."""
        network = Elastic(self.network.config).to(self.device)
        network.load_state_dict({name: value.clone() for name, value in self.average.items()})
        return network.eval().requires_grad_(False)

    def begun_on(self, hardware: str) -> None:
        """What the steps before were done on, beside what these are."""
        self.hardware = hardware if hardware.endswith(self.hardware) else f"{hardware}, then {self.hardware}"

    def save(self, path: Path) -> None:
        """Write a checkpoint; the one before stays whole until this one is."""
        part = path.with_suffix(".part")
        state = {
            "config": asdict(self.network.config),
            "plan": asdict(self.plan),
            "network": self.network.state_dict(),
            "average": self.average,
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
            "hardware": self.hardware,
            "counts": {"steps": self.steps, "blocks": self.blocks, "seconds": self.seconds},
        }
        torch.save(state, part)
        os.replace(part, path)

    @classmethod
    def load(cls, path: Path, device: str = "cpu", **changes: Any) -> Trainer:
        """Go on from a checkpoint, by its own plan with some changes."""
        state = torch.load(path, weights_only=True, map_location=device)
        plan = Plan(**{**state["plan"], **changes})
        trainer = cls(Elastic(ElasticConfig(**state["config"])).to(device), plan)
        trainer.network.load_state_dict(state["network"])
        trainer.average = state["average"]
        trainer.begun_on(state["hardware"])
        trainer.muon.load_state_dict(state["muon"])
        trainer.adam.load_state_dict(state["adam"])
        counts: dict[str, float] = state["counts"]
        trainer.steps, trainer.blocks, trainer.seconds = int(counts["steps"]), int(counts["blocks"]), counts["seconds"]
        return trainer


def validate(network: Elastic, rows: Tensor, shares: tuple[float, ...]) -> Tensor:
    """Errors of rows of blocks, each at each share of its tokens: float32 (shares, rows, blocks).

    rows: uint8 (rows, frames, side, side, 3).
    """
    shape = len(rows), rows.shape[1] // network.config.frames_per_block
    counts = (share_count(network.config, share) for share in shares)
    return torch.stack([measured(network, rows, np.full(shape, count)) for count in counts])
