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

import numpy as np
import numpy.typing as npt
import torch
from mini_loss import block_errors, kept_counts
from torch import Tensor

from elastictok_cli.models.config import ElasticConfig
from elastictok_cli.models.elastic import Elastic

Sample = Callable[[np.random.Generator, int], npt.NDArray[np.uint8]]  # frames wanted to (frames, side, side, 3)


@dataclass(frozen=True)
class Plan:
    """whole_steps: steps without masks, before all others. single_steps: steps on blocks alone, those among them; later
    rows are as many blocks as a GOP has. step_blocks: blocks of a step.

    Rates are those after the warm-up; they fall with the square root of the steps beyond `slow_from`, so that a run has
    no end that must be known before. Where it is known, `end_step`, they fall to zero over the last fifth of it. The
    averaged weights look back over the last tenth of the run.

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
    seed: int = 0

    def rate(self, step: int) -> float:
        """Share of the full rates."""
        slowed: float = (1 + step / self.slow_from) ** -0.5
        left = (self.end_step - step) / (self.end_step / 5) if self.end_step else 1.0
        return min(1.0, (step + 1) / self.warm_steps) * slowed * min(1.0, max(0.0, left))

    def row_blocks(self, step: int, gop_blocks: int) -> int:
        """Blocks that follow each other in a step's rows."""
        return 1 if step < self.single_steps else gop_blocks


@dataclass(frozen=True)
class Done:
    """One step. kept, errors: (rows, blocks), tokens kept and mean squared error of each block."""

    step: int
    kept: npt.NDArray[np.int64]
    errors: npt.NDArray[np.float32]


class Trainer:
    """Network, averaged network and optimizers after `steps` steps."""

    def __init__(self, network: Elastic, plan: Plan) -> None:
        self.network, self.plan = network, plan
        self.half = False  # matrix products in bfloat16
        self.average = {name: value.detach().clone() for name, value in network.named_parameters()}
        layers = {name: value for name, value in network.named_parameters() if value.ndim == 2 and ".layers." in name}
        others = [value for name, value in network.named_parameters() if name not in layers]
        # Muon for the matrices inside: about twice as far per step as AdamW in the first hundreds of steps.
        self.muon = torch.optim.Muon(list(layers.values()), lr=plan.matrix_rate, weight_decay=0.0)
        self.adam = torch.optim.AdamW(others, lr=plan.other_rate, betas=(0.9, 0.98), weight_decay=0.0)
        self.steps, self.blocks, self.cpu_s = 0, 0, 0.0

    def step(self, sample: Sample) -> Done:
        """Train on one batch; `sample` is asked once for each row."""
        clock, plan, c = time.process_time(), self.plan, self.network.config
        rng = np.random.default_rng((plan.seed, self.steps))
        row = plan.row_blocks(self.steps, c.gop_blocks)
        rows = max(2, plan.step_blocks // row)
        frames = np.stack([sample(rng, row * c.frames_per_block) for _ in range(rows)])
        kept = kept_counts(rng, rows * row, c.min_toks, c.max_toks).reshape(rows, row)
        kept[rng.random(kept.shape) < (plan.full_share if self.steps >= plan.whole_steps else 1)] = c.max_toks
        for optimizer, full in ((self.muon, plan.matrix_rate), (self.adam, plan.other_rate)):
            optimizer.param_groups[0]["lr"] = full * plan.rate(self.steps)
            optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=self.half):
            errors = block_errors(self.network, frames, kept)
        errors.mean().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.adam.param_groups[0]["params"], 1.0)
        self.muon.step()  # type: ignore[no-untyped-call]
        self.adam.step()
        self.steps += 1
        self.blocks += rows * row
        share = 10 / (self.steps + 10)
        with torch.no_grad():
            for name, value in self.network.named_parameters():
                self.average[name].lerp_(value, share)
        self.cpu_s += time.process_time() - clock
        return Done(self.steps, kept, errors.detach().numpy())

    def averaged(self) -> Elastic:
        """A network of its own with the averaged weights."""
        network = Elastic(self.network.config)
        network.load_state_dict({name: value.clone() for name, value in self.average.items()})
        return network.eval().requires_grad_(False)

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
            "counts": {"steps": self.steps, "blocks": self.blocks, "cpu_s": self.cpu_s},
        }
        torch.save(state, part)
        os.replace(part, path)

    @classmethod
    def load(cls, path: Path, plan: Plan | None = None) -> Trainer:
        """Go on from a checkpoint, by its own plan or another."""
        state = torch.load(path, weights_only=True)
        trainer = cls(Elastic(ElasticConfig(**state["config"])), plan or Plan(**state["plan"]))
        trainer.network.load_state_dict(state["network"])
        trainer.average = state["average"]
        trainer.muon.load_state_dict(state["muon"])
        trainer.adam.load_state_dict(state["adam"])
        counts: dict[str, float] = state["counts"]
        trainer.steps, trainer.blocks, trainer.cpu_s = int(counts["steps"]), int(counts["blocks"]), counts["cpu_s"]
        return trainer


@torch.no_grad()
def validate(network: Elastic, rows: list[npt.NDArray[np.uint8]], shares: tuple[float, ...]) -> Tensor:
    """Errors of rows of blocks, each at each share of its tokens: float32 (shares, rows, blocks)."""
    c = network.config
    out = []
    for share in shares:
        kept = np.full((1, len(rows[0]) // c.frames_per_block), max(c.min_toks, round(share * c.max_toks)))
        out.append(torch.cat([block_errors(network, row[None], kept) for row in rows]))
    return torch.stack(out)
