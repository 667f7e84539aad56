"""The loop of `compare`: matched frames are drawn side by side, into a video with the source's times and sound or onto
one sheet.

Yields the events of the codec room, so that the same progress bar shows it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Literal

from ..codec.events import BlockDone, Event, Finished, Started, Warned
from ..codec.source_check import SourceCheck
from ..container import Header
from ..errors import UsageError
from ..metrics import Pixels
from ..report.canvas import Canvas
from ..report.curve import in_frames
from ..report.theme import DARK, Theme
from ..types import AudioTrack
from ..video import Fitted, Sink, SinkOptions, Source, open_sink
from ..video.sound import Sound
from .matched import Matched, Shot
from .panels import PERCENT_NOTE, Panel, caption, comparable, labels

MIN_HEIGHT = 240  # smaller pictures are enlarged to it: their labels could not be read
MAX_PANELS = 6
SHEET_SUFFIXES = (".png",)
CRF_OFFSET = 12  # of VP9 and AV1 against H.264, at about the same quality


@dataclass(frozen=True, kw_only=True)
class CompareOptions:
    """How a comparison looks.

    height: of one picture, in pixels (None: as coded, at least 240). rows: moments on a contact sheet. codec, crf: of
    the video; None for what the output's format usually has. audio: keep the source's sound. duration: seconds shown,
    from the first frame that the source was opened at; None for all.
    """

    height: int | None = None
    rows: int = 4
    codec: str | None = None
    crf: int = 16
    audio: bool = True
    duration: float | None = None
    theme: Theme = field(default=DARK)
    overwrite: bool = False


@dataclass(frozen=True, kw_only=True)
class _CanvasInfo:
    """What a sink must know of the canvas."""

    coded_size: tuple[int, int]
    time_base: Fraction
    frame_rate: Fraction | None
    audio: tuple[AudioTrack, ...]
    rotation: Literal[0] = 0
    sar: Fraction = Fraction(1)
    colour: tuple[int, int, int, int] = (1, 1, 1, 1)  # BT.709, limited: what players take most sizes for
    is_still: bool = False

    @property
    def source_size(self) -> tuple[int, int]:
        return self.coded_size

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(track.language for track in self.audio)


def compare(
    source: Source, panels: Sequence[Panel], output: str, options: CompareOptions | None = None
) -> Generator[Event, None, None]:
    """Draw `source` beside the reconstructions made from it.

    source: opened at the coded size of one of them, for the time to be shown. output: .mp4, .mkv, .mov, .webm or .gif
    for a video, .png for a contact sheet; it appears when whole. Raises UsageError (nothing or too much to compare, a
    name of no known kind), InputError (a file made from something else), OutputError, and what decoding raises.
    """
    options = options or CompareOptions()
    if not 1 <= len(panels) <= MAX_PANELS:
        raise UsageError(f"compare shows 1 to {MAX_PANELS} reconstructions beside the source, not {len(panels)}")
    clock = time.monotonic()
    header = panels[0].reader.header
    size = _picture_size(header, options.height)  # its errors come before any decoding
    yield Started.of("compare", header, source.info.frames_estimate)
    matched = Matched(source, [panel.reader for panel in panels], [panel.model for panel in panels])
    with closing(matched.shots()) as shots:
        first = next(shots)
        run = _Run(source, panels, size, output, options, first)
        shown = chain([first], shots)
        yield from run.sheet(shown) if run.is_sheet else run.video(shown)
    for text in source.notes[len(source.info.notes) :]:  # encode reported the earlier ones
        yield Warned(text=text)
    yield run.finished(time.monotonic() - clock)


def _picture_size(header: Header, height: int | None) -> tuple[int, int]:
    """(width, height) of a picture as it is shown: square pixels, turned upright."""
    shown = header.display_size
    if height is None:
        height = max(shown[1], MIN_HEIGHT)
    if not 16 <= height <= 4320:
        raise UsageError(f"--height {height}: must be 16 to 4320 pixels")
    return max(1, round(shown[0] * height / shown[1])), height


class _Run:
    """One comparison. first: its first moment, which says where the curve begins."""

    def __init__(
        self,
        source: Source,
        panels: Sequence[Panel],
        size: tuple[int, int],
        output: str,
        options: CompareOptions,
        first: Shot,
    ) -> None:
        self.source, self.panels, self.output, self.options = source, panels, output, options
        self.is_sheet = Path(output).suffix.lower() in SHEET_SUFFIXES and "%" not in Path(output).name
        usages = [panel.usage for panel in panels]
        self.per_frame = in_frames(usages)
        self.start_s = self._seconds(first.pts)
        self.end_s = min(usage.first_s + usage.duration_s for usage in usages)
        if options.duration is not None:
            self.end_s = min(self.end_s, self.start_s + options.duration)
        rows = min(options.rows, sum(block.frames for block in usages[0].blocks)) if self.is_sheet else 1
        words = labels("{}x{} as coded".format(*panels[0].reader.header.coded_size), panels, options.theme)
        note = PERCENT_NOTE if comparable(panels) else ""
        self.canvas = Canvas(words, usages, size, options.theme, self.start_s, self.end_s, rows, note)
        rotations = [source.info.rotation, *(panel.reader.header.rotation for panel in panels)]
        self.fit = [Fitted(size, rotation) for rotation in rotations]
        self.checks = [SourceCheck(panel.reader.name, source.info.name) for panel in panels]
        self.frames = 0
        self._blocks: tuple[int, ...] = (-1,) * len(panels)

    def finished(self, seconds: float) -> Finished:
        """The last event, with the totals of the first file."""
        usage = self.panels[0].usage
        return Finished(
            frames=self.frames,
            blocks=len(usage.blocks),
            blocks_met=len(usage.blocks) - usage.missed,
            blocks_missed=usage.missed,
            tokens=usage.tokens,
            max_tokens=usage.max_tokens,
            mse=usage.mse,
            probes=0,
            bytes_in=self.source.info.bytes,
            bytes_out=Path(self.output).stat().st_size,
            duration_s=self.end_s - self.start_s,
            seconds=seconds,
            partial=self.source.truncated,
        )

    def video(self, shots: Iterator[Shot]) -> Generator[Event, None, None]:
        """Every moment as a frame, each shown until the next."""
        info, options = self.source.info, self.options
        audio = info.audio if options.audio else ()
        with open_sink(self.output, self._sink_options(), self._canvas_info(audio)) as sink:
            sound = Sound(self.source if audio else None, sink, self.start_s, self.end_s)
            held: Shot | None = None
            for shot in shots:
                if held is not None:
                    self._write(sink, held, self._seconds(shot.pts))
                    sound.until(self._seconds(held.pts))
                held = shot
                yield from self._events(shot)
            assert held is not None  # there is a first one
            self._write(sink, held, self.end_s)
            sound.until(self.end_s)
        for text in sink.notes:
            yield Warned(text=text)

    def sheet(self, shots: Iterator[Shot]) -> Generator[Event, None, None]:
        """The first frame in the middle of each of `rows` equal parts, or the last one there is."""
        rows = self.canvas.rows
        part_s = (self.end_s - self.start_s) / rows
        kept: list[tuple[list[Pixels], list[str], float]] = []
        last: Shot | None = None
        for shot in shots:
            yield from self._events(shot)
            if len(kept) < rows and self._seconds(shot.pts) >= self.start_s + (len(kept) + 0.5) * part_s - 1e-9:
                kept.append(self._drawn(shot))
            last = shot
        assert last is not None
        with open_sink(self.output, SinkOptions(overwrite=self.options.overwrite), self._canvas_info(())) as sink:
            sink.write(0, self.canvas.sheet(kept or [self._drawn(last)]))

    def _sink_options(self) -> SinkOptions:
        options = self.options
        codec = options.codec or ("vp9" if Path(self.output).suffix.lower() == ".webm" else "h264")
        crf = options.crf + CRF_OFFSET if codec in ("vp9", "av1") and options.codec is None else options.crf
        end = round(self.end_s / self.source.info.time_base)
        return SinkOptions(codec=codec, crf=crf, overwrite=options.overwrite, rebase=True, end_pts=end)

    def _canvas_info(self, audio: tuple[AudioTrack, ...]) -> _CanvasInfo:
        info = self.source.info
        return _CanvasInfo(
            coded_size=self.canvas.size, time_base=info.time_base, frame_rate=info.frame_rate, audio=audio
        )

    def _write(self, sink: Sink, shot: Shot, until_s: float) -> None:
        pictures, captions, at_s = self._drawn(shot)
        sink.write(shot.pts, self.canvas.frame(pictures, captions, at_s, until_s))

    def _drawn(self, shot: Shot) -> tuple[list[Pixels], list[str], float]:
        """(pictures, captions, time in s)."""
        pictures, at_s = self._pictures(shot), self._seconds(shot.pts)
        captions = [f"{at_s - self.start_s:.2f} s"]
        for panel, block, picture in zip(self.panels, shot.blocks, pictures[1:], strict=True):
            captions.append(caption(panel, block, self.per_frame, picture, pictures[0]))
        return pictures, captions, at_s

    def _pictures(self, shot: Shot) -> list[Pixels]:
        return [fit(picture) for fit, picture in zip(self.fit, shot.pictures, strict=True)]

    def _seconds(self, pts: int) -> float:
        return float(pts * self.source.info.time_base)

    def _events(self, shot: Shot) -> Generator[Event, None, None]:
        """One for each new block of the first file. Checks the source where a block of any file begins."""
        self.frames += 1
        if shot.blocks == self._blocks:
            return
        self._check(shot)
        before, self._blocks = self._blocks[0], shot.blocks
        if before == shot.blocks[0]:
            return
        block = self.panels[0].usage.blocks[shot.blocks[0]]
        yield BlockDone(
            index=block.index,
            gop=block.gop,
            first_frame=block.first_frame,
            frames=block.frames,
            counts=(block.tokens,),
            mse=block.mse,
            met=block.met,
            tokens=block.tokens,
            max_tokens=block.max_tokens,
        )

    def _check(self, shot: Shot) -> None:
        """Raises InputError if the source is not what a file was made from."""
        source, *pictures = self._pictures(shot)
        for i, panel in enumerate(self.panels):
            if shot.blocks[i] != self._blocks[i] and panel.keep is None:
                stored_mse = panel.usage.blocks[shot.blocks[i]].mse
                self.checks[i].block(pictures[i], source, frame=shot.numbers[i], stored_mse=stored_mse)
