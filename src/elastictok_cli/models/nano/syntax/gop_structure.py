"""The order in which the frames of a block are coded, and the references of each.

The last frame of a block is its anchor, predicted from the last frame of the block before. Then the middle frame of
each gap is predicted from the two ends of that gap, until no gap is left. So frames that many others refer to come
first, and coding order is also an order of importance. The first block of a GOP has no block before it and starts with
an intra frame.

    reference -1 | 0 1 2 3 4 5 6 7      anchor 7; 3; 1, 5; 0, 2, 4, 6
"""

from __future__ import annotations

from dataclasses import dataclass

INTRA, ANCHOR, LAYER_2, LAYER_3, NON_REFERENCE = range(5)  # temporal layers, as in contexts.py


@dataclass(frozen=True)
class GopEntry:
    """One frame in coding order.

    time: its place in the block. ref0, ref1: times of its references, -1 for the last frame of the block before,
    None for no reference. layer: its temporal layer.
    """

    time: int
    ref0: int | None
    ref1: int | None
    layer: int


def coding_order(frames: int, has_reference: bool) -> tuple[GopEntry, ...]:
    """The coding order of a block of `frames` frames. has_reference: it is not the first block of its GOP."""
    order: list[GopEntry] = []
    start = -1
    if not has_reference:
        order.append(GopEntry(0, None, None, INTRA))
        start = 0
    last = frames - 1
    if last == start:
        return tuple(order)
    order.append(GopEntry(last, start, None, ANCHOR))
    gaps, layer = [(start, last)], LAYER_2
    while gaps := [(a, b) for a, b in gaps if b - a > 1]:
        halves: list[tuple[int, int]] = []
        for a, b in gaps:
            middle = (a + b) // 2
            # Nothing is left between this frame and its references, so no frame refers to it, whatever its depth.
            order.append(GopEntry(middle, a, b, NON_REFERENCE if b - a == 2 else layer))
            halves += [(a, middle), (middle, b)]
        gaps, layer = halves, min(layer + 1, NON_REFERENCE)
    return tuple(order)
