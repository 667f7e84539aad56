"""Adds up a run."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..container import BlockRecord, Gop, Header
from ..models.base import ModelSpec
from .events import BlockDone, Finished
from .picture import Picture


class Totals:
    """Sums over blocks; those that a resumed run finds count like new ones. mse is kept times frames."""

    def __init__(self, header: Header, spec: ModelSpec, until: int | None = None) -> None:
        """until: the PTS at which no more frames are counted; None if all are."""
        self.until = until
        self.header, self.spec, self.picture = header, spec, Picture(header)
        self.frames = self.blocks = self.met = self.tokens = self.max_tokens = self.probes = 0
        self.error = 0.0
        self.first_pts: int | None = None
        self.last_pts = 0
        self.last_step = 0

    def add(self, event: BlockDone) -> None:
        """A block that was just coded or shown."""
        self._add(event.frames, event.met, event.tokens, event.max_tokens, event.mse)
        self.probes += len(event.probes)

    def add_record(self, block: BlockRecord) -> None:
        """A block of which there is only the record."""
        most = self.spec.max_tokens(block.frames, *self.picture.tile) * self.picture.tiles
        self._add(block.frames, block.met, block.count, most, block.mse)

    def add_gop(self, gop: Gop) -> None:
        """All blocks of a GOP, and its times."""
        for block in gop.blocks:
            self.add_record(block)
        self.add_pts(gop.pts)

    def _add(self, frames: int, met: bool, tokens: int, max_tokens: int, mse: float) -> None:
        self.frames += frames
        self.blocks += 1
        self.met += met
        self.tokens += tokens
        self.max_tokens += max_tokens
        self.error += mse * frames

    def add_pts(self, pts: npt.NDArray[np.int64]) -> None:
        """The times of the next frames."""
        if self.first_pts is None:
            self.first_pts = int(pts[0])
        if len(pts) > 1:
            self.last_step = int(pts[-1] - pts[-2])
        self.last_pts = int(pts[-1])

    @property
    def duration_s(self) -> float:
        """From the first frame to the end of the last."""
        if self.first_pts is None:
            return 0.0
        end = self.header.video_end(self.last_pts, self.last_step)
        if self.until is not None:
            end = min(end, self.until)
        return self.header.seconds(end - self.first_pts)

    def finished(self, bytes_in: int | None, bytes_out: int, seconds: float, partial: bool) -> Finished:
        """The last event of the run."""
        return Finished(
            self.frames,
            self.blocks,
            self.met,
            self.blocks - self.met,
            self.tokens,
            self.max_tokens,
            self.error / self.frames if self.frames else 0.0,
            self.probes,
            bytes_in,
            bytes_out,
            self.duration_s,
            seconds,
            partial,
        )
