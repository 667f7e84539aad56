"""Token usage of a file, block by block, from its block tables. No token is decoded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from ..container import BlockRecord, Header, Reader
from ..metrics import psnr_db
from ..units import one_line, utf8

# So many times the tokens of the blocks around it a block needs where new content comes in, mostly at a cut.
CUT_FACTOR = 1.8
BEFORE, AFTER = 4, 2  # blocks around it that are compared
FEWEST = 2  # of these; fewer tell nothing


@dataclass(frozen=True)
class BlockUse:
    """One block. time_s: of its first frame, from the start of the file; duration_s: to the next block.

    tokens, max_tokens: of all tiles. mse: on [-1, 1], over what is visible. qindex: of the finest tile.
    starts_gop: has no past. cut: needs far more than the blocks around it though it has a past.
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
    starts_gop: bool
    cut: bool = False

    @property
    def psnr_db(self) -> float:
        """Infinite where nothing is lost."""
        return psnr_db(self.mse)


@dataclass(frozen=True)
class Usage:
    """A whole file. parts: bytes by what they are for, as `Reader.chunk_bytes`. times in seconds.

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
    def missed(self) -> int:
        """Blocks that do not meet the threshold."""
        return sum(not block.met for block in self.blocks)

    @property
    def mse(self) -> float:
        """Mean over all frames, 0 for a file without any."""
        return sum(block.mse * block.frames for block in self.blocks) / max(1, self.frames)

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
        for place, record in enumerate(gop.blocks):
            times.append(header.seconds(int(gop.pts[at])))
            blocks.append(_block(len(blocks), number, place, gop.first_frame + at, record, header))
            at += record.frames
        last, step = int(gop.pts[-1]), int(gop.pts[-1] - gop.pts[-2]) if gop.frames > 1 else step
    if blocks:
        times.append(header.seconds(header.video_end(last, step)))
        spans = zip(blocks, times, times[1:], strict=False)
        blocks = _with_cuts([replace(b, time_s=a - times[0], duration_s=z - a) for b, a, z in spans])
    duration = times[-1] - times[0] if times else 0.0
    first = times[0] if times else 0.0
    sizes = tuple(entry.length for entry in reader.index)
    return Usage(
        name or reader.name, header, tuple(blocks), len(reader.index), duration, reader.chunk_bytes, first, sizes
    )


def goal(usage: Usage) -> str:
    """What the file had to reach, in a few words."""
    header = usage.header
    if header.target == "tokens":
        return f"{header.target_value:g} tokens a block"
    if header.target == "psnr":
        return f"{header.target_value:g} dB"
    return f"threshold {header.threshold:.4g}"


def cumulative_bytes(usage: Usage) -> list[float]:
    """Bytes of tokens up to the end of each block. Exact where a GOP ends; within one, in proportion to the tokens,
    since a GOP's blocks share one range-coder stream."""
    totals = [0] * len(usage.gop_bytes)
    for block in usage.blocks:
        totals[block.gop] += block.tokens + 1  # every block costs something, without tokens too
    out, spent = [], 0.0
    for block in usage.blocks:
        spent += usage.gop_bytes[block.gop] * (block.tokens + 1) / totals[block.gop]
        out.append(spent)
    return out


def _block(index: int, gop: int, place: int, first: int, record: BlockRecord, header: Header) -> BlockUse:
    # Models with tiles have all their places in every block, however few frames it shows (models/adapter.py).
    frames = record.frames if header.tile_hw is None else header.block_frames
    most = header.max_tokens * frames // header.block_frames * len(record.tiles)
    qindex = min(tile.qindex for tile in record.tiles)
    return BlockUse(
        index, gop, first, record.frames, 0, 0, record.count, most, record.mse, record.met, qindex, place == 0
    )


def _with_cuts(blocks: Sequence[BlockUse]) -> list[BlockUse]:
    """Marks blocks that stand out of those around them, of several in a row the first.

    First blocks of GOPs always do, and are no cuts for it. A cut near the end of a block makes the next one
    dear too.
    """
    rates = [block.tokens / block.frames for block in blocks]
    out: list[BlockUse] = []
    high = False
    for i, block in enumerate(blocks):
        near = [j for j in range(max(0, i - BEFORE), min(len(blocks), i + AFTER + 1)) if j != i]
        usual = [rates[j] for j in near if not blocks[j].starts_gop]
        before, high = high, False
        if len(usual) >= FEWEST and not block.starts_gop:
            last = 0.0 if blocks[i - 1].starts_gop else rates[i - 1]
            high = rates[i] > CUT_FACTOR * max(last, median(usual))
        out.append(replace(block, cut=high and not before))
    return out
