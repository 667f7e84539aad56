"""What an .etok file is made of, version 1: the structures. To be read beside docs/format.md.

    signature, HEAD, then per GOP: "GOP " and "AUD ", then INDX, TAIL

`chunks` turns each of these structures into the payload of its chunk and back, `writer` and `reader` put the chunks
into a file. Nothing here touches a token: to this room they are bytes (see `entropy`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

FORMAT_VERSION = 1
SIGNATURE = b"\xeeETK\r\n\x1a\n"
SUFFIX = ".etok"

HEAD, GOP, AUD, INDX, TAIL = b"HEAD", b"GOP ", b"AUD ", b"INDX", b"TAIL"

# The largest payload of each type. A longer one is refused before a byte of it is read.
MOST_BYTES = {HEAD: 1 << 20, GOP: 1 << 28, AUD: 1 << 26, INDX: 1 << 26, TAIL: 20}
MOST_UNKNOWN = 1 << 28  # a chunk type that may be skipped

# Bounds on what a payload of few bytes may claim (a run of a million PTS is two bytes long).
MOST_SIDE = 1 << 16
MOST_GOP_FRAMES = 1 << 16
MOST_GOP_RECORDS = 1 << 17
MOST_EXTRA = 1 << 20

MOST_TERM = 1 << 31  # of a ratio: FFmpeg, and every file that it writes, has 31 bits
MOST_END = 1 << 57  # as for any other PTS (`timing`)

TARGETS = ("mse", "psnr", "tokens", "size", "bpp")
MSE_MOST = 4.0  # of pixels on [-1, 1]
OCTAVE = 2048  # the measured MSE is stored in steps of 1/2048 octave (0.0015 dB)

PtsArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class AudioStream:
    """One copied audio track: what a muxer needs to write its packets again."""

    codec: str
    time_base: Fraction
    sample_rate: int
    channels: int
    layout: str
    frame_size: int = 0
    extradata: bytes = b""


@dataclass(frozen=True)
class AudioPacket:
    """One packet of audio stream number `stream`, as it was in the source; times in that stream's time base."""

    stream: int
    pts: int
    dts: int
    duration: int
    flags: int
    data: bytes


