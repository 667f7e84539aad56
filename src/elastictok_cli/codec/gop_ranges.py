"""Encode a range of a source's GOPs anywhere, and put such ranges together to the file that `encode` would write."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from ..container import Gop, Writer
from ..errors import InputError, UsageError
from ..models.base import TokenModel
from ..video import Source
from .audio_interleaver import AudioInterleaver
from .encoder import encode_blocks, source_blocks
from .events import BlockDone, Finished
from .gop_encoder import GopEncoder, GopStart
from .header import make_header
from .read_ahead import read_ahead
from .settings import EncodeSettings
from .totals import Totals


@dataclass(frozen=True, eq=False, kw_only=True)
class CodedRange:
    """The GOPs of a range, in order.

    probes: candidates measured. truncated: the source could not be read to its end. seconds: that encoding took.
    """

    gops: tuple[Gop, ...]
    probes: int
    truncated: bool
    seconds: float


def code_range(
    source: Source,
    model: TokenModel,
    settings: EncodeSettings,
    first_gop: int,
    gops: int | None,
    on_block: Callable[[BlockDone], None] | None = None,
) -> CodedRange:
    """Encode `gops` GOPs from number `first_gop` on, without their sound.

    gops: None for all that follow. The range is empty if the source ends before it. on_block: called with every block.
    Raises what `encode` raises.

    Frames before the range are read and dropped: only counting them finds the same GOPs in every kind of file.
    """
    clock = time.monotonic()
    header = make_header(source.info, model, settings)
    first_frame = first_gop * header.gop_blocks * header.block_frames
    blocks = islice(
        source_blocks(source, header.block_frames, first_frame), None if gops is None else gops * header.gop_blocks
    )
    encoder = GopEncoder(header, model, settings)
    coded: list[Gop] = []
    probes = 0
    with closing(read_ahead(blocks)) as read:
        for item in encode_blocks(read, encoder, GopStart(first_gop, first_frame)):
            if isinstance(item, Gop):
                coded.append(item)
                continue
            probes += len(item.probes)
            if on_block is not None:
                on_block(item)
    return CodedRange(gops=tuple(coded), probes=probes, truncated=source.truncated, seconds=time.monotonic() - clock)


def assemble(source: Source, model: TokenModel, writer: Writer, ranges: Iterable[CodedRange]) -> Finished:
    """Write the GOPs of all ranges and the source's sound, and finish the file.

    Raises InputError if there are no GOPs, UsageError if the ranges do not follow each other.
    """
    clock = time.monotonic()
    header, totals = writer.header, Totals(writer.header, model.spec)
    audio = AudioInterleaver(source, header, writer.audio_packets)
    truncated = False
    for part in ranges:
        truncated |= part.truncated
        totals.probes += part.probes
        for gop in part.gops:
            if gop.first_frame != totals.frames:
                raise UsageError(f"{source.info.name}: changed while it was read; encode it again")
            writer.write_gop(gop)
            totals.add_gop(gop)
            writer.write_audio(audio.during(gop.pts))
    if totals.frames == 0:
        raise InputError(f"{source.info.name}: no frame in it can be decoded")
    writer.write_audio(audio.rest())
    size = writer.finish()
    return totals.finished(source.info.bytes, size, time.monotonic() - clock, truncated)
