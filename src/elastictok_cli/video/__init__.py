"""Video at the edges, by PyAV: frames and sound in, frames and sound out. Nothing here knows a token."""

from .audio import AudioInfo, AudioPacket
from .geometry import crop, pad, tile, untile
from .source import Frame, Source, SourceInfo, open_source

__all__ = [
    "AudioInfo",
    "AudioPacket",
    "Frame",
    "Source",
    "SourceInfo",
    "crop",
    "open_source",
    "pad",
    "tile",
    "untile",
]
