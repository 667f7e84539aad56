"""HEAD of the file that an encode writes: everything that source, model, target and options decide."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from ..container import Header
from ..container.format import MAX_GOP_FRAMES
from ..errors import UsageError
from ..models.base import ModelSpec, TokenModel
from ..version import __version__
from ..video import SourceInfo
from .settings import EncodeSettings
from .target import Target


def make_header(info: SourceInfo, model: TokenModel, settings: EncodeSettings) -> Header:
    """The header of the file that these settings make of a source.

    Raises UsageError for a GOP length that the model cannot have.
    """
    spec, target = model.spec, settings.target
    blocks = settings.gop_blocks or spec.gop_blocks
    if blocks > (most := MAX_GOP_FRAMES // spec.block_frames):
        raise UsageError(f"`gop_blocks` {blocks}: a GOP has at most {most:,} blocks of {spec.block_frames} frames")
    if spec.max_gop_blocks is not None and blocks > spec.max_gop_blocks:
        raise UsageError(f"`gop_blocks` {blocks}: {spec.name} sees at most {spec.max_gop_blocks} blocks at once")
    max_tokens, audio = settings.max_tokens, settings.audio
    return replace(
        header_of(spec, info.width, info.height),
        gop_blocks=blocks,
        display_size=info.display_size,
        source_size=(info.source_width, info.source_height),
        time_base=info.time_base,
        rotation=info.rotation,
        sar=info.sar,
        colour=info.colour,
        frame_rate=info.frame_rate,
        target=target.kind,
        target_value=target.value,
        threshold=target.limit,
        search=settings.search,
        is_still=info.is_still,
        audio=info.audio if audio else (),
        extra={
            **model.header_fields,
            **_times(info),
            **_unmeasured(target),
            **({"about": dict(settings.about)} if settings.about else {}),
            **({} if max_tokens is None else {"limit": max_tokens}),
            **({"languages": list(info.languages)} if audio and any(info.languages) else {}),
        },
    )


def header_of(spec: ModelSpec, width: int, height: int) -> Header:
    """The header of frames of this size that come from no file: 25 a second, pixels as they are."""
    size = (width, height)
    header = Header(
        tool=__version__,
        model=spec.name,
        model_digest=spec.digest,
        generation=spec.generation,
        syntax=spec.syntax,
        block_frames=spec.block_frames,
        gop_blocks=spec.gop_blocks,
        coded_size=size,
        display_size=size,
        source_size=size,
        time_base=Fraction(1, 25),
        multiple=spec.multiple,
        tile_hw=spec.tile_hw,
        num_qindex=spec.num_qindex,
        channels=spec.channels,
    )
    return replace(header, max_tokens=spec.max_tokens(spec.block_frames, *header.geometry.tile_hw))


def _times(info: SourceInfo) -> dict[str, Any]:
    """What decode cannot see from the frames' times; nothing for a whole video of a constant rate."""
    said: dict[str, Any] = {}
    if info.end_pts is not None and not info.ends_as_usual:
        said["end_pts"] = info.end_pts
    if info.is_part:
        said["part"] = True
    return said


def _unmeasured(target: Target) -> dict[str, Any]:
    return {} if target.measured else {"measured": False}
