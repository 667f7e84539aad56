"""Events: what happens while a file is coded, as plain data. The progress bar, `--json` and the tests render them.

MSEs are of pixels on [-1, 1] (metrics.py), times are in seconds, sizes in bytes. Every field is given by keyword.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from ..container import Header


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One candidate that the search measured.

    qindex: index into the quantiser ladder. count: tokens. mse: of what decode would show, on [-1, 1]; NaN where only
    tokens were counted (a fixed count needs no reconstruction).
    """

    qindex: int
    count: int
    mse: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeDone:
    """One candidate was measured: for displays of slow models. Not an event: `BlockDone` has all probes of its block.

    index: of the block in the file. tile, tiles: the tile's number, and how many a frame has. number: of the probe in
    this tile, from 1.
    """

    index: int
    tile: int
    tiles: int
    number: int
    probe: Probe


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The source of an encode is open, and nothing is coded yet.

    header: of the file to come. frames_estimate: None if the input does not say.
    """

    header: Header
    frames_estimate: int | None


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """An interrupted run is continued. frames: already coded, in the file `part`."""

    frames: int
    part: str


@dataclass(frozen=True, kw_only=True)
class Started:
    """Coding begins.

    job: "encode", "decode", "verify" or "compare". frames_estimate: None if the input does not say. width, height: of
    the coded picture, in pixels. frame_rate: frames per second, None if unknown. max_tokens: the most that one full
    block may have, all tiles together. threshold: MSE on [-1, 1]. frames_done: frames that a resumed run finds already
    coded.
    """

    job: str
    frames_estimate: int | None
    width: int
    height: int
    frame_rate: float | None
    model: str
    block_frames: int
    gop_blocks: int
    max_tokens: int
    target: str = ""
    threshold: float = 0.0
    search: str = ""
    frames_done: int = 0

    @classmethod
    def of(cls, job: str, header: Header, frames_estimate: int | None, frames_done: int = 0) -> Self:
        """Fill in what the file's header says."""
        width, height = header.coded_size
        return cls(
            job=job,
            frames_estimate=frames_estimate,
            width=width,
            height=height,
            frame_rate=float(header.frame_rate) if header.frame_rate else None,
            model=header.model,
            block_frames=header.block_frames,
            gop_blocks=header.gop_blocks,
            max_tokens=header.max_tokens * header.geometry.tiles,
            target=header.target,
            threshold=header.threshold,
            search=header.search,
            frames_done=frames_done,
        )


@dataclass(frozen=True, kw_only=True)
class BlockDone:
    """One block is coded (encode) or shown (decode).

    index, gop, first_frame: numbers from the start of the file. frames: of this block. counts: tokens per tile, row by
    row from the top left. probes: every candidate in the order of the search, tile after tile; empty in decode. mse:
    mean over the tiles, on [-1, 1], each weighted by its visible area; encode measures it, decode reads it from the
    file. met: every tile meets the threshold. tokens, max_tokens: of all tiles. bits: of the entropy-coded tokens; the
    coder may hold back a few bits, which then count for the next block. why: why the search stopped, for the first
    tile that misses the threshold, or else for the tile with the most tokens.
    """

    index: int
    gop: int
    first_frame: int
    frames: int
    counts: tuple[int, ...]
    probes: tuple[Probe, ...] = ()
    mse: float
    met: bool
    tokens: int
    max_tokens: int
    bits: int = 0
    why: str = ""


@dataclass(frozen=True, kw_only=True)
class BlockEarly:
    """With several jobs: a block is coded before its turn. Its `BlockDone` follows when all blocks before it are done.

    index: of the block in the file. frames: of the block.
    """

    index: int
    frames: int


@dataclass(frozen=True, kw_only=True)
class Warned:
    """Something that the user should know: one sentence, reported once."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Finished:
    """Totals of the run.

    frames, blocks, tokens and so on count everything in the file, with what a resumed run found there. max_tokens: the
    most that all blocks together may have. mse: mean over all frames, on [-1, 1]; 0 where nothing was measured. probes:
    candidates measured. bytes_in: size of the input, None for a stream of unknown length. bytes_out: size of the .etok
    file. duration_s: of the video. seconds: that the run took. partial: a part of the input could not be read; the
    rest is complete.
    """

    frames: int
    blocks: int
    blocks_met: int
    blocks_missed: int
    tokens: int
    max_tokens: int
    mse: float
    probes: int
    bytes_in: int | None
    bytes_out: int
    duration_s: float
    seconds: float
    partial: bool = False


@dataclass(frozen=True, kw_only=True)
class BlockChecked:
    """`verify` checked one block.

    stored_mse, stored_met: what the file says, mse as in `BlockDone`. mse: measured again, on [-1, 1]; None without a
    source. ok: the tokens decode, and a block that is stored as met is met.
    """

    index: int
    gop: int
    first_frame: int
    frames: int
    tokens: int
    stored_mse: float
    stored_met: bool
    mse: float | None
    ok: bool


@dataclass(frozen=True, kw_only=True)
class Verified:
    """The end of `verify`.

    blocks_false: stored as met, and not met. mse: measured again over all frames, on [-1, 1]; None without a source.
    findings: everything that is wrong, one sentence each; empty if the file is good. seconds: that the check took.
    blocks_unmatched: blocks for whose times the source has no frame. Each is a finding, too.
    """

    frames: int
    blocks: int
    blocks_false: int
    mse: float | None
    findings: tuple[str, ...]
    seconds: float
    blocks_unmatched: int = 0


@dataclass(frozen=True, kw_only=True)
class PassStarted:
    """A pass over the source begins. number: from 1. max_passes: how many there may be. threshold: MSE on [-1, 1]."""

    number: int
    max_passes: int
    threshold: float


@dataclass(frozen=True, kw_only=True)
class PassDone:
    """A pass over the source is done.

    threshold: the largest of its blocks, MSE on [-1, 1]. bytes_out: size of its file. fill_ratio: that size over the
    target size.
    """

    number: int
    threshold: float
    bytes_out: int
    fill_ratio: float


@dataclass(frozen=True, kw_only=True)
class SizeReached:
    """All passes are done. kept: number of the pass whose file is kept. threshold, fill_ratio: as in its `PassDone`."""

    passes: int
    kept: int
    threshold: float
    fill_ratio: float


Event = (
    Opened
    | Resumed
    | Started
    | BlockDone
    | BlockChecked
    | BlockEarly
    | Warned
    | Finished
    | Verified
    | PassStarted
    | PassDone
    | SizeReached
)
