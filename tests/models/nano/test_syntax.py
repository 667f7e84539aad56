"""Blocks of real video through the syntax: tokens, bytes, prefixes."""

from __future__ import annotations

import copy
import resource
from pathlib import Path

import numpy as np
import pytest

from elastictok_cli.entropy import rangecoder as rc
from elastictok_cli.metrics import block_mse
from elastictok_cli.models.nano import vocabulary
from elastictok_cli.models.nano.bitstream import GopDecoder, GopEncoder
from elastictok_cli.models.nano.model import NanoModel
from elastictok_cli.models.nano.syntax import contexts as cx
from elastictok_cli.models.nano.syntax.gop_structure import ANCHOR, INTRA, coding_order
from elastictok_cli.models.nano.syntax.motion_vectors import MV_X1, PRED_FLAGS, PRED_L0, PRED_L1
from elastictok_cli.models.nano.tokens import BlockTokens
from elastictok_cli.models.nano.weights import Weights

from .clips import frames

START = rc.new_contexts(cx.COUNT)
MODEL = NanoModel(Weights(START, b"", 0))


def coded(sizes: list[int], qindex: int, first: int = 4) -> tuple[list[BlockTokens], list[np.ndarray], bytes]:
    """Blocks of these sizes from a 96x128 window of the demo clip: tokens, what is shown, bytes."""
    clip = frames(first, sum(sizes), 64, 96, 96, 128)
    state, encoder, out, shown, at = MODEL.start(96, 128), GopEncoder(START), [], [], 0
    for size in sizes:
        block = MODEL.tokens(state, MODEL.prepare(state, clip[at : at + size]), qindex=qindex)
        shown.append(MODEL.reconstruct(state, block))
        state = MODEL.advance(state, block)
        encoder.write(block)
        out.append(block)
        at += size
    return out, shown, encoder.finish()


def test_a_copy_in_the_middle_of_a_gop_goes_on_to_the_same_bytes() -> None:
    """`TokenEncoder.cost` relies on it."""
    blocks, _, payload = coded([8, 5], 150)
    encoder = GopEncoder(START)
    encoder.write(blocks[0])
    other = copy.deepcopy(encoder)
    other.write(blocks[1])
    encoder.write(blocks[1])
    assert other.finish() == encoder.finish() == payload


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's own figures")
def test_room_costs_memory_only_where_it_is_written_to() -> None:
    """At 4K a gigabyte is reserved per block, for a few thousand bytes."""
    coder, contexts = rc.encoder(1 << 10), rc.new_contexts(1)
    before = resident()
    for _ in range(3):
        for bit in (0, 1) * 2000:
            rc.code(*coder, contexts, 0, bit)
        coder = rc.with_room(rc.copied(coder), 1 << 29)
    assert resident() - before < 1 << 26


