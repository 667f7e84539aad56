"""One row of a batch's report: what became of a file."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import PartialResult


@dataclass(frozen=True)
class Row:
    """One file of the report. source: path or URL. output: relative to the output folder, with "/".

    status: "done", "partial" (the source is damaged or ends before it should), "skipped" (it was done before) or
    "failed". error: one line. digest: of the source. settings: see `EncodeSettings.fingerprint`. output_digest: of the
    output's end mark, by which the next run knows it again. Of a file that failed, these and `bytes_out` are those of
    the output that is there, "" and 0 if no batch made one. attempts: how often it was tried. seconds: of work, in all
    processes together. mse: mean over all frames, pixels on [-1, 1]; NaN if it is not known.
    """

    source: str
    output: str
    status: str
    error: str = ""
    exit_code: int = 0
    digest: str = ""
    settings: str = ""
    attempts: int = 1
    frames: int = 0
    width: int = 0
    height: int = 0
    blocks: int = 0
    blocks_missed: int = 0
    tokens: int = 0
    mse: float = math.nan
    duration_s: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    output_digest: str = ""
    seconds: float = 0.0

    @property
    def is_there(self) -> bool:
        """An output that is whole."""
        return self.status in ("done", "partial", "skipped")

    @property
    def is_partial(self) -> bool:
        """Partial, now or, if it was skipped, when it was made."""
        return self.is_there and self.exit_code == PartialResult.exit_code
