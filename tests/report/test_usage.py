"""What is read from a file's tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from elastictok_cli.container import Reader
from elastictok_cli.report import percentiles, read_usage

from .files import CLIP, CLIP_MISSED, etok, header, usage

GOLDEN = Path(__file__).parents[1] / "golden"


def test_blocks_know_their_place_and_time() -> None:
    blocks = usage(CLIP, last_frames=3).blocks
    assert [b.tokens for b in blocks] == CLIP
    assert [b.first_frame for b in blocks] == [4 * i for i in range(15)]
    assert [b.gop for b in blocks] == [0] * 8 + [1] * 7
    assert [b.index for b in blocks if b.starts_gop] == [0, 8]
    assert [b.time_s for b in blocks] == pytest.approx([0.16 * i for i in range(15)])
    assert blocks[-1].duration_s == pytest.approx(3 / 25)


def test_totals_add_up() -> None:
    data = etok(CLIP, CLIP_MISSED, last_frames=3)
    found = usage(CLIP, CLIP_MISSED, last_frames=3)
    assert (found.frames, found.tokens, found.missed, found.gops) == (59, sum(CLIP), 1, 2)
    assert found.max_tokens == 14 * 10_000 + 7_500
    assert found.duration_s == pytest.approx(59 / 25)
    assert found.bytes == len(data)
    assert found.bpp == pytest.approx(8 * len(data) / (59 * 64 * 48))
    assert found.mse == pytest.approx((55 * 0.0065 + 4 * 0.009) / 59, rel=1e-3)


def test_a_block_that_stands_out_is_likely_a_cut_but_not_the_first_of_a_gop() -> None:
    assert [b.index for b in usage(CLIP).blocks if b.cut] == [4]


def test_of_several_dear_blocks_in_a_row_the_first_is_the_cut() -> None:
    counts = [300] * 12
    counts[5] = counts[6] = 1500
    assert [b.index for b in usage(counts).blocks if b.cut] == [5]


def test_even_usage_has_no_cuts() -> None:
    assert not any(b.cut for b in usage([500, 480, 510, 530, 470, 450, 520, 600, 580, 500]).blocks)


def test_percentiles_are_counts_that_occur() -> None:
    found = percentiles(usage(CLIP))
    assert set(found.values()) <= set(CLIP)
    assert (found[0], found[50], found[100]) == (20, 310, 4000)


def test_tiles_count_by_what_is_visible_of_them() -> None:
    shares = header(coded_size=(40, 20), tile_hw=(32, 32)).tile_shares
    assert shares == pytest.approx([32 / 40, 8 / 40])
    padded = header(coded_size=(40, 20), multiple=96, tile_hw=(32, 32)).tile_shares
    assert padded == pytest.approx([32 / 40, 8 / 40, *[0.0] * 7])  # tiles of nothing but padding


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.etok")), ids=lambda path: path.stem)
def test_every_golden_file_can_be_reported(path: Path) -> None:
    with Reader(path) as reader:
        found = read_usage(reader)
        assert found.frames == reader.frames
        assert found.bytes == path.stat().st_size
