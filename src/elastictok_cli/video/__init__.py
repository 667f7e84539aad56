"""Video at the edges, by PyAV: frames and sound in, frames and sound out. Nothing here knows a token."""

from .fitted import Fitted
from .geometry import crop, pad, tile, untile
from .sink import Sink, SinkOptions, open_sink
from .source import Frame, Source, SourceInfo, open_source

__all__ = [
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
