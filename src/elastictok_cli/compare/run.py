"""The loop of `compare`: moments in, drawn, out to a video with the source's times and sound, or onto one sheet.

Yields the events of the codec room, so that the same progress bar shows it.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from ..codec.events import BlockDone, Event, Finished, Started, Warned
from ..container import Header, Reader
from ..errors import UsageError
from ..models.base import TokenModel
from ..report.canvas import Canvas, labels_of
from ..report.theme import DARK, Theme
from ..report.usage import Usage, read_usage
from ..types import AudioTrack
from ..video import Fitted, Sink, SinkOptions, Source, open_sink
from ..video.sound import Sound
from .matched import Matched, Pixels, Shot

LEAST_HEIGHT = 240  # smaller pictures are enlarged to it: their labels could not be read
MOST_FILES = 6
SHEET = (".png",)


@dataclass(frozen=True)
class CompareOptions:
    """height: of one picture, in pixels (None: as coded, at least 240). rows: moments on a contact sheet.

    codec, crf: of the video; None for what the output's format usually has. audio: keep the source's sound.
    """

    height: int | None = None
    rows: int = 4
    codec: str | None = None
    crf: int = 16
    audio: bool = True
    theme: Theme = field(default=DARK)
    overwrite: bool = False


@dataclass(frozen=True)
class _Page:
    """What a sink must know of the canvas."""

    coded_size: tuple[int, int]
    time_base: Fraction
    frame_rate: Fraction | None
    audio: tuple[AudioTrack, ...]
    rotation: Literal[0] = 0
    sar: Fraction = Fraction(1)
    colour: tuple[int, int, int, int] = (1, 1, 1, 1)  # BT.709, limited: what players take it for at most sizes
    is_still: bool = False

    @property
    def source_size(self) -> tuple[int, int]:
        return self.coded_size

    @property
    def languages(self) -> tuple[str, ...]:
        return tuple(track.language for track in self.audio)


def compare(
    source: Source,
    readers: Sequence[Reader],
    models: Sequence[TokenModel],
    output: str,
    options: CompareOptions | None = None,
) -> Generator[Event, None, None]:
    """Draw `source` beside the files made from it.

    source: opened at the coded size of one of them. output: .mp4, .mkv, .mov, .webm or .gif for a video, .png for a
    contact sheet; it appears when whole. Raises UsageError (nothing or too much to compare, a name of no known kind),
    InputError (a file made from something else), OutputError, and what decoding raises.
    """
    options = options or CompareOptions()
    if not 1 <= len(readers) <= MOST_FILES:
        raise UsageError(f"compare shows 1 to {MOST_FILES} .etok files beside the source, not {len(readers)}")
    clock = time.monotonic()
    usages = [read_usage(reader) for reader in readers]
    matched = Matched(source, readers, models)
    panel = _panel(readers[0].header, options.height)
    start_s = max(usage.first_s for usage in usages)
    end_s = min(usage.first_s + usage.duration_s for usage in usages)
    sheet = Path(output).suffix.lower() in SHEET and "%" not in Path(output).name
    rows = min(options.rows, sum(b.frames for b in usages[0].blocks)) if sheet else 1
    labels = labels_of("{}x{} as coded".format(*readers[0].header.coded_size), usages, options.theme)
    canvas = Canvas(labels, usages, panel, options.theme, start_s, end_s, rows)
    turns = [source.info.rotation, *(reader.header.rotation for reader in readers)]
    fit = [Fitted(panel, rotation) for rotation in turns]
    run = _Run(source, usages, canvas, fit)
    yield run.started(readers[0])
    with closing(matched.shots()) as shots:
        if sheet:
            yield from run.sheet(shots, output, options)
        else:
            yield from run.video(shots, output, options)
    for text in source.notes[len(source.info.notes) :]:  # those before said what encode said already
        yield Warned(text=text)
    yield run.finished(time.monotonic() - clock, output)


def _panel(header: Header, height: int | None) -> tuple[int, int]:
    """(width, height) of a picture as it is shown: square pixels, turned upright."""
    shown = header.display_size
    if height is None:
        height = max(shown[1], LEAST_HEIGHT)
    if not 16 <= height <= 4320:
        raise UsageError(f"--height {height}: must be 16 to 4320 pixels")
    return max(1, round(shown[0] * height / shown[1])), height


class _Run:
    def __init__(self, source: Source, usages: Sequence[Usage], canvas: Canvas, fit: Sequence[Fitted]) -> None:
        self.source, self.usages, self.canvas, self.fit = source, usages, canvas, fit
        self.frames = 0
        self._block = -1

    def started(self, reader: Reader) -> Started:
        width, height = self.canvas.size
        return replace(Started.of("compare", reader.header, reader.frames), width=width, height=height)

    def finished(self, seconds: float, output: str) -> Finished:
        usage = self.usages[0]
        met = len(usage.blocks) - usage.missed
        return Finished(
            frames=self.frames,
            blocks=len(usage.blocks),
            blocks_met=met,
            blocks_missed=usage.missed,
            tokens=usage.tokens,
            max_tokens=usage.max_tokens,
            mse=usage.mse,
            probes=0,
            bytes_in=self.source.info.bytes,
            bytes_out=Path(output).stat().st_size,
            duration_s=usage.duration_s,
            seconds=seconds,
            partial=self.source.truncated,
        )

    def _seconds(self, pts: int) -> float:
        return float(pts * self.source.info.time_base)

    def _pictures(self, shot: Shot) -> list[Pixels]:
        return [fit(picture) for fit, picture in zip(self.fit, shot.pictures, strict=True)]

    def _events(self, shot: Shot) -> Generator[Event, None, None]:
        """One for each new block of the first file."""
        self.frames += 1
        if shot.blocks[0] == self._block:
            return
        self._block = shot.blocks[0]
        b = self.usages[0].blocks[self._block]
        yield BlockDone(
            index=b.index,
            gop=b.gop,
            first_frame=b.first_frame,
            frames=b.frames,
            counts=(b.tokens,),
            mse=b.mse,
            met=b.met,
            tokens=b.tokens,
            max_tokens=b.max_tokens,
        )

    def video(
        self, shots: Generator[Shot, None, None], output: str, options: CompareOptions
    ) -> Generator[Event, None, None]:
        info = self.source.info
        audio = info.audio if options.audio else ()
        page = _Page(self.canvas.size, info.time_base, info.frame_rate, audio)
        webm = Path(output).suffix.lower() == ".webm"
        codec = options.codec or ("vp9" if webm else "h264")
        crf = options.crf + 12 if codec in ("vp9", "av1") and options.codec is None else options.crf
        end = round(self.canvas.curve.end_s / info.time_base)
        sink_options = SinkOptions(codec=codec, crf=crf, overwrite=options.overwrite, rebase=True, end_pts=end)
        with open_sink(output, sink_options, page) as sink:
            sound = Sound(self.source if audio else None, sink, self.canvas.start_s, self.canvas.curve.end_s)
            held: Shot | None = None
            for shot in shots:
                if held is not None:
                    self._write(sink, held, self._seconds(shot.pts))
                    sound.until(self._seconds(held.pts))
                held = shot
                yield from self._events(shot)
            assert held is not None  # shots raises if there is none
            self._write(sink, held, self.canvas.curve.end_s)
            sound.until(self.canvas.curve.end_s)
        for text in sink.notes:
            yield Warned(text=text)

    def _write(self, sink: Sink, shot: Shot, until_s: float) -> None:
        at = self._seconds(shot.pts)
        sink.write(shot.pts, self.canvas.frame(self._pictures(shot), at, until_s, shot.blocks))

    def sheet(
        self, shots: Generator[Shot, None, None], output: str, options: CompareOptions
    ) -> Generator[Event, None, None]:
        start, rows = self.canvas.start_s, self.canvas.rows
        step = (self.canvas.curve.end_s - start) / rows
        kept: list[tuple[list[Pixels], float, tuple[int, ...]]] = []
        last: Shot | None = None
        for shot in shots:
            yield from self._events(shot)
            # the first frame in the middle of each part, or the last one there is
            if len(kept) < rows and self._seconds(shot.pts) >= start + (len(kept) + 0.5) * step - 1e-9:
                kept.append((self._pictures(shot), self._seconds(shot.pts), shot.blocks))
            last = shot
        assert last is not None
        if not kept:
            kept.append((self._pictures(last), self._seconds(last.pts), last.blocks))
        info = self.source.info
        page = _Page(self.canvas.size, info.time_base, info.frame_rate, ())
        with open_sink(output, SinkOptions(overwrite=options.overwrite), page) as sink:
            sink.write(0, self.canvas.sheet(kept))