def resident() -> int:
    """Resident memory of this process in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@pytest.mark.parametrize("frames_", range(1, 13))
@pytest.mark.parametrize("has_reference", [False, True])
def test_every_frame_is_coded_once_and_after_its_references(frames_: int, has_reference: bool) -> None:
    done = {-1} if has_reference else set()
    for entry in coding_order(frames_, has_reference):
        assert entry.time not in done
        assert {t for t in (entry.ref0, entry.ref1) if t is not None} <= done
        assert (entry.layer == INTRA) == (entry.ref0 is None)
        assert (entry.layer == ANCHOR) == (entry.ref0 is not None and entry.ref1 is None)
        done.add(entry.time)
    assert done - {-1} == set(range(frames_))


@pytest.mark.parametrize("sizes", [[8, 8], [8, 5], [1], [3, 1, 2]])
@pytest.mark.parametrize("step", [150, 250])
def test_bytes_give_the_same_tokens_and_the_same_pixels(sizes: list[int], qindex: int) -> None:
    blocks, shown, payload = coded(sizes, qindex)
    decoder, state = GopDecoder(payload, START, 96, 128), MODEL.start(96, 128)
    for block, picture in zip(blocks, shown, strict=True):
        read = decoder.read(block.frames, block.count, qindex)
        assert read.crc() == block.crc()
        assert np.array_equal(read.values, block.values)
        assert np.array_equal(read.places, block.places)
        assert np.array_equal(MODEL.reconstruct(state, read), picture)
        state = MODEL.advance(state, read)
    assert decoder.ended()


def test_a_changed_byte_changes_the_digest_or_the_end() -> None:
    blocks, _, payload = coded([8], 240)
    for at in range(0, len(payload), max(1, len(payload) // 40)):
        damaged = bytearray(payload)
        damaged[at] ^= 0x10
        decoder = GopDecoder(bytes(damaged), START, 96, 128)
        read = decoder.read(8, 0, 240)
        assert read.crc() != blocks[0].crc() or not decoder.ended()


def test_any_prefix_decodes_and_more_tokens_are_better() -> None:
    block = coded([8], 220)[0][0]
    clip = frames(4, 8, 64, 96, 96, 128)
    state = MODEL.start(96, 128)
    errors = []
    for count in np.linspace(0, block.count, 9).astype(int):
        part = block.prefix(int(count))
        assert int(count) - 6 <= part.count <= count  # never more; a decision is not cut in two
        assert np.array_equal(part.values, block.values[: part.count])
        assert np.array_equal(part.places, block.places[: part.count])
        errors.append(block_mse(MODEL.reconstruct(state, part), clip))
        encoder = GopEncoder(START)
        encoder.write(part)
        assert GopDecoder(encoder.finish(), START, 96, 128).read(8, part.count, 220).crc() == part.crc()
    # For a while it can be worse: frames that have no vectors yet copy a first frame that has become another.
    ranks = np.argsort(np.argsort(errors))
    assert np.corrcoef(ranks, range(9))[0, 1] < -0.9
    assert errors[-1] == min(errors) and errors[0] == max(errors)
    assert block.prefix(block.count).crc() == block.crc()


def test_coefficients_of_an_intra_frame_are_listed_ctu_by_ctu_others_in_stages() -> None:
    block = coded([8], 220)[0][0]
    ctus, is_level = 6 * 8, block.values < vocabulary.DIGIT
    for time, part in enumerate(block.parts):
        own = is_level & (block.places // (3 * ctus) == time)
        order = block.places[own] % ctus
        assert own.sum() == np.count_nonzero(part.levels) > 0
        (is_intra,) = {entry.layer == INTRA for entry in coding_order(8, False) if entry.time == time}
        assert (np.diff(order.astype(int)) >= 0).all() == is_intra


def test_tokens_are_in_the_vocabulary() -> None:
    for block in coded([8, 8], 120)[0]:
        assert block.values.max() < vocabulary.VOCABULARY
        assert block.places.max() < 8 * 3 * 6 * 8
        assert block.count > 100


def test_a_no_obmc_flag_is_a_token_and_a_cut_before_it_clears_it() -> None:
    block = coded([8], 220)[0][0]
    flags = sum(int(part.no_obmc.sum()) for part in block.parts)
    assert flags > 0, "the clip has no such flag, so these tests no longer cover it"
    assert np.count_nonzero(block.values == vocabulary.NO_OBMC) == flags
    at = int(np.flatnonzero(block.values == vocabulary.NO_OBMC)[0])
    assert not any(part.no_obmc.any() for part in block.prefix(at).parts)
    assert sum(int(part.no_obmc.sum()) for part in block.prefix(at + 1).parts) == 1


def test_a_still_scene_costs_next_to_nothing() -> None:
    still = np.repeat(frames(4, 1, 0, 0, 256, 256), 8, axis=0)
    state = MODEL.start(256, 256)
    first = MODEL.tokens(state, MODEL.prepare(state, still), qindex=230)
    later = MODEL.advance(state, first)
    second = MODEL.tokens(later, MODEL.prepare(later, still), qindex=479)  # as coarse as there is: only copy
    sizes = []
    for blocks in ([first], [first, second]):
        encoder = GopEncoder(START)
        for block in blocks:
            encoder.write(block)
        sizes.append(len(encoder.finish()))
    assert second.count <= 16
    assert sizes[1] - sizes[0] <= 40
    assert block_mse(MODEL.reconstruct(later, second), still) < 1.1 * block_mse(MODEL.reconstruct(state, first), still)


def test_a_search_from_hints_writes_what_is_read() -> None:
    clip = frames(4, 16, 64, 96, 96, 128)
    state = MODEL.start(96, 128)
    state = MODEL.advance(state, MODEL.tokens(state, MODEL.prepare(state, clip[:8]), qindex=200))
    analysis = MODEL.prepare(state, clip[8:])
    for qindex in (180, 204, 228, 252):  # the first searches, the others start from its vectors
        block = MODEL.tokens(state, analysis, qindex=qindex)
        before = block.crc()
        MODEL.advance(state, block)  # codes the block, which rewrites it in canonical form
        assert block.crc() == before
        for part in block.parts:
            assert not part.mv[..., :MV_X1][part.mv[..., PRED_FLAGS] == PRED_L1].any()
            assert not part.mv[..., MV_X1:PRED_FLAGS][part.mv[..., PRED_FLAGS] == PRED_L0].any()
    assert len(analysis.motion) == 4


def test_threads_change_nothing() -> None:
    clip = frames(4, 8, 64, 96, 96, 128)
    results = []
    for threads in (1, 2):
        model = NanoModel(Weights(START, b"", 0), threads=threads)
        state = model.start(96, 128)
        results.append(model.tokens(state, model.prepare(state, clip), qindex=230).crc())
    assert results[0] == results[1]
