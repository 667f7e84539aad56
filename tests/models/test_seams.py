"""The filter across the borders of patches and tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import elastictok_cli.api as et
from elastictok_cli.codec.header import header_of
from elastictok_cli.codec.tiling import Tiling
from elastictok_cli.models.elastic.adapter import ElasticModel
from elastictok_cli.models.elastic.seams import SeamFilter
from elastictok_cli.models.registry import load
from elastictok_cli.video import open_source

DEMO = Path(__file__).parents[2] / "examples" / "demo.mp4"


def filter_of(seed: int) -> SeamFilter:
    torch.manual_seed(seed)
    network = SeamFilter(6, 32)
    torch.nn.init.normal_(network.add.weight, std=0.1)
    torch.nn.init.normal_(network.kind)
    return network.requires_grad_(False)


def pixels(height: int, width: int) -> torch.Tensor:
    return torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_an_untrained_filter_changes_nothing() -> None:
    x = pixels(64, 64)
    assert torch.equal(SeamFilter(6, 32)(x), x)


def test_a_window_is_filtered_as_in_the_whole_picture() -> None:
    network, x = filter_of(0), pixels(96, 128)
    whole = network(x)
    window = network(x[..., 8:88, 16:120], 8, 16)
    inside = np.s_[..., 24:-24, 24:-24]  # a border of the picture is another thing
    torch.testing.assert_close(window[inside], whole[..., 8:88, 16:120][inside])
    elsewhere = network(x[..., 8:88, 16:120])
    assert not torch.allclose(elsewhere[inside], window[inside]), "a border between tiles is not one between patches"


@pytest.mark.parametrize("size", [(8, 8), (8, 40), (40, 8), (16, 16)])
def test_small_pictures_keep_their_size(size: tuple[int, int]) -> None:
    assert filter_of(0)(pixels(*size)).shape[2:] == size


@pytest.fixture(scope="module")
def mini() -> ElasticModel:
    model = load("elastictok-mini", device="cpu")
    assert isinstance(model, ElasticModel)
    return model


def test_the_bundled_filter_is_small(mini: ElasticModel) -> None:
    assert mini.network.seams is not None and mini.network.seams.macs <= 3000
    assert mini.spec.filters


def step_ratio(frames: np.ndarray) -> float:
    """Mean step across the upright border at 128, over that between other pixels near it."""
    steps = np.abs(np.diff(frames.astype(float), axis=2))[:, :, 116:139].mean((0, 1, 3))
    return float(steps[11] / np.delete(steps, 11).mean())


def test_steps_at_borders_of_tiles_are_half_as_high_or_less(mini: ElasticModel) -> None:
    with open_source(DEMO, size="source") as source:
        frame = next(iter(source.frames())).rgb[None, :128, :256]
    tiling = Tiling(header_of(mini.spec, 256, 128))
    states = [mini.start(128, 128) for _ in range(2)]
    analyses = mini.prepare_many(states, tiling.cut(frame))
    tokens = mini.tokens_many(states, analyses, [100, 120], [0, 0])
    tiles = mini.reconstruct_many(states, tokens)
    shown = tiling.join(tiles, mini)
    assert step_ratio(shown) < step_ratio(np.concatenate(tiles, 2)) / 2


def test_a_file_holds_the_error_of_what_decode_shows(mini: ElasticModel, tmp_path: Path) -> None:
    path = tmp_path / "a.etok"
    et.encode(DEMO, path, model=mini, target=et.Target.fixed(60), duration=0.1, audio=False)
    found = et.verify(path, model=mini, source=DEMO)
    with et.open_etok(path, mini) as file:
        (record,) = file.blocks()
    assert len(record.tiles) == 8
    assert record.mse == pytest.approx(found.mse, rel=1e-3)
