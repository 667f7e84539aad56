"""Source and reconstructions side by side, as a video or a contact sheet."""

from .matched import Matched, Shot
from .run import CompareOptions, compare

__all__ = ["CompareOptions", "Matched", "Shot", "compare"]
