"""Verify a file: its structure and checksums, its tokens, and, with its source, the error of every block."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing
from fractions import Fraction

import numpy as np

from ..container import BlockRecord, Reader, check_file
from ..errors import ElasticTokError, InputError
from ..metrics import HALF_RANGE, block_mse, squared_error, worst_and_low
from ..models.base import Frames, TokenModel
from ..video import Source
from .decoder import check_model, decode_blocks, parse
from .events import BlockChecked, Event, Started, Verified, Warned
from .gop_decoder import DecodedBlock, ParsedBlock
from .source_check import SourceCheck
from .tiling import Tiling

SAME_TIME_S = Fraction(1, 1000)  # frames of two files that are nearer are at the same time


def verify(
    reader: Reader, model: TokenModel | None = None, source: Source | None = None
) -> Generator[Event, None, None]:
    """Check as much of a file as model and source allow. Findings are yielded as `Warned` and listed in `Verified`.

    model: tokens are decoded and compared with their digest. source: opened at the file's coded size; every block is
    decoded and measured again. Frames are matched by their times, so the source may hold more than was encoded.

    Nothing that the file contains raises. Raises ValueError for a source without a model, UnsupportedFile for another
    model, InputError for another video than the source (source_check.py), and what reading the source raises.
    """
    if source is not None and model is None:
        raise ValueError("measuring needs the model")
    clock = time.monotonic()
    if model is not None:
        check_model(reader, model)
    yield Started.of("verify", reader.header, reader.frames)
    findings = [finding.text for finding in check_file(reader)]
    for text in findings:
        yield Warned(text=text)
    matched = None if source is None else _MatchedFrames(source, reader.name, reader.header.time_base)
    check = _Check(reader, matched)
    if model is not None and not findings:
        try:
            for event in check.blocks(model):
                yield event
                if isinstance(event, Warned):
                    findings.append(event.text)
        except InputError:  # of the source, not of the file
            raise
        except ElasticTokError as error:
            findings.append(str(error))
            yield Warned(text=str(error))
    if check.blocks_false:
        findings.append(f"{check.blocks_false} of {check.seen} blocks are stored as met and do not meet the threshold")
        yield Warned(text=findings[-1])
    worst, low = worst_and_low(check.frame_mses) if check.samples else (None, None)
    yield Verified(
        frames=check.frames or reader.frames,
        blocks=check.seen,
        blocks_false=check.blocks_false,
        mse=check.error / check.samples if check.samples else None,
        findings=tuple(findings),
        seconds=time.monotonic() - clock,
        blocks_unmatched=check.blocks_unmatched,
        worst_mse=worst,
        low_mse=low,
    )


class _Check:
    """Checks the blocks of a file and counts what it finds. matched: the source, None for tokens only."""

    def __init__(self, reader: Reader, matched: _MatchedFrames | None) -> None:
        self.reader, self.tiling, self.matched = reader, Tiling(reader.header), matched
        self.seen = self.blocks_false = self.blocks_unmatched = self.frames = 0
        self.error, self.samples = 0.0, 0  # squared error, and the pixel values that it is of
        self.frame_mses: list[tuple[float, int]] = []  # each with a weight of 1

    def blocks(self, model: TokenModel) -> Iterator[Event]:
        """Check every block. Raises the error of the first that cannot be decoded."""
        if self.matched is None:
            for parsed in parse(self.reader, model.tables, audio=False):
                if isinstance(parsed, Warned):
                    yield parsed
                elif isinstance(parsed, ParsedBlock):
                    yield self._checked(self.seen, parsed, None, True)
            return
        with closing(decode_blocks(self.reader, model, audio=False)) as items:
            for item in items:
                if isinstance(item, Warned):
                    yield item
                elif isinstance(item, DecodedBlock):
                    yield from self._measure(item, self.matched)

    def _measure(self, block: DecodedBlock, matched: _MatchedFrames) -> Iterator[Event]:
        source = matched.frames(block.pts)
        if source is None:
            yield Warned(text=f"block {block.index}: the source has no frame at its times; it is not the one encoded")
            self.blocks_unmatched += 1
            yield self._checked(block.index, block, None, False)
            return
        matched.check.block(block.frames[0], source[0], frame=block.first_frame, stored_mse=block.record.mse)
        ok = self._is_as_stored(block.record, self._tile_errors(block.frames, source))
        self.blocks_false += not ok
        errors = [squared_error(frame, wanted) for frame, wanted in zip(block.frames, source, strict=True)]
        self.frame_mses += [(error / (source[0].size * HALF_RANGE**2), 1) for error in errors]
        error = sum(errors) / HALF_RANGE**2
        self.error += error
        self.samples += source.size
        yield self._checked(block.index, block, error / source.size, ok)

    def _checked(self, index: int, block: ParsedBlock | DecodedBlock, mse: float | None, ok: bool) -> BlockChecked:
        record = block.record
        self.seen += 1
        self.frames += record.frames
        return BlockChecked(
            index=index,
            gop=block.gop,
            first_frame=block.first_frame,
            frames=record.frames,
            tokens=record.count,
            stored_mse=record.mse,
            stored_met=record.met,
            mse=mse,
            ok=ok,
        )

    def _is_as_stored(self, record: BlockRecord, errors: list[float]) -> bool:
        """Whether every tile that is stored as met is met."""
        threshold = self.reader.header.threshold
        return all(not tile.met or mse <= threshold for tile, mse in zip(record.tiles, errors, strict=True))

    def _tile_errors(self, shown: Frames, source: Frames) -> list[float]:
        """Return the MSE of the visible part of each tile, on [-1, 1]."""
        part = self.tiling.part
        return [block_mse(part(shown, number), part(source, number)) for number in range(self.tiling.tiles)]


class _MatchedFrames:
    """The source's frames by their times, read once from start to end.

    name, time_base: of the file that was made from it. The source may be in another container, whose time base is
    another one: Matroska's times are whole milliseconds.
    """

    def __init__(self, source: Source, name: str, time_base: Fraction) -> None:
        self.check = SourceCheck(name, source.info.name)
        self._frames = iter(source.frames())
        self._bases = time_base, source.info.time_base

    def frames(self, pts: tuple[int, ...]) -> Frames | None:
        """Return the frames at these times, uint8 (T, height, width, 3); None if one is missing."""
        found = []
        own, other = self._bases
        for wanted in pts:
            frame = next((frame for frame in self._frames if frame.pts * other - wanted * own > -SAME_TIME_S), None)
            if frame is None or frame.pts * other - wanted * own >= SAME_TIME_S:
                return None
            found.append(frame.rgb)
        return np.stack(found)
