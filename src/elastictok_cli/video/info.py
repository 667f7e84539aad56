"""What is known of a source before it is read, and one frame of it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ..types import AudioTrack
from . import geometry
from .geometry import Pixels


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source before it is read.

    name: without its folder. bytes: its size. width, height: of the frames that `Source.frames` gives.
    source_width, source_height: as stored in the input. rotation: degrees clockwise that a player turns the
    picture by (0, 90, 180, 270); frames are given as stored. sar: sample aspect ratio of the frames given.
    frame_rate: average, None if unknown. frames_estimate, duration_s: of the part that will be read, None if
    unknown. end_pts: where the last frame ends, None if the input does not say. ends_as_usual: that is where the
    frame rate and the frame before would have it end. is_part: frames before the first one given were left out.
    colour: primaries, transfer, matrix, range (FFmpeg's numbers), the last two as they were taken. pixel_format: of the
    first frame, FFmpeg's name. notes: each
    automatic decision in one sentence.
    """

    name: str
    bytes: int
    width: int
    height: int
    source_width: int
    source_height: int
    rotation: int
    sar: Fraction
    frame_rate: Fraction | None
    time_base: Fraction
    frames_estimate: int | None
    duration_s: float | None
    end_pts: int | None
    ends_as_usual: bool
    is_part: bool
    colour: tuple[int, int, int, int]
    is_still: bool
    pixel_format: str
    audio: tuple[AudioTrack, ...]
    notes: tuple[str, ...]

    @property
    def coded_size(self) -> tuple[int, int]:
        """(width, height) of the frames given."""
        return self.width, self.height

    @property
    def languages(self) -> tuple[str, ...]:
        """Of the audio tracks, see `AudioTrack`."""
        return tuple(track.language for track in self.audio)

    @property
    def source_size(self) -> tuple[int, int]:
        """(width, height) as stored in the input."""
        return self.source_width, self.source_height

    @property
    def display_size(self) -> tuple[int, int]:
        """(width, height) of a frame on the screen: pixels made square, and turned."""
        return geometry.shown_size(self.coded_size, self.sar, self.rotation)


@dataclass(frozen=True, eq=False)
class Frame:
    """One frame. pts: in the source's time base, growing. rgb: uint8 (height, width, 3)."""

    pts: int
    rgb: Pixels
