"""Token usage of a file, block by block, from its block tables. No token is decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from ..container import BlockRecord, Header, Reader
from ..metrics import psnr_db, worst_and_low
from ..units import one_line, utf8

# A block with this many times the tokens of its neighbours shows new content, mostly a cut.
CUT_FACTOR = 1.8
BEFORE, AFTER = 4, 2  # neighbours that are compared
MIN_NEIGHBOURS = 2


@dataclass(frozen=True, kw_only=True)
class BlockUse:
    """One block. time_s: of its first frame, from the start of the file; duration_s: to the next block.

    tokens, max_tokens: of all tiles. mse: on [-1, 1], over the visible pixels. qindex: of the finest tile.
    is_short: has fewer frames than the blocks of its file, as the last one often has. starts_gop: has no reference.
    cut: needs far more tokens than its neighbours although it has a reference.
    """

    index: int
    gop: int
    first_frame: int
    frames: int
    time_s: float
    duration_s: float
    tokens: int
    max_tokens: int
    mse: float
    met: bool
    qindex: int
    is_short: bool
    starts_gop: bool
    cut: bool = False

    @property
    def psnr_db(self) -> float:
        """Infinite where nothing is lost."""
        return psnr_db(self.mse)


@dataclass(frozen=True, kw_only=True)
class Usage:
    """A whole file. parts: bytes by purpose, as `Reader.chunk_bytes`. Times are in seconds.

    first_s: of the first frame, on the source's clock. gop_bytes: of each GOP's tokens and tables in the file.
    """

    name: str
    header: Header
    blocks: tuple[BlockUse, ...]
    gops: int
    duration_s: float
    parts: Mapping[str, int]
    first_s: float = 0.0
    gop_bytes: tuple[int, ...] = ()

    @property
    def title(self) -> str:
        """The file's name without its folder, as it can be drawn."""
        return one_line(utf8(Path(self.name).name))

    @property
    def frames(self) -> int:
        """Frames in the file."""
        return sum(block.frames for block in self.blocks)

    @property
    def tokens(self) -> int:
        """Tokens of all blocks."""
        return sum(block.tokens for block in self.blocks)

    @property
    def max_tokens(self) -> int:
        """The most that all blocks together could have."""
        return sum(block.max_tokens for block in self.blocks)

    @property
    def full_blocks(self) -> tuple[BlockUse, ...]:
        """Blocks with all their frames, whose token counts can be compared; all blocks if every one is short."""
        return tuple(block for block in self.blocks if not block.is_short) or self.blocks

    @property
    def missed(self) -> int:
        """Blocks that do not meet the threshold."""
        return sum(not block.met for block in self.blocks)

    @property
    def mse(self) -> float:
        """Mean over all frames, 0 for a file without any."""
        return sum(block.mse * block.frames for block in self.blocks) / max(1, self.frames)

    @property
    def worst_and_low(self) -> tuple[float, float]:
        """MSE of the worst block, and the MSE that the blocks of 99 % of the frames stay within."""
        return worst_and_low((block.mse, block.frames) for block in self.blocks)

    @property
    def bytes(self) -> int:
        """Size of the file."""
        return sum(self.parts.values())

    @property
    def bpp(self) -> float:
        """Bits per coded pixel: everything in the file but the sound."""
        width, height = self.header.coded_size
        return 8 * (self.bytes - self.parts.get("sound", 0)) / max(1, self.frames * width * height)


def read_usage(reader: Reader, name: str | None = None) -> Usage:
    """One pass over a file. Raises DamagedFile where it is damaged."""
    header = reader.header
    blocks: list[BlockUse] = []
    times: list[float] = []  # when each block begins, and when the last ends
    last = step = 0  # PTS of the last frame, and its distance from the one before it
    for number, gop in enumerate(reader.gops()):
        at = 0
        for record in gop.blocks:
            times.append(header.seconds(int(gop.pts[at])))
            block = _block(record, header)
            first_frame, starts_gop = gop.first_frame + at, at == 0
            blocks.append(replace(block, index=len(blocks), gop=number, first_frame=first_frame, starts_gop=starts_gop))
            at += record.frames
        last, step = int(gop.pts[-1]), int(gop.pts[-1] - gop.pts[-2]) if gop.frames > 1 else step
    if blocks:
        times.append(times[-1] if header.is_still else header.seconds(header.video_end(last, step)))
        spans = zip(blocks, times, times[1:], strict=False)
        blocks = _with_cuts([replace(b, time_s=a - times[0], duration_s=z - a) for b, a, z in spans])
    return Usage(
        name=name or reader.name,
        header=header,
        blocks=tuple(blocks),
        gops=len(reader.index),
        duration_s=times[-1] - times[0] if times else 0.0,
        parts=reader.chunk_bytes,
        first_s=times[0] if times else 0.0,
        gop_bytes=tuple(entry.length for entry in reader.index),
    )


def goal(usage: Usage) -> str:
    """The goal of the encode, in a few words."""
    header = usage.header
    if header.target == "tokens":
        return f"{header.target_value:g} tokens per block"
    if header.target == "psnr":
        return f"{header.target_value:g} dB"
    return f"threshold {header.threshold:.4g}"


def cumulative_bytes(usage: Usage) -> list[float]:
    """Bytes of tokens up to the end of each block.

    Exact where a GOP ends. Within a GOP in proportion to the tokens, since its blocks share one range-coded stream.
    """
    totals = [0] * len(usage.gop_bytes)
    for block in usage.blocks:
        totals[block.gop] += block.tokens + 1  # a block without tokens costs bytes too
    out, spent = [], 0.0
    for block in usage.blocks:
        spent += usage.gop_bytes[block.gop] * (block.tokens + 1) / totals[block.gop]
        out.append(spent)
    return out


def _block(record: BlockRecord, header: Header) -> BlockUse:
    """What one record says; the block's position and time are filled in by `read_usage`."""
    # Models with tiles code all positions of a block, however few frames it shows (models/elastic/adapter.py).
    frames = record.frames if header.tile_hw is None else header.block_frames
    return BlockUse(
        index=0,
        gop=0,
        first_frame=0,
        frames=record.frames,
        time_s=0.0,
        duration_s=0.0,
        tokens=record.count,
        max_tokens=header.max_tokens * frames // header.block_frames * len(record.tiles),
        mse=record.mse,
        met=record.met,
        qindex=min(tile.qindex for tile in record.tiles),
        is_short=record.frames < header.block_frames,
        starts_gop=False,
    )


def _with_cuts(blocks: Sequence[BlockUse]) -> list[BlockUse]:
    """Mark blocks with far more tokens per frame than their neighbours; of several in a row, the first.

    The first block of a GOP always has more, and is not marked. A cut near the end of a block makes the next block
    expensive too.
    """
    rates = [block.tokens / block.frames for block in blocks]
    out: list[BlockUse] = []
    high = False
    for i, block in enumerate(blocks):
        near = [j for j in range(max(0, i - BEFORE), min(len(blocks), i + AFTER + 1)) if j != i]
        usual = [rates[j] for j in near if not blocks[j].starts_gop]
        before, high = high, False
        if len(usual) >= MIN_NEIGHBOURS and not block.starts_gop:
            last = 0.0 if blocks[i - 1].starts_gop else rates[i - 1]
            high = rates[i] > CUT_FACTOR * max(last, median(usual))
        out.append(replace(block, cut=high and not before))
    return out
