"""HEAD of the file that an encode writes: everything that source, model, target and options decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .. import __version__
from ..container import Header
from ..container.format import MAX_GOP_FRAMES
from ..errors import UsageError
from ..models.base import TokenModel
from ..search import strategy
from ..video import SourceInfo
from .target import Target


def make_header(
    info: SourceInfo,
    model: TokenModel,
    target: Target,
    *,
    search: str = "fast",
    gop_blocks: int | None = None,
    audio: bool = True,
    max_tokens: int | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Header:
    """For `Writer`. gop_blocks: None for the model's own; the original models cannot have more than they were
    trained on. max_tokens: the limit of a block that `encode` is given; a resumed run must have the same.

    Raises UsageError for an unknown search, or a GOP length or limit that cannot be.
    """
    spec = model.spec
    strategy(search)
    for option, count in (("--max-tokens", max_tokens), ("--gop", gop_blocks)):
        if count is not None and count != int(count):
            raise UsageError(f"{option} {count}: must be a whole number")
    if max_tokens is not None and max_tokens < 1:
        raise UsageError(f"--max-tokens {max_tokens}: must be 1 or more")
    blocks = spec.gop_blocks if gop_blocks is None else gop_blocks
    if blocks < 1:
        raise UsageError(f"--gop {blocks}: a GOP has at least one block of {spec.block_frames} frames")
    if blocks > (most := MAX_GOP_FRAMES // spec.block_frames):
        raise UsageError(f"--gop {blocks}: a GOP has at most {most:,} blocks of {spec.block_frames} frames")
    if spec.max_gop_blocks is not None and blocks > spec.max_gop_blocks:
        raise UsageError(f"--gop {blocks}: {spec.name} sees at most {spec.max_gop_blocks} blocks at once")
    header = Header(
        tool=__version__,
        model=spec.name,
        model_digest=spec.digest,
        generation=spec.generation,
        syntax=spec.syntax,
        block_frames=spec.block_frames,
        gop_blocks=blocks,
        coded_size=(info.width, info.height),
        display_size=info.display_size,
        source_size=(info.source_width, info.source_height),
        time_base=info.time_base,
        multiple=spec.multiple,
        tile=spec.tile,
        rotation=info.rotation,
        sar=info.sar,
        colour=info.colour,
        frame_rate=info.frame_rate,
        target=target.kind,
        target_value=target.value,
        threshold=target.limit,
        search=search,
        steps=spec.steps,
        channels=spec.channels,
        is_still=info.is_still,
        audio=info.audio if audio else (),
        extra={
            **model.header_fields,
            **_times(info),
            **_unmeasured(target),
            **({} if max_tokens is None else {"limit": max_tokens}),
            **({"languages": list(info.languages)} if audio and any(info.languages) else {}),
            **(extra or {}),
        },
    )
    height, width = header.geometry.tile or (header.geometry.height, header.geometry.width)
    return replace(header, max_tokens=spec.max_tokens(spec.block_frames, height, width))


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
