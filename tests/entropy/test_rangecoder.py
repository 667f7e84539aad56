"""The range coder alone: symbols survive, at a length close to their entropy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elastictok_cli.entropy import rangecoder as rc

Symbols = list[tuple[int, int]]
symbols = st.lists(
    st.one_of(st.tuples(st.integers(0, 4), st.integers(0, 1)), st.tuples(st.just(-1), st.integers(0, (1 << 20) - 1))),
    max_size=400,
)


def write(items: Symbols) -> bytes:
    coder, ctx = rc.encoder(4 * len(items) + 16), rc.new_contexts(5)
    for place, value in items:
        if place < 0:
            rc.code_raw(coder.io, coder.buf, value, 20)
        else:
            rc.code(coder.io, coder.buf, ctx, place, value)
    return rc.finish(*coder)


def read(data: bytes, items: Symbols) -> tuple[list[int], bool]:
    coder, ctx = rc.decoder(data), rc.new_contexts(5)
    got = [
        rc.code_raw(coder.io, coder.buf, 0, 20) if place < 0 else rc.code(coder.io, coder.buf, ctx, place, 0)
        for place, _ in items
    ]
    return got, rc.ended(*coder)


@settings(max_examples=300, deadline=None)
@given(symbols)
def test_any_symbols_survive(items: Symbols) -> None:
    got, ended = read(write(items), items)
    assert got == [value for _, value in items]
    assert ended


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.97])
def test_the_length_is_near_the_entropy(share: float) -> None:
    bits = (np.random.default_rng(3).random(20000) < share).astype(int)
    size = 8 * len(write([(0, int(b)) for b in bits]))
    p = bits.mean()
    entropy = len(bits) * -(p * math.log2(p) + (1 - p) * math.log2(1 - p))
    # a probability never leaves [1/4096, 4095/4096] by much, and adapting costs a little
    assert size < 1.06 * entropy + 150


def test_price_is_what_a_bit_costs() -> None:
    ctx = rc.new_contexts(1)
    rng = np.random.default_rng(5)
    items = [(0, int(b)) for b in rng.random(3000) < 0.2]
    dry = rc.dry(rc.ADAPT)
    for _, bit in items:
        rc.code(dry.io, dry.buf, ctx, 0, bit)
    assert int(dry.io[rc.COST]) / 256 == pytest.approx(8 * len(write(items)), rel=0.01)


def test_pricing_changes_nothing() -> None:
    ctx = rc.new_contexts(3)
    before = ctx.copy()
    dry = rc.dry(rc.PRICE)
    rc.code(dry.io, dry.buf, ctx, 1, 1)
    assert np.array_equal(ctx, before)
    assert int(dry.io[rc.COST]) == 256


def test_a_cut_stream_is_noticed() -> None:
    items = [(i % 5, (i * i >> 3) & 1) for i in range(600)]
    data = write(items)
    for size in range(len(data) - 9):
        assert not read(data[:size], items)[1]


def test_bytes_left_over_are_noticed() -> None:
    items = [(i % 5, (i * i >> 3) & 1) for i in range(600)]
    assert not read(write(items) + b"\x55" * 5, items)[1]
