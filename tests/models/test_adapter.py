"""The original models through the interface of models/base.py, with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from elastictok_cli.entropy.bitstream import CodeTokens
from elastictok_cli.metrics import block_mse
from elastictok_cli.models.elastic.adapter import ElasticModel
from elastictok_cli.models.elastic.pixels import to_uint8_truncated
from elastictok_cli.models.registry import load

SIDE = 32
Frames = npt.NDArray[np.uint8]


@pytest.fixture(params=["fsq_file", "vae_file"])
def model(request: pytest.FixtureRequest) -> ElasticModel:
    loaded = load(request.getfixturevalue(request.param), device="cpu")
    assert isinstance(loaded, ElasticModel)
    return loaded


def clip(frames: int, seed: int = 0) -> Frames:
    return np.random.default_rng(seed).integers(0, 256, (frames, SIDE, SIDE, 3), dtype=np.uint8)


def masks(model: ElasticModel, counts: list[int]) -> torch.Tensor:
    most = model.config.max_toks
    return torch.cat([torch.arange(most) < count for count in counts])[None]


def test_single_blocks_with_a_cache_equal_a_whole_sequence(model: ElasticModel) -> None:
    counts, frames, network = [5, 16, 9, 12], clip(8), model.network
    patches, mask = network.patches(torch.from_numpy(frames)[None]), masks(model, counts)
    with torch.inference_mode():
        z, _ = network.encode(patches, mask)
        stored = network.bottleneck.latents(network.bottleneck.tokens(z)) * mask[..., None]
        shown, _ = network.decode(stored)
    state = model.start(SIDE, SIDE)
    for k, count in enumerate(counts):
        analysis = model.prepare(state, frames[2 * k : 2 * k + 2])
        tokens = model.tokens(state, analysis, count)
        most = model.config.max_toks
        np.testing.assert_array_equal(
            tokens.values,
            network.bottleneck.tokens(z[0, k * most : k * most + count]).astype(tokens.values.dtype),
        )
        whole = (network.pixels(shown)[0, 2 * k : 2 * k + 2] + 1) * 127.5
        np.testing.assert_allclose(model.reconstruct(state, tokens), whole.numpy(), atol=0.51)
        state = model.advance(state, tokens, analysis)


def test_the_decoder_shows_what_the_encoder_measured(model: ElasticModel) -> None:
    frames, encoder, decoder = clip(6), model.start(SIDE, SIDE), model.start(SIDE, SIDE)
    for k, count in enumerate([7, 16, 4]):
        analysis = model.prepare(encoder, frames[2 * k : 2 * k + 2])
        tokens = model.tokens(encoder, analysis, count)
        measured = model.reconstruct(encoder, tokens)
        model.reconstruct(encoder, model.tokens(encoder, analysis, 11))  # another candidate comes between
        encoder = model.advance(encoder, tokens, analysis)
        read = CodeTokens(tokens.values.copy(), tokens.frames)
        np.testing.assert_array_equal(model.reconstruct(decoder, read), measured)
        decoder = model.advance(decoder, read)


def test_a_block_depends_on_the_blocks_before(model: ElasticModel) -> None:
    frames, fresh = clip(4), model.start(SIDE, SIDE)
    first = model.prepare(fresh, frames[:2])
    later = model.advance(fresh, model.tokens(fresh, first, 16), first)
    analysis = model.prepare(fresh, frames[2:])
    alone, after = (model.tokens(state, analysis, 16) for state in (fresh, later))
    assert not np.array_equal(alone.values, after.values)
    assert not np.array_equal(model.reconstruct(fresh, alone), model.reconstruct(later, alone))


def test_trying_a_candidate_changes_no_state(model: ElasticModel) -> None:
    frames, state = clip(2), model.start(SIDE, SIDE)
    analysis = model.prepare(state, frames)
    before = model.tokens(state, analysis, 6)
    model.advance(state, model.tokens(state, analysis, 16), analysis)
    assert model.tokens(state, analysis, 6).crc() == before.crc()


def test_the_decoder_runs_only_when_pixels_are_asked_for(model: ElasticModel, monkeypatch: pytest.MonkeyPatch) -> None:
    frames, eager, lazy, ran = clip(6), model.start(SIDE, SIDE), model.start(SIDE, SIDE), []
    decode = model.network.decode
    monkeypatch.setattr(model.network, "decode", lambda *a: ran.append(1) or decode(*a))
    for k in range(2):
        analysis = model.prepare(lazy, frames[2 * k : 2 * k + 2])
        tokens = model.tokens(lazy, analysis, 9)
        lazy = model.advance(lazy, tokens, analysis)
        assert len(ran) == k, "only what the eager one showed"
        model.reconstruct(eager, tokens)
        eager = model.advance(eager, tokens, analysis)
    last = model.tokens(lazy, model.prepare(lazy, frames[4:]), 9)
    np.testing.assert_array_equal(model.reconstruct(lazy, last), model.reconstruct(eager, last))
    before = len(ran)
    model.reconstruct(lazy, last)
    assert len(ran) == before + 1, "what it lagged behind is decoded once"


def test_tokens_are_not_nested(model: ElasticModel) -> None:
    state = model.start(SIDE, SIDE)
    analysis = model.prepare(state, clip(2))
    few, all_of_them = model.tokens(state, analysis, 8), model.tokens(state, analysis)
    assert (few.count, all_of_them.count) == (8, model.spec.max_tokens(2, SIDE, SIDE))
    assert not np.array_equal(few.values, all_of_them.values[:8])
    assert not model.spec.nested


def test_tokens_are_what_the_container_stores(model: ElasticModel) -> None:
    state = model.start(SIDE, SIDE)
    tokens = model.tokens(state, model.prepare(state, clip(2)), 8)
    shape = (8,) if model.spec.channels == 1 else (8, 5)
    assert (tokens.values.shape, tokens.values.dtype) == (
        shape,
        np.uint16 if model.spec.channels == 1 else np.int8,
    )
    assert tokens.crc(7) == CodeTokens(tokens.values, 2).crc(7)
    assert model.header_fields == (
        {} if model.spec.channels == 1 else {"scale": model.network.bottleneck.scale.tolist()}
    )


def test_a_picture_is_repeated_and_shown_once(model: ElasticModel) -> None:
    frames, state = clip(1), model.start(SIDE, SIDE)
    one, both = model.prepare(state, frames), model.prepare(state, np.repeat(frames, 2, 0))
    assert torch.equal(one.patches, both.patches)
    tokens = model.tokens(state, one, 10)
    assert (tokens.frames, model.reconstruct(state, tokens).shape) == (1, (1, SIDE, SIDE, 3))
    assert model.spec.max_tokens(1, SIDE, SIDE) == model.config.max_toks


def test_pixels_are_rounded_to_the_nearest(model: ElasticModel) -> None:
    state = model.start(SIDE, SIDE)
    tokens = model.tokens(state, model.prepare(state, clip(2)), 16)
    with torch.inference_mode():
        exact = model.network.pixels(model.network.decode(model._latents(tokens))[0])[0]
    assert np.abs(model.reconstruct(state, tokens) - (exact.numpy() + 1) * 127.5).max() <= 0.501
    assert block_mse(model.reconstruct(state, tokens), to_uint8_truncated(exact)) > 0


def test_a_state_without_the_source_only_decodes(model: ElasticModel) -> None:
    start = model.start(SIDE, SIDE)
    analysis = model.prepare(start, clip(2))
    tokens = model.tokens(start, analysis, 8)
    decoder = model.advance(start, tokens)
    assert model.reconstruct(decoder, tokens).shape == (2, SIDE, SIDE, 3)
    with pytest.raises(ValueError, match="without the source"):
        model.tokens(decoder, analysis, 8)


def test_a_gop_ends_after_four_blocks(model: ElasticModel) -> None:
    assert model.spec.gop_blocks == 4
    state = model.start(SIDE, SIDE)
    tokens = model.tokens(state, model.prepare(state, clip(2)), 8)
    for _ in range(4):
        state = model.advance(state, tokens)
    assert state.decoder is None, "the past of a GOP that is over is a gigabyte"
    with pytest.raises(ValueError, match="4 blocks at most"):
        model.reconstruct(state, tokens)


def test_other_sizes_are_cut_into_tiles_by_the_codec(model: ElasticModel) -> None:
    assert model.spec.tile_hw == (SIDE, SIDE)
    with pytest.raises(ValueError, match="tile of 64x32"):
        model.start(SIDE, 64)


def test_time_and_memory_of_a_job_are_estimated(model: ElasticModel) -> None:
    frames, state = clip(2), model.start(SIDE, SIDE)
    assert model.evaluation_s() > 0
    assert model.flops(3) > model.flops(0)
    analysis = model.prepare(state, frames)
    for _ in range(3):
        tokens = model.tokens(state, analysis, 8)
        model.reconstruct(state, tokens)
        state = model.advance(state, tokens, analysis)
    past = [part for half in (state.encoder, state.decoder) for rows in half or () for part in rows]
    assert sum(part.nbytes for part in past) == model.past_bytes


def test_half_precision_loads_and_is_close(fsq_file: Path) -> None:
    wide, narrow = load(fsq_file, device="cpu"), load(fsq_file, device="cpu", precision="bfloat16")
    state = wide.start(SIDE, SIDE)
    tokens = wide.tokens(state, wide.prepare(state, clip(2)), 16)
    near = block_mse(narrow.reconstruct(narrow.start(SIDE, SIDE), tokens), wide.reconstruct(state, tokens))
    assert 0 < near < 0.01


def test_refined_tokens_decode_to_a_smaller_error(model: ElasticModel) -> None:
    """In a first block, and behind one."""
    state, frames = model.start(SIDE, SIDE), clip(4) // 4 + 90
    for block in (frames[:2], frames[2:]):
        analysis = model.prepare(state, block)
        tokens = model.tokens(state, analysis, 12)
        (refined,) = model.refine_many([state], [analysis], [tokens])
        assert (refined.count, refined.values.dtype) == (12, tokens.values.dtype)
        errors = [block_mse(model.reconstruct(state, each), block) for each in (tokens, refined)]
        assert errors[1] < errors[0]
        state = model.advance(state, refined, analysis)
