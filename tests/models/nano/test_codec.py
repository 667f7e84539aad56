"""nano end to end: what the encoder writes is what the decoder reads and shows, whole, cut or damaged."""

from __future__ import annotations

import numpy as np
import pytest

from elastictok_cli.metrics import block_mse
from elastictok_cli.models.nano.model import NanoModel
from elastictok_cli.models.nano.search.encoder import Analysis, chroma_is_half
from elastictok_cli.models.nano.syntax.block import GopDecoder, GopEncoder
from elastictok_cli.models.nano.weights import Weights

from .clips import coded, moving

FINE, COARSE = 200, 330


@pytest.fixture(scope="module")
def model() -> NanoModel:
    return NanoModel(Weights.untrained(), threads=1)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (72, 136), (8, 8), (24, 40)])
@pytest.mark.parametrize("qindex", [0, FINE, COARSE, 479])
def test_decoder_reads_and_shows_what_the_encoder_wrote(model: NanoModel, height: int, width: int, qindex: int) -> None:
    """Sizes that are no multiple of 64, and a last block of five frames."""
    encoder = GopEncoder(model.tables)
    blocks = list(coded(model, moving(13, height, width), qindex, encoder))
    decoder = GopDecoder(encoder.finish(), model.tables, height, width)
    state = model.start(height, width)
    for _, written, shown in blocks:
        read = decoder.read(written.frames, 0, qindex)
        assert read.crc() == written.crc()
        assert read.count == written.count == len(read.values) == len(read.places)
        assert np.array_equal(model.reconstruct(state, read), shown)
        state = model.advance(state, read)
    assert decoder.ended()


def test_finer_steps_have_smaller_errors(model: NanoModel) -> None:
    frames = moving(8, 64, 64)
    errors = [block_mse(shown, frames) for q in (330, 250, 100) for _, _, shown in coded(model, frames, q)]
    assert errors[0] > 1.5 * errors[1] > 3 * errors[2]
    assert errors[2] < 1e-3


def test_threads_change_nothing(model: NanoModel) -> None:
    frames = moving(16, 72, 80)
    two = model.with_threads(2)
    for (_, one, _), (_, other, _) in zip(coded(model, frames, 300), coded(two, frames, 300), strict=True):
        assert one.crc() == other.crc()


def test_a_cut_block_decodes_and_gets_better_with_every_part(model: NanoModel) -> None:
    frames = moving(8, 64, 96)
    state, block, shown = next(iter(coded(model, frames, 250)))
    errors = []
    for share in (0, 0.25, 0.5, 0.75, 1):
        cut = block.prefix(int(share * block.count))
        assert cut.count <= share * block.count
        assert np.array_equal(cut.values, block.values[: cut.count])
        encoder = GopEncoder(model.tables)
        encoder.write(cut)
        read = GopDecoder(encoder.finish(), model.tables, 64, 96).read(8, 0, 250)
        assert read.crc() == cut.crc()
        errors.append(block_mse(model.reconstruct(state, read), frames))
    assert np.array_equal(model.reconstruct(state, block.prefix(block.count)), shown)
    assert errors[-1] < errors[2] < errors[0]


def test_every_prefix_is_decodable(model: NanoModel) -> None:
    """No count of tokens falls into a place where the rest would mean something else."""
    state, block, _ = next(iter(coded(model, moving(3, 24, 32), 240)))
    for count in range(0, block.count + 1, 7):
        cut = block.prefix(count)
        encoder = GopEncoder(model.tables)
        encoder.write(cut)
        assert GopDecoder(encoder.finish(), model.tables, 24, 32).read(3, 0, 240).crc() == cut.crc()
        model.reconstruct(state, cut)


def test_chroma_of_half_size_only_where_it_loses_little() -> None:
    frames = moving(1, 64, 64)
    frames[:, :, ::2] = (255, 0, 0)
    frames[:, :, 1::2] = (0, 0, 255)
    assert chroma_is_half(Analysis(frames), 300) == 0
    frames[:] = moving(1, 64, 64)[..., :1]  # grey
    assert chroma_is_half(Analysis(frames), 300) == 1


@pytest.mark.parametrize("seed", range(20))
def test_damaged_bytes_do_no_harm(model: NanoModel, seed: int) -> None:
    """Whatever the bytes are, reading ends, and what was read can be shown."""
    rng = np.random.default_rng(seed)
    payload = rng.integers(0, 256, int(rng.integers(0, 600)), dtype=np.uint8).tobytes()
    decoder, state = GopDecoder(payload, model.tables, 72, 80), model.start(72, 80)
    for frames in (8, 3):
        read = decoder.read(frames, 0, int(rng.integers(0, 480)))
        assert model.reconstruct(state, read).shape == (frames, 72, 80, 3)
        state = model.advance(state, read)
