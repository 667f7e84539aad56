"""A model that ends its process, or hangs, when it sees certain pictures; in a module that processes can load."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from codec.dct import DctModel


class Deadly(DctModel):
    """Kills its process at the first block as long as `fuse` has something in it, one byte each time."""

    def __init__(self, fuse: str) -> None:
        super().__init__()
        self.fuse = fuse

    def prepare(self, state: Any, frames: Any) -> Any:
        left = Path(self.fuse).read_bytes()
        if left:
            Path(self.fuse).write_bytes(left[1:])
            os.kill(os.getpid(), signal.SIGKILL)
        return super().prepare(state, frames)
