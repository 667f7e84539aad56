"""The contexts of syntax fsq/1: what they know of a token's surroundings makes its digits cheap."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from container.samples import header

from elastictok_cli.container import Header
from elastictok_cli.entropy.bitstream import CodeTokens, token_decoder, token_encoder
from elastictok_cli.errors import DamagedFile, UnsupportedFile
from elastictok_cli.models import weights_files
from elastictok_cli.models.elastic import bitstream, fsq_contexts
from elastictok_cli.models.elastic.codes import from_digits, to_digits


def tiled() -> Header:
    """Tiles of 16x16 tokens, as elastictok-mini has them."""
    return header(coded_size=(256, 128), tile_hw=(128, 128), multiple=128, block_frames=4, max_tokens=512)


def random(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 64000, count).astype(np.uint16)


def bits(head: Header, tiles: list[tuple[int, np.ndarray]]) -> int:
    """What the last of these tiles costs."""
    encoder = token_encoder(head)
    for number, values in tiles[:-1]:
        encoder.write(CodeTokens(values, 4), number)
    return encoder.cost(CodeTokens(tiles[-1][1], 4), tiles[-1][0])


def test_digits_are_the_codes() -> None:
    codes = np.arange(64000).astype(np.uint16)
    digits = to_digits(codes)
    assert (digits.max(0) == [7, 7, 7, 4, 4, 4]).all()
    assert (from_digits(digits) == codes).all()


def test_a_block_that_repeats_the_one_before_costs_little() -> None:
    values = random(400)
    alone = bits(tiled(), [(0, values)])
    assert alone > 6000
    assert bits(tiled(), [(0, values), (0, values)]) < alone / 8
    assert bits(tiled(), [(0, values), (1, values)]) > alone / 2  # not of another tile


def test_a_time_step_that_repeats_the_one_before_costs_little() -> None:
    step = random(256)
    assert bits(tiled(), [(0, np.concatenate([step, step]))]) < 1.2 * bits(tiled(), [(0, step)])


def test_tiles_and_blocks_of_any_counts_survive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bitstream, "CHUNK", 37)  # a decoder takes memory for a few tokens at a time
    counts = [300, 0, 512, 1, 40, 511]
    encoder = token_encoder(tiled())
    for number, count in enumerate(counts):
        encoder.write(CodeTokens(random(count, number % 3), 4), number % 2)
    decoder = token_decoder(encoder.finish(), tiled())
    for number, count in enumerate(counts):
        assert (decoder.read(4, count, 0, number % 2).values == random(count, number % 3)).all()
    decoder.finish(encoder.digest)


def test_a_count_that_lies_stops_soon() -> None:
    encoder = token_encoder(tiled())
    encoder.write(CodeTokens(random(10), 4))
    decoder = token_decoder(encoder.finish(), header(max_tokens=1 << 20, coded_size=(4096, 4096)))
    with pytest.raises(DamagedFile, match="go on after its last byte"):
        decoder.read(4, 1 << 20)


def test_start_values_that_are_damaged_are_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "fsq-contexts.safetensors"
    shutil.copy(weights_files.packaged_weights(fsq_contexts.START_FILE), damaged)
    damaged.write_bytes(damaged.read_bytes()[:5000])
    monkeypatch.setattr(fsq_contexts, "packaged_weights", lambda name: damaged)
    fsq_contexts.start_tables.cache_clear()
    with pytest.raises(UnsupportedFile, match=r"fsq-contexts\.safetensors: damaged; install elastictok again"):
        fsq_contexts.start_tables()
    fsq_contexts.start_tables.cache_clear()
