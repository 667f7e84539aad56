"""Video at the edges, by PyAV: frames and sound in, frames and sound out. Nothing here knows a token."""

from .audio import AudioInfo, AudioPacket
from .fitted import Fitted
from .formats import open_sink
from .geometry import crop, pad, tile, untile
from .sink import Sink, SinkOptions
from .source import Frame, Source, SourceInfo, open_source

__all__ = [
    "AudioInfo",
    "AudioPacket",
    "Fitted",
    "Frame",
    "Sink",
    "SinkOptions",
    "Source",
    "SourceInfo",
    "crop",
    "open_sink",
    "open_source",
    "pad",
    "tile",
    "untile",
]
