"""The structures of an .etok file, version 1, and their limits. Read it beside docs/format.md.

    signature, HEAD, then per GOP: "GOP " and "AUD ", then INDX, TAIL

`head` and `chunks` turn each structure into the payload of its chunk and back, `framing` puts payloads into chunks,
`reader` and `writer` handle whole files. The room container/ treats tokens as bytes; `entropy` knows what they mean.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from ..types import AudioTrack
from ..units import last_frame_ticks

FORMAT_VERSION = 1
SIGNATURE = b"\xeeETK\r\n\x1a\n"
SUFFIX = ".etok"

HEAD, GOP, AUD, INDX, TAIL = b"HEAD", b"GOP ", b"AUD ", b"INDX", b"TAIL"

# The largest payload of each type. A longer one is refused before any of it is read.
MAX_BYTES = {HEAD: 1 << 20, GOP: 1 << 28, AUD: 1 << 26, INDX: 1 << 26, TAIL: 20}
MAX_UNKNOWN_BYTES = 1 << 28  # a chunk type that readers may skip

# Limits on what a short payload may claim: the PTS of a million frames fit two bytes.
MAX_SIDE = 1 << 16
MAX_GOP_FRAMES = 1 << 16
MAX_GOP_RECORDS = 1 << 17
MAX_METADATA_BYTES = 1 << 20

MAX_TERM = 1 << 31  # of a ratio: FFmpeg, and every file that it writes, has 31 bits
MAX_PTS = 1 << 57  # second differences, their sign and a flag then fit a field

TARGETS = ("mse", "psnr", "tokens", "size", "bpp")
MAX_MSE = 4.0  # of pixels on [-1, 1]
OCTAVE = 2048  # measured MSEs are stored in steps of 1/2048 octave (0.0015 dB)

PtsArray = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """The picture that a model sees, in pixels.

    height, width: with padding. tile_hw: (height, width) of a tile; of the whole picture if it is not cut into tiles.
    """

    height: int
    width: int
    tile_hw: tuple[int, int]

    @property
    def tiles(self) -> int:
        """Number of tiles per block. They are numbered in rows from the top left."""
        return (self.height // self.tile_hw[0]) * (self.width // self.tile_hw[1])


@dataclass(frozen=True, kw_only=True)
class Header:
    """HEAD: what holds for the whole file. Sizes are (width, height), but `tile_hw` is (height, width), like arrays.

    tool: version of elastictok that wrote the file. model_digest: first 16 bytes of the SHA-256 of the weights.
    coded_size: frames as they are encoded, without padding. display_size: as a player shows them. source_size: as they
    were in the input. multiple: frames are padded to multiples of it, at the right and the bottom.
    rotation: degrees, 0, 90, 180 or 270. sar: sample aspect ratio. colour: primaries, transfer, matrix, range (FFmpeg's
    numbers). time_base: seconds per tick of a PTS. frame_rate: average, None if unknown.
    target: one of TARGETS. target_value: as the user gave it. threshold: the MSE on [-1, 1] that each block had to
    meet (MAX_MSE if the target is no quality); stored errors are relative to it. search: name of the strategy.
    num_qindex: entries of the model's quantiser ladder. channels: numbers per token. max_tokens: most tokens of one
    full block (of one tile if there are tiles). extra: other metadata, anything that JSON can hold.
    Raises ValueError for a field that is out of range.
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
    tile_hw: tuple[int, int] | None = None
    rotation: int = 0
    sar: Fraction = Fraction(1)
    colour: tuple[int, int, int, int] = (2, 2, 2, 0)
    frame_rate: Fraction | None = None
    target: str = "mse"
    target_value: float = 0.007
    threshold: float = 0.007
    search: str = ""
    num_qindex: int = 0
    channels: int = 1
    is_still: bool = False
    max_tokens: int = 0
    audio: tuple[AudioTrack, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        def need(ok: bool, what: str) -> None:
            if not ok:
                raise ValueError(what)

        need(len(self.model_digest) == 16, "the model digest must have 16 bytes")
        for what, ratio in self._ratios():
            need(max(ratio.numerator, ratio.denominator) < MAX_TERM, f"a {what} of {ratio}")
        for name, (width, height) in self._sizes().items():
            need(0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE, f"{width}x{height} is no {name}")
        need(0 < self.multiple <= MAX_SIDE, f"frames cannot be padded to multiples of {self.multiple}")
        need(self.rotation in (0, 90, 180, 270), f"a rotation of {self.rotation} degrees")
        need(self.target in TARGETS, f"unknown target {self.target!r}")
        # 0 is lossless. Some models reach it; for the others every block misses the threshold.
        need(0 <= self.threshold <= MAX_MSE, f"{self.threshold} is not a mean squared error")
        need(math.isfinite(self.target_value), f"the target is {self.target_value}")
        need(0 < self.block_frames <= MAX_GOP_FRAMES, f"{self.block_frames} frames in a block")
        need(0 < self.gop_blocks * self.block_frames <= MAX_GOP_FRAMES, f"{self.gop_blocks} blocks in a GOP")
        need(0 < self.channels <= 255, f"{self.channels} numbers in a token")
        numbers = (*self.colour, self.generation, self.num_qindex, self.max_tokens)
        need(all(number >= 0 for number in numbers), "a negative number")
        samples = self.geometry.height * self.geometry.width * self.block_frames * 3
        need(self.max_tokens <= samples, f"{self.max_tokens} tokens for {samples} samples")

    def _ratios(self) -> Iterator[tuple[str, Fraction]]:
        yield "time base", self.time_base
        yield "sample aspect ratio", self.sar
        if self.frame_rate is not None:
            yield "frame rate", self.frame_rate
        for stream in self.audio:
            yield "time base of sound", stream.time_base

    def _sizes(self) -> dict[str, tuple[int, int]]:
        tile = self.tile_hw or (1, 1)
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
        if self.tile_hw is None:
            return Geometry(height=height, width=width, tile_hw=(height, width))
        rows, columns = -(-height // self.tile_hw[0]), -(-width // self.tile_hw[1])
        return Geometry(height=rows * self.tile_hw[0], width=columns * self.tile_hw[1], tile_hw=self.tile_hw)

    @cached_property
    def tile_shares(self) -> tuple[float, ...]:
        """The part of the visible picture that each tile shows. The shares add up to 1; padding counts nothing."""
        width, height = self.coded_size
        padded = self.geometry
        tile_height, tile_width = padded.tile_hw
        return tuple(
            max(0, min(tile_height, height - y)) * max(0, min(tile_width, width - x)) / (height * width)
            for y in range(0, padded.height, tile_height)
            for x in range(0, padded.width, tile_width)
        )

    @property
    def end_pts(self) -> int | None:
        """Where the last frame ends, in ticks. None if it ends as usual (see `video_end`)."""
        end = self.extra.get("end_pts")
        return end if type(end) is int and abs(end) < MAX_PTS else None

    def video_end(self, last_pts: int, last_step: int) -> int:
        """Where the video ends, in ticks: `end_pts` if it is known, else by the usual duration of a last frame.

        last_pts: of the last frame. last_step: ticks between the last two frames, 0 if there is only one.
        """
        if self.end_pts is not None and self.end_pts > last_pts:
            return self.end_pts
        return last_pts + last_frame_ticks(last_step or None, self.frame_rate, self.time_base)

    @property
    def languages(self) -> tuple[str, ...]:
        """The language of each audio track: three letters, "" if unknown."""
        return tuple(track.language for track in self.audio)

    @property
    def is_part(self) -> bool:
        """Whether the file starts inside its source. Players then count its times from its first frame."""
        return self.extra.get("part") is True

    @property
    def is_measured(self) -> bool:
        """Whether blocks were reconstructed and measured when the file was written. If not, all its errors are NaN."""
        return self.extra.get("measured") is not False

    def seconds(self, pts: int) -> float:
        """Convert a PTS to seconds."""
        return float(pts * self.time_base)


@dataclass(frozen=True, kw_only=True)
class TileRecord:
    """One tile of one block.

    count: tokens kept. met: whether the tile meets the threshold. mse: measured over its visible pixels; NaN if the
    file's blocks were not measured. qindex: index into the model's quantiser ladder.
    """

    count: int
    met: bool
    mse: float
    qindex: int = 0


@dataclass(frozen=True, kw_only=True)
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


@dataclass(frozen=True, eq=False, kw_only=True)
class Gop:
    """One GOP.

    pts: int64 (frames,), rising. payload: the tokens of all blocks as one range-coder stream. digest: CRC-32 over the
    decoded tokens (`Tokens.crc`). It tells tokens that other weights decoded wrongly from damage.
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

    def index_entry(self, offset: int, length: int) -> IndexEntry:
        """Return the index entry of this GOP. offset: of its chunk in the file. length: of the chunk's payload."""
        return IndexEntry(
            offset=offset,
            length=length,
            first_frame=self.first_frame,
            frames=self.frames,
            tokens=self.count,
            first_pts=int(self.pts[0]),
        )


@dataclass(frozen=True, kw_only=True)
class IndexEntry:
    """INDX, one GOP: what it holds, and the offset of its chunk in the file."""

    offset: int
    length: int  # of the chunk's payload
    first_frame: int
    frames: int
    tokens: int
    first_pts: int


def mse_code(mse: float, threshold: float) -> int:
    """Return the stored form of an MSE above 0: its distance from the threshold in steps of 1/2048 octave.

    An MSE above the threshold is never rounded onto it, and one at or below it is never rounded above it.
    """
    reference = threshold or MAX_MSE
    steps = round(OCTAVE * math.log2(mse / reference))
    return max(1, steps) if mse > reference else min(0, steps)


def mse_value(code: int, threshold: float) -> float:
    """Return the MSE of a stored code. Code 0 gives exactly the threshold."""
    return float((threshold or MAX_MSE) * 2.0 ** (code / OCTAVE))
