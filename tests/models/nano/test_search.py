"""What the encoder's search promises: exact transforms, exact interpolation, and what an effort may change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from elastictok_cli.codec.settings import EncodeSettings
from elastictok_cli.errors import UsageError
from elastictok_cli.jit import compiled
from elastictok_cli.metrics import block_mse
from elastictok_cli.models.base import EFFORTS as NAMES
from elastictok_cli.models.nano.model import NanoModel
from elastictok_cli.models.nano.recon.colour import PAD, padded
from elastictok_cli.models.nano.recon.inter import fetch_luma
from elastictok_cli.models.nano.recon.transform import BASIS, SIZES
from elastictok_cli.models.nano.search.effort import EFFORTS
from elastictok_cli.models.nano.search.forward_transform import PITCH, SIZE, forward
from elastictok_cli.models.nano.search.motion_estimation import quarter_phases
from elastictok_cli.models.nano.weights import Weights

from .clips import coded, moving


@compiled
def transformed(d: Any, n: Any) -> Any:
    c, between, folded = np.zeros(SIZE, np.int32), np.zeros(SIZE, np.int32), np.zeros(SIZE + SIZE // 2, np.int32)
    forward(d, n, c, between, folded)
    return c


@pytest.mark.parametrize("size", range(4))
def test_the_folded_transform_is_the_product_with_the_basis(size: int) -> None:
    n = SIZES[size]
    block = np.random.default_rng(size).integers(-255, 256, (n, n))
    basis = BASIS[size, :n, :n].astype(np.int64)
    between = (basis @ block + 128) >> 8
    expected = (between @ basis.T + 16384) >> 14
    flat = np.zeros((PITCH, PITCH), np.int32)
    flat[:n, :n] = block
    found = transformed(flat.reshape(-1), n).reshape(PITCH, PITCH)[:n, :n]
    assert np.array_equal(found.T, expected)


@compiled
def fetched(plane: Any, y: Any, x: Any, vx: Any, vy: Any, n: Any) -> Any:
    out = np.zeros((n, n), np.uint8)
    fetch_luma(plane, y, x, vx, vy, n, out, np.zeros((72, 64), np.int16))
    return out


@pytest.mark.parametrize("vector", [(0, 0), (1, 2), (-61, 7), (203, -135), (-250, -250), (270, 270)])
def test_interpolated_references_are_what_the_decoder_predicts(vector: tuple[int, int]) -> None:
    plane = padded(np.random.default_rng(0).integers(0, 256, (3, 32, 40), np.uint8), 1)[0]
    phases = quarter_phases(plane)
    vx, vy = vector
    n, y, x = 8, 16, 24
    v, u = y + (vy >> 2) + PAD, x + (vx >> 2) + PAD
    phase = phases[4 * (vy & 3) + (vx & 3)]
    assert np.array_equal(fetched(plane, y, x, vx, vy, n), phase[v : v + n, u : u + n])


def test_an_effort_changes_tokens_and_keeps_the_decoder() -> None:
    frames, sizes = moving(8, 128, 128, seed=3), {}
    for name in NAMES:
        model = NanoModel(Weights.untrained(), threads=1).with_effort(name)
        ((state, tokens, shown),) = coded(model, frames, 250)
        again = NanoModel(Weights.untrained(), threads=1)
        assert np.array_equal(again.reconstruct(state, tokens.prefix(tokens.count)), shown)
        assert block_mse(shown, frames) < 0.01
        sizes[name] = tokens.crc()
    assert sizes["fast"] != sizes["best"]


def test_every_effort_has_a_name_that_settings_take() -> None:
    assert set(EFFORTS) == set(NAMES)
    with pytest.raises(UsageError, match="`effort` slow: is fast, default or best"):
        EncodeSettings(effort="slow")
