"""Events as the JSON objects of `--json` (docs/json.md). Fields are only ever added."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..codec.events import (
    BlockChecked,
    BlockDone,
    BlockEarly,
    Event,
    Finished,
    PassDone,
    PassStarted,
    Resumed,
    SizeReached,
    Started,
    Verified,
    Warned,
)
from ..metrics import psnr_db
from .console import as_options

TYPES: dict[type[Any], str] = {
    Resumed: "resumed",
    Started: "started",
    BlockDone: "block",
    BlockChecked: "block_checked",
    BlockEarly: "block_early",
    Warned: "warning",
    PassStarted: "pass",
    PassDone: "pass_done",
    SizeReached: "size_reached",
    Finished: "finished",
    Verified: "verified",
}


def record(event: Event) -> dict[str, Any]:
    """The object of an event: its fields, its type, and PSNR beside every MSE of a whole block or file."""
    fields = asdict(event)
    if isinstance(event, BlockDone):  # JSON keeps the name "step"
        fields["probes"] = [{"step": probe.qindex, "count": probe.count, "mse": probe.mse} for probe in event.probes]
    if "text" in fields:
        fields["text"] = as_options(fields["text"])
    for name in ("", "worst_", "low_"):
        mse = fields.get(f"{name}mse")
        if mse is not None:
            fields[f"{name}psnr_db"] = psnr_db(mse)
    return {"type": TYPES[type(event)], **fields}
