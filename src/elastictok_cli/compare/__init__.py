"""Source and reconstructions side by side, as a video or a contact sheet."""

from .panels import Panel
from .run import CompareOptions, compare

__all__ = ["CompareOptions", "Panel", "compare"]
