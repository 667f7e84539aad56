"""Data that more than one room uses: frames, tokens, and the audio that is copied from the source to the output."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

PathLike = str | os.PathLike[str]
Frames = npt.NDArray[np.uint8]  # (T, height, width, 3), RGB


class Tokens(Protocol):
    """The tokens of one block, or of one tile of a block, in order of importance.

    values: uint16 (count,) for integer vocabularies, int8 (count, channels) for quantised latents.
    qindex: index into the model's quantiser ladder, 0 if the model has none. frames: frames of the block.
    """

    @property
    def qindex(self) -> int: ...

    @property
    def frames(self) -> int: ...

    @property
    def count(self) -> int: ...

    @property
    def values(self) -> npt.NDArray[Any]: ...

    def crc(self, before: int = 0) -> int:
        """Return the CRC-32 over everything that the decoder needs, continued from `before`."""
        ...


@dataclass(frozen=True, kw_only=True)
class AudioTrack:
    """One audio track: what a muxer needs to write its packets again.

    codec: FFmpeg's name of the codec. time_base: seconds per tick of the packets' times. sample_rate: in Hz.
    layout: FFmpeg's name of the channel layout. frame_size: samples per packet, 0 if it varies or is unknown.
    extradata: the codec's parameters as FFmpeg keeps them. language: three letters, "" if unknown.
    """

    codec: str
    time_base: Fraction
    sample_rate: int
    channels: int
    layout: str
    frame_size: int = 0
    extradata: bytes = b""
    language: str = ""


@dataclass(frozen=True, kw_only=True)
class AudioPacket:
    """One compressed packet of an audio track, as it was in the source.

    stream: number of the track. pts, dts, duration: in ticks of the track's time base. flags: FFmpeg's, 1 is key.
    """

    stream: int
    pts: int
    dts: int
    duration: int
    flags: int
    data: bytes
