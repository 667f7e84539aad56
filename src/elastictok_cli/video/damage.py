"""What is broken in a video while it is read, and how that is said."""

from __future__ import annotations

from typing import Any

import av

from .integrity import Ffv1Check, damaged_ogg_pages
from .notes import Notes


class Damage:
    """Counts of one pass. packets: that no decoder took. frames: that the decoder repaired."""

    def __init__(self, format_name: str, codec: str) -> None:
        self.packets = self.frames = 0
        self._ffv1 = Ffv1Check() if codec == "ffv1" else None
        self._is_ogg = format_name == "ogg"
        self._places: list[int] = []  # first and last byte read, of Ogg

    def look(self, packet: av.Packet[Any]) -> None:
        """At a packet of any stream."""
        if self._ffv1 is not None and packet.stream.type == "video" and packet.size:
            self._ffv1(bytes(packet))
        if self._is_ogg and packet.pos is not None and packet.pos >= 0:
            self._places = [*self._places[:1], packet.pos]

    def report(self, path: str, notes: Notes) -> None:
        """Say what there was."""
        if self._places:
            pages = damaged_ogg_pages(path, min(self._places), max(self._places))
            if pages:
                notes.damage(f"{_count(pages, 'page')} of the file {_are(pages)} damaged or missing; the rest is coded")
        if self.packets:
            notes.damage(
                f"{_count(self.packets, 'damaged packet')} of the video could not be decoded; the rest is coded"
            )
        frames = self.frames + (self._ffv1.damaged if self._ffv1 is not None else 0)
        if frames:
            coded = "it is" if frames == 1 else "they are"
            notes.damage(
                f"{_count(frames, 'frame')} {_are(frames)} damaged; {coded} coded as the decoder repaired what it could"
            )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
