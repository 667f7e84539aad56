"""Cutting frames into padded tiles, and joining them."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from elastictok_cli.codec.tiling import Tiling
from elastictok_cli.container import Header

from .dct import DctModel


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
        tile_hw=tile,
    )


@given(st.integers(1, 70), st.integers(1, 70), st.sampled_from([1, 8]), st.none() | st.just((16, 24)), st.data())
def test_tiles_join_to_what_was_cut(
    width: int, height: int, multiple: int, tile: tuple[int, int] | None, data: st.DataObject
) -> None:
    head = header(width, height, multiple, tile)
    tiling = Tiling(head)
    frames = np.random.default_rng(width * height).integers(0, 256, (2, height, width, 3), np.uint8)
    tiles = tiling.cut(frames)
    assert len(tiles) == tiling.tiles
    assert all(t.shape == (2, *tiling.tile, 3) for t in tiles)
    assert np.array_equal(tiling.join(tiles, DctModel()), frames)
    visible = [int(np.prod(tiling.visible(i))) for i in range(tiling.tiles)]
    assert sum(visible) == width * height
    assert head.tile_shares == pytest.approx([pixels / (width * height) for pixels in visible])


def test_padding_repeats_the_edge() -> None:
    tiling = Tiling(header(5, 3, 8, None))
    frames = np.arange(45, dtype=np.uint8).reshape(1, 3, 5, 3)
    (tile,) = tiling.cut(frames)
    assert (tile[0, 3:, :5] == frames[0, -1]).all()
    assert (tile[0, :3, 5:] == frames[0, :, -1:]).all()
    with pytest.raises(ValueError, match="file of 5x3"):
        tiling.cut(frames[:, :2])
