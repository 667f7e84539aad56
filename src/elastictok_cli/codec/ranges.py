"""A part of a source's GOPs coded anywhere, and the file put together from such parts: the bytes of `encode`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from ..container import Gop, Header, Writer
from ..errors import InputError, UsageError
from ..models.base import TokenModel
from ..video import Source
from .ahead import ahead
from .choose import Chooser
from .encoder import code_blocks, source_blocks
from .events import BlockDone, Finished
from .gop_encoder import GopCoder, GopStart
from .interleave import AudioFeed
from .target import Target
from .totals import Totals


@dataclass(frozen=True, eq=False)
class CodedRange:
    """GOPs of a range, in order. truncated: the source could not be read to its end. seconds: that it took."""

    gops: tuple[Gop, ...]
    probes: int
    truncated: bool
    seconds: float


def code_range(
    source: Source,
    model: TokenModel,
    header: Header,
    target: Target,
    first_gop: int,
    gops: int | None,
    *,
    max_tokens: int | None = None,
    strict: bool = False,
    watch: Callable[[BlockDone], None] | None = None,
) -> CodedRange:
    """Code `gops` GOPs (None: all that follow) from number `first_gop` on; none if the source ends before them.

    The frames before them are read and dropped: counting them is the only way to the same GOPs in every kind of file.
    Raises as `encode`.
    """
    clock = time.monotonic()
    first_frame = first_gop * header.gop_blocks * header.block_frames
    blocks = islice(
        source_blocks(source, header.block_frames, first_frame), None if gops is None else gops * header.gop_blocks
    )
    coder = GopCoder(header, model, Chooser(model, target, header.search, max_tokens), strict)
    found: list[Gop] = []
    probes = 0
    with closing(ahead(blocks)) as read:
        for item in code_blocks(read, coder, GopStart(first_gop, first_frame)):
            if isinstance(item, Gop):
                found.append(item)
                continue
            probes += len(item.probes)
            if watch is not None:
                watch(item)
    return CodedRange(tuple(found), probes, source.truncated, time.monotonic() - clock)


def assemble(source: Source, model: TokenModel, writer: Writer, ranges: Iterable[CodedRange]) -> Finished:
    """Write the GOPs of all ranges and the source's sound, and finish the file. Raises InputError if there are none."""
    clock = time.monotonic()
    header, totals = writer.header, Totals(writer.header, model.spec)
    audio = AudioFeed(source, header, writer.audio_packets)
    truncated = False
    for part in ranges:
        truncated |= part.truncated
        totals.probes += part.probes
        for gop in part.gops:
            if gop.first_frame != totals.frames:
                raise UsageError(f"{source.info.name}: changed while it was read; encode it again")
            writer.write_gop(gop)
            totals.add_gop(gop)
            writer.write_audio(audio.until(gop.pts))
    if totals.frames == 0:
        raise InputError(f"{source.info.name}: no frame in it can be decoded")
    writer.write_audio(audio.rest())
    size = writer.finish()
    return totals.finished(source.info.bytes, size, time.monotonic() - clock, truncated)
