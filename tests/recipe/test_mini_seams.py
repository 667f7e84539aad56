"""Pairs of windows, and what is fitted to them: the filter across borders and the start values of fsq/1."""

from __future__ import annotations

import shutil
from pathlib import Path

import contexts
import mini_pairs
import numpy as np
import pytest
import torch
import train_fsq_contexts
import train_mini_seams
from packed import Windows

from elastictok_cli.entropy.rangecoder import ADAPT
from elastictok_cli.models.elastic import fsq_contexts
from elastictok_cli.models.elastic.adapter import ElasticModel
from elastictok_cli.models.elastic.seams import SeamFilter
from elastictok_cli.models.registry import load
from elastictok_cli.models.weights_files import packaged_weights


class Slopes(Windows):
    """Windows of one moving slope, in place of packed clips."""

    def __init__(self) -> None:
        pass

    def sample(self, rng: np.random.Generator, rows: int, frames: int) -> torch.Tensor:
        y, x = np.mgrid[: mini_pairs.SIDE, : mini_pairs.SIDE]
        slope = 40 + 0.4 * y + rng.uniform(0.1, 0.3) * (x + np.arange(frames)[:, None, None])
        return torch.from_numpy(np.repeat(slope[None, ..., None], 3, -1).astype(np.uint8)).expand(rows, -1, -1, -1, -1)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model, folder = load("elastictok-mini", device="cpu"), tmp_path_factory.mktemp("pairs")
    assert isinstance(model, ElasticModel)
    for number in range(2):
        np.savez(folder / f"{number}.npz", **mini_pairs.make(np.random.default_rng(number), model, Slopes()))
    return folder


def test_a_pair_is_a_window_and_what_the_model_shows_of_it(pairs: Path) -> None:
    for path in pairs.glob("*.npz"):
        with np.load(path) as arrays:
            assert arrays["source"].shape == arrays["shown"].shape == (4 * len(arrays["counts"]), 256, 256, 3)
            assert len(arrays["tokens"]) == arrays["counts"].sum()
            assert np.abs(arrays["source"].astype(int) - arrays["shown"]).mean() < 12


def test_the_filter_makes_steps_at_borders_smaller(pairs: Path, tmp_path: Path) -> None:
    source, shown = train_mini_seams.read(sorted(pairs.glob("*.npz")), np.random.default_rng(0))
    network = train_mini_seams.train(SeamFilter(train_mini_seams.WIDTH, 128), source, shown, seconds=4)
    found = train_mini_seams.report(network, *map(train_mini_seams.pixels, (source, shown)))
    assert found["seam_after"] < found["seam_before"]
    weights = tmp_path / "mini.safetensors"
    shutil.copy(packaged_weights("elastictok-mini"), weights)
    train_mini_seams.write(network, weights)
    model = load(weights, device="cpu")
    assert isinstance(model, ElasticModel) and isinstance(model.network.seams, SeamFilter)
    for found in (model.network.seams, train_mini_seams.start(weights)):
        torch.testing.assert_close(found.add.weight, network.add.weight.half().float())


def test_trained_start_values_make_tokens_smaller(pairs: Path) -> None:
    windows = [train_fsq_contexts.read(path) for path in sorted(pairs.glob("*.npz"))]
    trained = contexts.train(windows, train_fsq_contexts.code, int(fsq_contexts.CONTEXTS), fsq_contexts.SETS)
    blank = train_fsq_contexts.untrained()
    assert trained[0].shape == blank[0].shape == (fsq_contexts.CONTEXTS, 2)
    bits = [
        sum(train_fsq_contexts.code(window, ADAPT, (states.copy(), mixers.copy())) for window in windows)
        for states, mixers in (trained, blank)
    ]
    assert bits[0] < 0.9 * bits[1]
