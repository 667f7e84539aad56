"""What is said about an input: each automatic decision in one sentence, and the option that changes it."""

from __future__ import annotations

from collections.abc import Iterator

import av

from .probe import Probed

_MAX_NAMED = 5  # streams; a note is not to be longer than three lines


class Notes:
    """Sentences in the order they came up, each once. damaged: some of the input could not be read."""

    def __init__(self, texts: tuple[str, ...] = ()) -> None:
        self.texts = list(texts)
        self.damaged = False

    def add(self, text: str) -> None:
        """An automatic decision."""
        if text not in self.texts:
            self.texts.append(text)

    def damage(self, text: str) -> None:
        """A part of the input that could not be read."""
        self.damaged = True
        self.add(text)


def reading_notes(probed: Probed, size: str, stored: tuple[int, int], coded: tuple[int, int]) -> Iterator[str]:
    """Sentences about an input that is not read yet.

    size: as asked for; who did not leave it at the default needs no hint of it. stored, coded: (width, height), both
    upright if pixels get turned.
    """
    if coded != stored:
        (width, height), (to_width, to_height) = stored, coded
        factor = width * height / (to_width * to_height)
        cost = f" (about {factor:.0f} times slower)" if factor >= 2 else ""
        other = f"; `size` source keeps every pixel{cost}" if size.startswith("fit") else ""
        yield f"{width}x{height} is coded at {to_width}x{to_height}{other}"
    depth = max(component.bits for component in av.VideoFormat(probed.pixel_format).components)
    if depth > 8:
        yield f"{depth}-bit samples are coded as 8-bit"
    if probed.orientation != 1:
        yield "the picture is turned upright" + (
            " (it is stored mirrored)" if probed.orientation in (2, 4, 5, 7) else ""
        )
    if probed.rate_is_guess and probed.frame_rate:
        yield f"the file has no frame rate; {float(probed.frame_rate):g} fps is assumed"
    if probed.still is not None:
        yield from probed.still.notes
    if probed.left_out:
        more = len(probed.left_out) - _MAX_NAMED
        rest = f" and {more} more" if more > 0 else ""
        yield f"left out: {', '.join(probed.left_out[:_MAX_NAMED])}{rest}"
