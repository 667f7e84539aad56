"""Video at the edges, by PyAV: frames and sound in, frames and sound out. Nothing here knows a token."""

from .colour import Fitted
from .formats import open_sink
from .geometry import crop, pad, tile, untile
from .info import Frame, SourceInfo
from .sink import Sink, SinkOptions
from .source import Source, open_source

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
