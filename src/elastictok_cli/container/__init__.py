"""The .etok container: structures, writer and reader (docs/format.md). To this room tokens are bytes.

Never imports torch or a model. The tokens of a GOP are read by `decode_gop`, through the syntax that their model
registered.
"""

from __future__ import annotations

from .format import (
    FORMAT_VERSION,
    MSE_MOST,
    SUFFIX,
    AudioPacket,
    AudioStream,
    BlockRecord,
    Geometry,
    Gop,
    Header,
    IndexEntry,
    TileRecord,
)
from .gop_tokens import decode_gop
from .memory import check_size
from .reader import Reader
from .tokenfile import etok_of, is_token_file, save_tokens, token_arrays
from .verify import Finding
from .writer import Writer, part_path

__all__ = [
    "FORMAT_VERSION",
    "MSE_MOST",
    "SUFFIX",
    "AudioPacket",
    "AudioStream",
    "BlockRecord",
    "Finding",
    "Geometry",
    "Gop",
    "Header",
    "IndexEntry",
    "Reader",
    "TileRecord",
    "Writer",
    "check_size",
    "decode_gop",
    "etok_of",
    "is_token_file",
    "part_path",
    "save_tokens",
    "token_arrays",
]
