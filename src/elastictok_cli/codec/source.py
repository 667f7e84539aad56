"""Open a video or picture as settings and model ask for it."""

from __future__ import annotations

from typing import BinaryIO

from ..models.base import TokenModel
from ..types import PathLike
from ..video import Source, open_source
from .settings import EncodeSettings


def open_to_encode(source: PathLike | BinaryIO, model: TokenModel, settings: EncodeSettings) -> Source:
    """The part of the source that the settings name, at their size or the model's. Raises as `open_source`."""
    return open_source(source, settings.size or model.spec.size, settings.start, settings.duration)
