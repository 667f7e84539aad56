"""In which order the frames of a block are coded and what each is predicted from.

past -1 | 0 1 2 3 4 5 6 7      anchor 7; 3; 1, 5; leaves 0, 2, 4, 6
"""

from __future__ import annotations

from dataclasses import dataclass

INTRA, ANCHOR, FIRST, SECOND, LEAF = range(5)  # `kind` in contexts.py


@dataclass(frozen=True)
class Place:
    """One frame in coding order: its time in the block, its one or two references' times (-1: the past), its kind."""

    time: int
    first: int | None
    second: int | None
    kind: int


def coding_order(frames: int, has_past: bool) -> tuple[Place, ...]:
    """The coding order of a block of `frames` frames."""
    order: list[Place] = []
    start = -1
    if not has_past:
        order.append(Place(0, None, None, INTRA))
        start = 0
    last = frames - 1
    if last == start:
        return tuple(order)
    order.append(Place(last, start, None, ANCHOR))
    gaps, kind = [(start, last)], FIRST
    while gaps := [(a, b) for a, b in gaps if b - a > 1]:
        halves: list[tuple[int, int]] = []
        for a, b in gaps:
            middle = (a + b) // 2
            # A middle with nothing between it and its ends is copied by no one: a leaf, at whatever level.
            order.append(Place(middle, a, b, LEAF if b - a == 2 else kind))
            halves += [(a, middle), (middle, b)]
        gaps, kind = halves, min(kind + 1, LEAF)
    return tuple(order)