@dataclass(frozen=True)
class Geometry:
    """The picture that a model sees. height, width: padded. tile: (height, width) or None for one whole picture."""

    height: int
    width: int
    tile: tuple[int, int] | None
    block_frames: int

    @property
    def tiles(self) -> int:
        """Tiles a block has, in rows from the top left."""
        if self.tile is None:
            return 1
        return -(-self.height // self.tile[0]) * -(-self.width // self.tile[1])


@dataclass(frozen=True)
class Header:
    """HEAD: what holds for the whole file. Sizes are (width, height), as people say them; `tile` is (height, width).

    coded_size: frames as the model's frames are cut back to. display_size: as a player shows them. source_size: as
    they were in the input. rotation: degrees, 0, 90, 180 or 270. colour: primaries, transfer, matrix, range (FFmpeg's
    numbers). target: one of TARGETS, target_value as the user gave it. threshold: the MSE on [-1, 1] that a block had
    to meet (MSE_MOST where the target is no quality), which also is what stored errors are relative to.
    steps: entries of the model's quantiser ladder. channels: numbers in one token. max_tokens: the most that one full
    block (or tile of it) may have. extra: anything else that is JSON.
    Raises ValueError where a field cannot be.
    """

    tool: str
    model: str
    model_digest: bytes
    generation: int
    syntax: str
    block_frames: int
    gop_blocks: int
    coded_size: tuple[int, int]
    display_size: tuple[int, int]
    source_size: tuple[int, int]
    time_base: Fraction
    multiple: int = 1
    tile: tuple[int, int] | None = None
    rotation: int = 0
    sar: Fraction = Fraction(1)
    colour: tuple[int, int, int, int] = (2, 2, 2, 0)
    frame_rate: Fraction | None = None
    target: str = "mse"
    target_value: float = 0.007
    threshold: float = 0.007
    search: str = ""
    steps: int = 0
    channels: int = 1
    is_still: bool = False
    max_tokens: int = 0
    audio: tuple[AudioStream, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        def need(ok: bool, what: str) -> None:
            if not ok:
                raise ValueError(what)

        need(len(self.model_digest) == 16, "the model digest must have 16 bytes")
        for what, ratio in self._ratios():
            need(max(ratio.numerator, ratio.denominator) < MOST_TERM, f"a {what} of {ratio}")
        for name, (width, height) in self._sizes().items():
            need(
                0 < width <= MOST_SIDE and 0 < height <= MOST_SIDE,
                f"{width}x{height} is no {name}",
            )
        need(
            0 < self.multiple <= MOST_SIDE,
            f"frames cannot be padded to multiples of {self.multiple}",
        )
        need(self.rotation in (0, 90, 180, 270), f"a rotation of {self.rotation} degrees")
        need(self.target in TARGETS, f"unknown target {self.target!r}")
        # 0 is lossless: reachable by a model that has it, and a wish like any other for one that has not
        need(
            0 <= self.threshold <= MSE_MOST,
            f"{self.threshold} is no mean squared error",
        )
        need(math.isfinite(self.target_value), f"the target is {self.target_value}")
        need(
            0 < self.block_frames <= MOST_GOP_FRAMES,
            f"{self.block_frames} frames in a block",
        )
        need(
            0 < self.gop_blocks * self.block_frames <= MOST_GOP_FRAMES,
            f"{self.gop_blocks} blocks in a GOP",
        )
        need(0 < self.channels <= 255, f"{self.channels} numbers in a token")
        need(
            all(c >= 0 for c in (*self.colour, self.generation, self.steps, self.max_tokens)),
            "a negative number",
        )
        samples = self.geometry.height * self.geometry.width * self.block_frames * 3
        need(
            self.max_tokens <= samples,
            f"{self.max_tokens} tokens for {samples} samples",
        )

    def _ratios(self) -> Iterator[tuple[str, Fraction]]:
        yield "time base", self.time_base
        yield "sample aspect ratio", self.sar
        if self.frame_rate is not None:
            yield "frame rate", self.frame_rate
        for stream in self.audio:
            yield "time base of sound", stream.time_base

    def _sizes(self) -> dict[str, tuple[int, int]]:
        tile = self.tile or (1, 1)
        return {
            "coded size": self.coded_size,
            "display size": self.display_size,
            "source size": self.source_size,
            "tile size": (tile[1], tile[0]),
        }

    @cached_property
    def geometry(self) -> Geometry:
        """The padded picture and its tiles."""
        width, height = (-(-side // self.multiple) * self.multiple for side in self.coded_size)
        if self.tile is not None:
            height = -(-height // self.tile[0]) * self.tile[0]
            width = -(-width // self.tile[1]) * self.tile[1]
        return Geometry(height, width, self.tile, self.block_frames)

    @cached_property
    def tile_shares(self) -> tuple[float, ...]:
        """The part of the visible picture that each tile shows. The shares add up to 1; padding counts nothing."""
        width, height = self.coded_size
        padded = self.geometry
        tile_height, tile_width = padded.tile or (padded.height, padded.width)
        return tuple(
            max(0, min(tile_height, height - y)) * max(0, min(tile_width, width - x)) / (height * width)
            for y in range(0, padded.height, tile_height)
            for x in range(0, padded.width, tile_width)
        )

    @property
    def end_pts(self) -> int | None:
        """Where the last frame ends, if `extra` says so: where frame rate and the frame before it do not tell."""
        end = self.extra.get("end_pts")
        return end if type(end) is int and abs(end) < MOST_END else None

    def last_end(self, last: int, step: int) -> int:
        """Where the video's last frame ends, in ticks: as `end_pts` says, else it is as long as the one before it
        (step), or as the frame rate says if there is none (step 0). last: its PTS."""
        if self.end_pts is not None and self.end_pts > last:
            return self.end_pts
        if not step and self.frame_rate:
            step = round(1 / (self.frame_rate * self.time_base))
        return last + step

    @property
    def languages(self) -> tuple[str, ...]:
        """Of the audio streams, three letters each, if `extra` says so; "" where it does not."""
        said = self.extra.get("languages")
        if not isinstance(said, list) or len(said) != len(self.audio):
            return ("",) * len(self.audio)
        return tuple(str(one) if re.fullmatch("[a-z]{3}", str(one)) else "" for one in said)

    @property
    def is_part(self) -> bool:
        """The file begins within its source; players count its times from its first frame."""
        return self.extra.get("part") is True

    @property
    def is_measured(self) -> bool:
        """Blocks were reconstructed when the file was made; otherwise all its errors are NaN."""
        return self.extra.get("measured") is not False

    def seconds(self, pts: int) -> float:
        """A PTS in seconds."""
        return float(pts * self.time_base)


@dataclass(frozen=True)
class TileRecord:
    """One tile of one block: tokens kept, whether the threshold is met, its measured MSE, its quantiser step.

    mse is NaN if the file's blocks were not measured.
    """

    count: int
    met: bool
    mse: float
    step: int = 0


@dataclass(frozen=True)
class BlockRecord:
    """One block: its frames, one record per tile, and how much of the picture each tile shows.

    tile_shares: `Header.tile_shares`. Raises ValueError if there is not one share per tile.
    """

    frames: int
    tiles: tuple[TileRecord, ...]
    tile_shares: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if len(self.tile_shares) != len(self.tiles):
            raise ValueError(f"{len(self.tile_shares)} tile shares for {len(self.tiles)} tiles")

    @property
    def count(self) -> int:
        """Tokens of all tiles."""
        return sum(tile.count for tile in self.tiles)

    @property
    def met(self) -> bool:
        """Every tile meets the threshold."""
        return all(tile.met for tile in self.tiles)

    @property
    def mse(self) -> float:
        """The error over the visible pixels of the block. NaN if the file's blocks were not measured."""
        return sum(tile.mse * share for tile, share in zip(self.tiles, self.tile_shares, strict=True))


@dataclass(frozen=True, eq=False)
class Gop:
    """One GOP. pts: int64 (frames,), rising. payload: the tokens of all blocks as one range-coder stream.

    digest: CRC-32 over the decoded tokens (`TokensLike.crc`), by which a mismatch of tables is told from damage.
    """

    first_frame: int
    pts: PtsArray
    blocks: tuple[BlockRecord, ...]
    payload: bytes
    digest: int

    @property
    def frames(self) -> int:
        """Frames of all blocks."""
        return len(self.pts)

    @property
    def count(self) -> int:
        """Tokens of all blocks."""
        return sum(block.count for block in self.blocks)


@dataclass(frozen=True)
class IndexEntry:
    """INDX, one GOP: where its chunk starts in the file, and what is in it."""

    offset: int
    length: int  # of the chunk's payload
    first_frame: int
    frames: int
    tokens: int
    first_pts: int


def mse_code(mse: float, threshold: float) -> int:
    """A measured MSE above 0 as it is stored: a signed number of 1/2048 octaves from the threshold.

    An error above the threshold never rounds onto it, one at or below it never rounds above it.
    """
    reference = threshold or MSE_MOST
    steps = round(OCTAVE * math.log2(mse / reference))
    return max(1, steps) if mse > reference else min(0, steps)


def mse_value(code: int, threshold: float) -> float:
    """The MSE that a stored number stands for, exactly the threshold for 0."""
    return float((threshold or MSE_MOST) * 2.0 ** (code / OCTAVE))
