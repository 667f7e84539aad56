"""The .etok container: structures, reader and writer (docs/format.md).

This room treats tokens as bytes and never imports torch or a model. `decode_gop` decodes the tokens of a GOP by the
syntax that their model registered.
"""

from __future__ import annotations

from ..atomic_file import part_path
from .check import check_file
from .format import (
    FORMAT_VERSION,
    MAX_MSE,
    SUFFIX,
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
from .recovery import Finding
from .tokenfile import etok_of, is_token_file, save_tokens, token_arrays
from .writer import Writer

__all__ = [
    "FORMAT_VERSION",
    "MAX_MSE",
    "SUFFIX",
    "BlockRecord",
    "Finding",
    "Geometry",
    "Gop",
    "Header",
    "IndexEntry",
    "Reader",
    "TileRecord",
    "Writer",
    "check_file",
    "check_size",
    "decode_gop",
    "etok_of",
    "is_token_file",
    "part_path",
    "save_tokens",
    "token_arrays",
]
