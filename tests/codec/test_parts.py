"""The parts of the loop that have no video in them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastictok_cli.codec.ahead import ahead
from elastictok_cli.codec.picture import Picture
from elastictok_cli.codec.target import Target
from elastictok_cli.container import Header
from elastictok_cli.errors import UsageError


def header(width: int, height: int, multiple: int, tile: tuple[int, int] | None) -> Header:
    size = (width, height)
    return Header(
        tool="0",
        model="m",
        model_digest=bytes(16),
        generation=0,
        syntax="vae/1",
        block_frames=2,
        gop_blocks=2,
        coded_size=size,
        display_size=size,
        source_size=size,
        time_base=Fraction(1, 25),
        multiple=multiple,
        tile=tile,
    )


@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 8]), st.none() | st.just((16, 24)), st.data())
def test_tiles_join_to_what_was_cut(
    width: int, height: int, multiple: int, tile: tuple[int, int] | None, data: st.DataObject
) -> None:
    head = header(width, height, multiple, tile)
    picture = Picture(head)
    frames = np.random.default_rng(width * height).integers(0, 256, (2, height, width, 3), np.uint8)
    tiles = picture.cut(frames)
    assert len(tiles) == picture.tiles
    assert all(t.shape == (2, *picture.tile, 3) for t in tiles)
    assert np.array_equal(picture.join(tiles), frames)
    visible = [int(np.prod(picture.visible(i))) for i in range(picture.tiles)]
    assert sum(visible) == width * height
    assert head.tile_shares == pytest.approx([pixels / (width * height) for pixels in visible])


def test_padding_repeats_the_edge() -> None:
    picture = Picture(header(5, 3, 8, None))
    frames = np.arange(45, dtype=np.uint8).reshape(1, 3, 5, 3)
    (tile,) = picture.cut(frames)
    assert (tile[0, 3:, :5] == frames[0, -1]).all()
    assert (tile[0, :3, 5:] == frames[0, :, -1:]).all()
    with pytest.raises(ValueError, match="file of 5x3"):
        picture.cut(frames[:, :2])


def test_ahead_keeps_order_and_ends() -> None:
    assert list(ahead(iter(range(1000)), 3)) == list(range(1000))


def test_ahead_hands_an_error_over_after_what_came_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    items = ahead(failing())
    assert next(items) == 1
    with pytest.raises(OSError, match="gone"):
        next(items)


def test_ahead_reads_no_further_than_it_may_and_closes_what_it_read() -> None:
    read: list[int] = []
    closed = threading.Event()

    def counting() -> Iterator[int]:
        try:
            for number in range(1000):
                read.append(number)
                yield number
        finally:
            closed.set()

    items = ahead(counting(), 1)
    assert next(items) == 0
    items.close()
    assert closed.is_set()
    assert len(read) <= 4


@pytest.mark.parametrize(
    ("make", "value", "hint"),
    [
        (Target.threshold, 27.6, "did you mean --psnr 27.6"),
        (Target.threshold, 0.0, "above 0"),
        (Target.threshold, -1.0, "above 0"),
        (Target.threshold, float("nan"), "above 0"),
        (Target.threshold, 1.5, "at most 1"),
        (Target.psnr, 0.007, "did you mean --threshold 0.007"),
        (Target.psnr, 200.0, "between"),
        (Target.psnr, float("inf"), "between"),
        (Target.fixed, -1, "fewer than 0"),
    ],
)
def test_a_target_that_cannot_be_meant_gets_a_hint(make, value: float, hint: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=hint):
        make(value)


def test_psnr_and_threshold_are_one_thing() -> None:
    assert Target.psnr(27.57).limit == pytest.approx(0.007, rel=1e-3)
    assert Target.fixed(64).tokens == 64
    assert Target.threshold().tokens is None
