"""Add up a run: frames, tokens, errors and time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..container import BlockRecord, Gop, Header
from ..models.base import ModelSpec
from .events import BlockDone, Finished
from .tiling import Tiling


class Totals:
    """Sums over the blocks of a file. Blocks that a resumed run finds there count like new ones.

    until: PTS of the end of the range that is shown; None for the whole file.
    """

    def __init__(self, header: Header, spec: ModelSpec, until: int | None = None) -> None:
        self.until = until
        self.header, self.spec, self.tiling = header, spec, Tiling(header)
        self.frames = self.blocks = self.met = self.tokens = self.max_tokens = self.probes = 0
        self.error = 0.0  # MSE times frames
        self.first_pts: int | None = None
        self.last_pts = 0
        self.last_frame_pts = 0  # length of the frame before the last, which the last one is taken to have too

    def add(self, event: BlockDone) -> None:
        """Add a block that was just coded or shown."""
        self._add(event.frames, event.met, event.tokens, event.max_tokens, event.mse)
        self.probes += len(event.probes)

    def add_gop(self, gop: Gop) -> None:
        """Add all blocks of a coded GOP, and its times."""
        for block in gop.blocks:
            self._add(block.frames, block.met, block.count, self.limit_of(block), block.mse)
        self.add_pts(gop.pts)

    def limit_of(self, block: BlockRecord) -> int:
        """Return the most tokens that a block of this many frames may have, all tiles together."""
        return self.spec.max_tokens(block.frames, *self.tiling.tile) * self.tiling.tiles

    def _add(self, frames: int, met: bool, tokens: int, max_tokens: int, mse: float) -> None:
        self.frames += frames
        self.blocks += 1
        self.met += met
        self.tokens += tokens
        self.max_tokens += max_tokens
        self.error += mse * frames

    def add_pts(self, pts: npt.NDArray[np.int64]) -> None:
        """Add the times of the next frames."""
        if self.first_pts is None:
            self.first_pts = int(pts[0])
        if len(pts) > 1:
            self.last_frame_pts = int(pts[-1] - pts[-2])
        self.last_pts = int(pts[-1])

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame to the end of the last."""
        if self.first_pts is None:
            return 0.0
        end = self.header.video_end(self.last_pts, self.last_frame_pts)
        if self.until is not None:
            end = min(end, self.until)
        return self.header.seconds(end - self.first_pts)

    def finished(self, bytes_in: int | None, bytes_out: int, seconds: float, partial: bool) -> Finished:
        """Return the last event of the run."""
        return Finished(
            frames=self.frames,
            blocks=self.blocks,
            blocks_met=self.met,
            blocks_missed=self.blocks - self.met,
            tokens=self.tokens,
            max_tokens=self.max_tokens,
            mse=self.error / self.frames if self.frames else 0.0,
            probes=self.probes,
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            duration_s=self.duration_s,
            seconds=seconds,
            partial=partial,
        )
