"""The .etok container: structures, writer, reader, and tokens to bytes (docs/format.md).

Never imports torch; numba only when tokens are touched, that is by `token_encoder`, `token_decoder`, `decode_gop`.
"""

from __future__ import annotations

from .entropy import (
    CodeTokens,
    TokenDecoder,
    TokenEncoder,
    decode_gop,
    register,
    token_decoder,
    token_encoder,
)
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
from .memory import check_size
from .reader import Reader
from .tokenfile import etok_of, is_plain, is_token_file, save_tokens, token_arrays
from .verify import Finding
from .writer import Writer, part_path

__all__ = [
    "FORMAT_VERSION",
    "MSE_MOST",
    "SUFFIX",
    "AudioPacket",
    "AudioStream",
    "BlockRecord",
    "CodeTokens",
    "Finding",
    "Geometry",
    "Gop",
    "Header",
    "IndexEntry",
    "Reader",
    "TileRecord",
    "TokenDecoder",
    "TokenEncoder",
    "Writer",
    "check_size",
    "decode_gop",
    "etok_of",
    "is_plain",
    "is_token_file",
    "part_path",
    "register",
    "save_tokens",
    "token_arrays",
    "token_decoder",
    "token_encoder",
]
