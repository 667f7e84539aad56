"""Whether a file is what it says: structure and checksums, tokens against their digest, and, beside its
source, every block's error measured again."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import closing

import numpy as np

from ..container import Reader, TileRecord, check_file
from ..errors import ElasticTokError
from ..metrics import HALF_RANGE, block_mse, squared_error
from ..models.base import Frames, TokenModel
from ..video import Source
from .decoder import check_model, decode_blocks, parse
from .events import BlockChecked, Event, Started, Verified, Warned
from .gop_decoder import DecodedBlock
from .picture import Picture


def verify(
    reader: Reader, model: TokenModel | None = None, source: Source | None = None
) -> Generator[Event, None, None]:
    """Check a file as far as there is something to check it with. Findings are yielded as `Warned` and in
    `Verified`.

    model: tokens are decoded and compared with their digest. source: opened at the file's coded size; frames
    are matched by PTS, so it may hold more than was encoded. Nothing of the file's contents raises; only a
    source without a model does (ValueError), another model (UnsupportedFile), and what reading the source
    raises.
    """
    if source is not None and model is None:
        raise ValueError("measuring needs the model")
    header, clock = reader.header, time.monotonic()
    if model is not None:
        check_model(reader, model)
    yield Started(
        "verify",
        reader.frames,
        *header.coded_size,
        float(header.frame_rate) if header.frame_rate else None,
        header.model,
        header.block_frames,
        header.gop_blocks,
        header.max_tokens * header.geometry.tiles,
        header.target,
        header.threshold,
        header.search,
    )
    findings = [finding.text for finding in check_file(reader)]
    for text in findings:
        yield Warned(text)
    check = _Check(reader, Picture(header), _Matched(source) if source is not None else None)
    if model is not None and not findings:
        try:
            for event in check.blocks(model):
                yield event
                if isinstance(event, Warned):
                    findings.append(event.text)
        except ElasticTokError as error:
            findings.append(str(error))
            yield Warned(str(error))
    if check.false:
        findings.append(f"{check.false} of {check.seen} blocks are stored as met and do not meet the threshold")
        yield Warned(findings[-1])
    mse = check.error / check.samples if check.samples else None
    seen = check.frames or reader.frames
    seconds = time.monotonic() - clock
    yield Verified(seen, check.seen, check.false, mse, tuple(findings), seconds, check.unmatched)


class _Check:
    def __init__(self, reader: Reader, picture: Picture, matched: _Matched | None) -> None:
        self.reader, self.picture, self.matched = reader, picture, matched
        self.seen = self.false = self.unmatched = self.frames = 0
        self.error, self.samples = 0.0, 0

    def blocks(self, model: TokenModel) -> Iterator[Event]:
        if self.matched is None:
            yield from self._tokens_only(model)
            return
        with closing(decode_blocks(self.reader, model, audio=False)) as items:
            for item in items:
                if isinstance(item, Warned):
                    yield item
                elif isinstance(item, DecodedBlock):
                    yield from self._measure(item)

    def _tokens_only(self, model: TokenModel) -> Iterator[Event]:
        for item in parse(self.reader, model.tables, audio=False):
            if isinstance(item, Warned):
                yield item
            elif not isinstance(item, tuple):
                record = item.record
                yield BlockChecked(
                    self.seen,
                    item.gop,
                    item.first_frame,
                    record.frames,
                    record.count,
                    record.mse,
                    record.met,
                    None,
                    True,
                )
                self.seen += 1
                self.frames += record.frames

    def _measure(self, block: DecodedBlock) -> Iterator[Event]:
        assert self.matched is not None
        source = self.matched.frames(block.pts)
        record, mse, ok = block.record, None, True
        self.seen += 1
        self.frames += record.frames
        if source is None:
            yield Warned(f"block {block.index}: the source has no frame at its times; it is not the one encoded")
            ok = False
            self.unmatched += 1
        else:
            errors = self._errors(block.frames, source)
            threshold = self.reader.header.threshold
            ok = all(self._holds(tile, error, threshold) for tile, error in zip(record.tiles, errors, strict=True))
            self.false += not ok
            total = squared_error(block.frames, source) / HALF_RANGE**2
            self.error += total
            self.samples += source.size
            mse = total / source.size
        stored = record.mse
        yield BlockChecked(
            block.index,
            block.gop,
            block.first_frame,
            record.frames,
            record.count,
            stored,
            record.met,
            mse,
            ok,
        )

    @staticmethod
    def _holds(tile: TileRecord, mse: float, threshold: float) -> bool:
        return not tile.met or mse <= threshold

    def _errors(self, shown: Frames, source: Frames) -> list[float]:
        """Of each tile's visible part."""
        th, tw = self.picture.tile
        errors = []
        for number in range(self.picture.tiles):
            y, x = divmod(number, self.picture.columns)
            part = np.s_[:, y * th : (y + 1) * th, x * tw : (x + 1) * tw]
            errors.append(block_mse(shown[part], source[part]))
        return errors


class _Matched:
    """The source's frames by PTS, read once, forwards."""

    def __init__(self, source: Source) -> None:
        self._frames = iter(source.frames())

    def frames(self, pts: tuple[int, ...]) -> Frames | None:
        """The frames at these times; None if one is not there."""
        found = []
        for wanted in pts:
            frame = next((frame for frame in self._frames if frame.pts >= wanted), None)
            if frame is None or frame.pts != wanted:
                return None
            found.append(frame.rgb)
        return np.stack(found)
