"""Tokens to bytes and back, and every way in which bytes can be wrong."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from container.samples import gop, header
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from elastictok_cli.container import BlockRecord, Gop, Header, TileRecord, decode_gop
from elastictok_cli.entropy.bitstream import CodeTokens, Syntax, register_syntax, token_decoder, token_encoder
from elastictok_cli.errors import DamagedFile, UnsupportedFile

CODES = hnp.arrays(np.uint16, st.integers(0, 40), elements=st.integers(0, 63999))
LATENTS = hnp.arrays(np.int8, st.tuples(st.integers(0, 20), st.just(4)))


def round_trip(head: Header, blocks: list[np.ndarray[Any, Any]]) -> bytes:
    encoder = token_encoder(head)
    for values in blocks:
        encoder.write(CodeTokens(values, 2))
    payload = encoder.finish()
    decoder = token_decoder(payload, head)
    for values in blocks:
        found = decoder.read(2, len(values))
        assert found.values.dtype == values.dtype
        assert (found.values == values).all()
    decoder.finish(encoder.digest)
    return payload


@given(st.lists(CODES, max_size=4))
@settings(deadline=None)
def test_any_codes_survive_the_coder(blocks: list[np.ndarray[Any, Any]]) -> None:
    round_trip(header(), blocks)


@given(st.lists(LATENTS, max_size=4))
@settings(deadline=None)
def test_any_latents_survive_the_coder(blocks: list[np.ndarray[Any, Any]]) -> None:
    round_trip(header(syntax="vae/1", channels=4), blocks)


@pytest.mark.parametrize("value", [0, 63999, 31234])
def test_repeated_tokens_cost_little(value: int) -> None:
    assert len(round_trip(header(max_tokens=4000), [np.full(4000, value, np.uint16)])) < 300


def test_bits_so_far_add_up_to_the_payload() -> None:
    encoder = token_encoder(header(max_tokens=4000))
    before, costs = encoder.bits, []
    for seed in range(4):
        codes = np.random.default_rng(seed).integers(0, 64000, 500).astype(np.uint16)
        encoder.write(CodeTokens(codes, 2))
        costs.append(encoder.bits - before)
        before = encoder.bits
    assert all(7900 < cost < 8700 for cost in costs)
    assert abs(sum(costs) - 8 * len(encoder.finish())) < 40


def test_a_cost_is_what_writing_adds_and_writes_nothing() -> None:
    encoder, other = (token_encoder(header(max_tokens=4000)) for _ in range(2))
    for seed in range(3):
        tokens = CodeTokens(np.random.default_rng(seed).integers(0, 100, 500).astype(np.uint16), 2)
        before, cost = encoder.bits, encoder.cost(tokens)
        encoder.write(tokens)
        other.write(tokens)
        assert encoder.bits - before == cost > 1000
    assert (encoder.finish(), encoder.digest) == (other.finish(), other.digest)


def nano() -> tuple[Header, Any]:
    from elastictok_cli.models.nano.weights import Weights

    head = header(syntax="nano/5", tile_hw=None, multiple=8, num_qindex=480, max_tokens=64 * 32 * 2, channels=1)
    return head, Weights.untrained().tables


def nano_gop() -> tuple[bytes, int, int]:
    """One block of a few coefficients: payload, digest, count."""
    from elastictok_cli.models.nano.syntax.block import BlockTokens, FrameTokens
    from elastictok_cli.models.nano.syntax.cells import MODE, USES

    head, start = nano()
    parts = [FrameTokens.empty(head.geometry.height, head.geometry.width) for _ in range(2)]
    parts[0].cells[..., MODE] = 0
    parts[1].cells[..., USES] = 1
    parts[0].levels[0, 0, :4] = [9, -3, 1, 1]
    encoder = token_encoder(head, start)
    block = BlockTokens(parts, 100, 1, None).prefix(1000)  # in canonical form
    encoder.write(block)
    return encoder.finish(), encoder.digest, block.count


def test_nano_tokens_survive_the_coder_and_wrong_counts_are_noticed() -> None:
    head, start = nano()
    payload, digest, count = nano_gop()
    for said in (count, count + 1):
        blocks = (BlockRecord(frames=2, tiles=(TileRecord(count=said, met=True, mse=0.001, qindex=100),)),)
        one = Gop(first_frame=0, pts=np.array([0, 1], np.int64), blocks=blocks, payload=payload, digest=digest)
        ((tokens,),) = list(decode_gop(one, head, start, check_counts=False))
        assert tokens.parts[0].levels[0, 0, :4].tolist() == [9, -3, 1, 1]
        if said == count:
            list(decode_gop(one, head, start))
        else:
            with pytest.raises(DamagedFile, match=f"block 0 has {count} tokens, not {said} as its table says"):
                list(decode_gop(one, head, start))


@given(st.binary(max_size=200))
@settings(deadline=None)
def test_random_bytes_are_no_nano_tokens(payload: bytes) -> None:
    head, start = nano()
    decoder = token_decoder(payload, head, start, "clip: GOP 0")
    with pytest.raises(DamagedFile, match="^clip: GOP 0"):
        decoder.read(2, 0, 0)
        decoder.finish(0x5EED)


def test_random_codes_cost_hardly_more_than_their_entropy() -> None:
    codes = np.random.default_rng(0).integers(0, 64000, 4000).astype(np.uint16)
    assert len(round_trip(header(max_tokens=4000), [codes])) < 4000 * np.log2(64000) / 8 * 1.015


@pytest.mark.parametrize("values", [np.array([64000], np.uint16), np.array([-1]), np.zeros((2, 2), np.uint16)])
def test_an_invalid_code_is_not_written(values: np.ndarray[Any, Any]) -> None:
    with pytest.raises(ValueError, match=r"0 \.\. 63999|no codes"):
        token_encoder(header()).write(CodeTokens(values, 2))


@pytest.mark.parametrize("values", [np.zeros((2, 3), np.int8), np.zeros((2, 4), np.int16), np.zeros(4, np.int8)])
def test_an_invalid_latent_is_not_written(values: np.ndarray[Any, Any]) -> None:
    with pytest.raises(ValueError, match="no tokens of 4 int8"):
        token_encoder(header(syntax="vae/1", channels=4)).write(CodeTokens(values, 2))


def decode(head: Header, payload: bytes, **changes: Any) -> None:
    one = dataclasses.replace(gop(head, 0), payload=payload, **changes)
    list(decode_gop(one, head, where="clip: GOP 0"))


def test_a_gop_decodes_to_what_its_digest_says() -> None:
    head = header()
    decode(head, gop(head, 0).payload)


def test_bytes_after_the_last_token_are_noticed() -> None:
    head = header()
    with pytest.raises(DamagedFile, match="clip: GOP 0: its tokens do not end where its bytes end"):
        decode(head, gop(head, 0).payload + b"\1" * 8)


def test_missing_bytes_are_noticed() -> None:
    head = header()
    with pytest.raises(DamagedFile, match="^clip: GOP 0: "):
        decode(head, gop(head, 0).payload[:-9])


def test_tokens_of_another_digest_are_noticed() -> None:
    head = header()
    with pytest.raises(DamagedFile, match="not those written, though its bytes are; were other weights of test"):
        decode(head, gop(head, 0).payload, digest=1)


@given(st.binary(max_size=40))
@settings(deadline=None)
def test_random_bytes_are_no_tokens(payload: bytes) -> None:
    with pytest.raises(DamagedFile, match="^clip: GOP 0"):
        decode(header(), payload, digest=0x5EED)


def test_a_million_tokens_in_four_bytes_are_refused_at_once() -> None:
    head = header(coded_size=(4096, 4096), max_tokens=1 << 20, syntax="vae/1")
    with pytest.raises(DamagedFile, match="go on after its last byte"):
        token_decoder(b"abcd", head).read(2, 1 << 20)


def test_more_tokens_than_the_model_has_are_refused() -> None:
    with pytest.raises(DamagedFile, match="65 tokens in a block of at most 64"):
        token_decoder(b"", header()).read(2, 65)


def test_an_unknown_syntax_is_named() -> None:
    with pytest.raises(UnsupportedFile, match="clip: GOP 0: tokens of syntax 'waves/3' need another version"):
        token_decoder(b"", header(syntax="waves/3"), where="clip: GOP 0")


class Bytes:
    """A syntax of one byte per token."""

    def __init__(self, *args: Any) -> None:
        self.data, self.tables = args

    @property
    def bits(self) -> int:
        return 8 * len(self.data)

    def copy(self) -> Bytes:
        return Bytes(self.data, self.tables)

    def write(self, tokens: CodeTokens, tile: int) -> None:
        self.data += bytes(int(v) ^ self.tables for v in tokens.values)

    def finish(self) -> bytes:
        return self.data

    def read(self, frames: int, count: int, qindex: int, tile: int) -> CodeTokens:
        taken, self.data = self.data[:count], self.data[count:]
        return CodeTokens(np.array([v ^ self.tables for v in taken], np.uint16), frames, qindex)

    def ended(self) -> bool:
        return not self.data


def test_a_model_registers_its_own_syntax_and_wrong_tables_are_noticed() -> None:
    register_syntax(
        Syntax(
            name="bytes/1",
            encoder=lambda header, tables: Bytes(b"", tables),
            decoder=lambda payload, header, tables, where: Bytes(payload, tables),
        )
    )
    head = header(syntax="bytes/1")
    encoder = token_encoder(head, 85)
    encoder.write(CodeTokens(np.array([1, 2, 3], np.uint16), 2, 5))
    payload = encoder.finish()
    for tables, same in ((85, True), (84, False)):
        decoder = token_decoder(payload, head, tables)
        decoder.read(2, 3, 5)
        if same:
            decoder.finish(encoder.digest)
        else:
            with pytest.raises(DamagedFile, match="other weights"):
                decoder.finish(encoder.digest)


def test_plain_python_writes_the_same_bytes_as_the_compiled_coder() -> None:
    script = (
        "from tests.container.samples import *\n"
        "h = header(); v = header(syntax='vae/1', channels=4)\n"
        "e = token_encoder(v); e.write(CodeTokens(np.arange(-100, 100, dtype=np.int8).reshape(50, 4), 2))\n"
        "print(gop(h, 0).payload.hex(), e.finish().hex())"
    )
    outs = [
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True,
            env={**os.environ, "NUMBA_DISABLE_JIT": off}, cwd=Path(__file__).parents[2],
        ).stdout
        for off in "01"
    ]  # fmt: skip
    assert outs[0] == outs[1]
    assert len(outs[0]) > 200
