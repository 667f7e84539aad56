"""What happens while a file is coded, as plain data. The progress bar, `--json` and the tests render these.

Errors are on the scale of pixels on [-1, 1] (metrics.py), times in seconds, sizes in bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..container import Header


@dataclass(frozen=True, slots=True)
class Probe:
    """One candidate that the search tried: quantiser step, tokens, and the MSE of what decode would show.

    mse is NaN where only tokens were counted (a fixed count needs no reconstruction)."""

    step: int
    count: int
    mse: float


@dataclass(frozen=True, slots=True)
class Tried:
    """One candidate of a block in the making, for those who wait for slow models: no event of its own, since
    the block's `BlockDone` has all its candidates. number: of the try, from 1, in this tile."""

    index: int
    tile: int
    tiles: int
    number: int
    probe: Probe


@dataclass(frozen=True, kw_only=True)
class Opened:
    """The source of an encode is open, and nothing is coded yet. header: of the file to come.

    frames_estimate: None if the input does not say.
    """

    header: Header
    frames_estimate: int | None


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """An interrupted run is continued. frames: already coded, in the file `part`."""

    frames: int
    part: str


@dataclass(frozen=True)
class Started:
    """Coding begins. width, height: of the coded picture. frames_estimate: None if the input does not say.

    job: "encode", "decode" or "verify". frames_done: frames that a resumed run finds already coded.
    max_tokens: the most that one full block may have, all tiles together.
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


@dataclass(frozen=True)
class BlockDone:
    """One block is coded (encode) or shown (decode).

    index, gop, first_frame: numbers from the start of the file. counts: tokens per tile, in rows from the top
    left. probes: everything that the search tried, in order, tiles one after the other; empty in decode. mse:
    measured, the mean over the tiles weighted by what is visible of them; decode gives the stored one. met:
    every tile meets the threshold. tokens, max_tokens: of all tiles. bits: of the entropy-coded tokens; the
    coder may still hold back a few bits that the next block then gets. why: why the search stopped; of the
    tile that misses, if one does.
    """

    index: int
    gop: int
    first_frame: int
    frames: int
    counts: tuple[int, ...]
    probes: tuple[Probe, ...]
    mse: float
    met: bool
    tokens: int
    max_tokens: int
    bits: int
    why: str = ""


@dataclass(frozen=True)
class Ahead:
    """With several jobs: a block is coded before its turn. Its `BlockDone` comes when all before it are done."""

    index: int
    frames: int


@dataclass(frozen=True)
class Warned:
    """Something the user should know, one sentence, said once."""

    text: str


@dataclass(frozen=True)
class Finished:
    """Totals of the run. mse: mean over all frames (0 where nothing was measured). probes: candidates tried.

    bytes_in: size of the input (None for a stream of unknown length). bytes_out: of the .etok file.
    frames, blocks and so on count what is in the file, with what a resumed run found there.
    partial: a part of the input could not be read; what could be is written whole.
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


@dataclass(frozen=True)
class BlockChecked:
    """verify measured one block again. stored_mse, stored_met: what the file says; mse: what is; None without
    a source.

    ok: the tokens decode, and a block that is stored as met is met.
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


@dataclass(frozen=True)
class Verified:
    """The end of verify. findings: everything that is wrong, one sentence each; [] if the file is good.

    blocks_false: stored as met and not met. mse: measured again over all frames, None without a source.
    blocks_unmatched: of whose times the source has no frame; each is a finding too, though not of the file.
    """

    frames: int
    blocks: int
    blocks_false: int
    mse: float | None
    findings: tuple[str, ...]
    seconds: float
    blocks_unmatched: int = 0


@dataclass(frozen=True)
class PassStarted:
    """A pass over the source begins, of at most `most`. threshold: of this pass."""

    number: int
    most: int
    threshold: float


@dataclass(frozen=True)
class PassDone:
    """It is over. bytes_out: of its file. part: of the size that was asked for."""

    number: int
    threshold: float
    bytes_out: int
    part: float


@dataclass(frozen=True)
class SizeReached:
    """Which of the passes is kept, counted from 1, with its threshold. part: of the size asked for."""

    passes: int
    kept: int
    threshold: float
    part: float


Event = (
    Opened
    | Resumed
    | Started
    | BlockDone
    | BlockChecked
    | Ahead
    | Warned
    | Finished
    | Verified
    | PassStarted
    | PassDone
    | SizeReached
)
