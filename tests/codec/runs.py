"""Encode and decode in one line, in memory."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elastictok_cli.codec.decoder import decode_blocks
from elastictok_cli.codec.encoder import encode
from elastictok_cli.codec.events import BlockDone, Event, Finished
from elastictok_cli.codec.gop_decoder import DecodedBlock
from elastictok_cli.codec.gop_encoder import ProbeCallback
from elastictok_cli.codec.header import make_header
from elastictok_cli.codec.settings import EncodeSettings
from elastictok_cli.codec.target import Target
from elastictok_cli.container import Reader, Writer
from elastictok_cli.metrics import block_mse
from elastictok_cli.models.base import TokenModel
from elastictok_cli.video import open_source


def encoded(
    path: Path,
    model: TokenModel,
    target: Target | None = None,
    search: str = "fast",
    on_probe: ProbeCallback | None = None,
    **options: Any,
) -> tuple[bytes, list[Event]]:
    """The .etok file of a clip, and what happened."""
    settings, out = EncodeSettings(target=target or Target.threshold(0.003), search=search, **options), io.BytesIO()
    with open_source(path, size="source") as source:
        writer = Writer(out, make_header(source.info, model, settings))
        events = list(encode(source, model, writer, settings, on_probe=on_probe))
    return out.getvalue(), events


def blocks_of(events: list[Event]) -> list[BlockDone]:
    return [event for event in events if isinstance(event, BlockDone)]


def totals_of(events: list[Event]) -> Finished:
    assert isinstance(events[-1], Finished)
    return events[-1]


def source_frames(path: Path) -> npt.NDArray[np.uint8]:
    """All frames, (T, H, W, 3)."""
    with open_source(path, size="source") as source:
        return np.stack([frame.rgb for frame in source.frames()])


def shown(etok: bytes, model: TokenModel) -> list[DecodedBlock]:
    with Reader(etok) as reader:
        return [item for item in decode_blocks(reader, model) if isinstance(item, DecodedBlock)]


def true_errors(etok: bytes, model: TokenModel, path: Path) -> list[float]:
    """Of every block as decode shows it, measured here, against the source."""
    source = source_frames(path)
    return [
        block_mse(block.frames, source[block.first_frame : block.first_frame + len(block.pts)])
        for block in shown(etok, model)
    ]
