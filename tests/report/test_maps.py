"""Tokens by place, and the pictures of them."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest

from elastictok_cli.container import Reader
from elastictok_cli.errors import UsageError
from elastictok_cli.report.heat import cell_size, heat_maps
from elastictok_cli.report.maps import save_heat_plot, save_rate_plot
from elastictok_cli.report.theme import DARK, LIGHT
from elastictok_cli.report.usage import cumulative_bytes

from .files import CLIP, etok, usage


def test_models_with_tiles_have_a_count_for_each_tile() -> None:
    data = etok([5, 7], tile_hw=(32, 32))
    with Reader(io.BytesIO(data)) as reader:
        assert cell_size(reader) == (32, 32)
        maps = list(heat_maps(reader))
    assert [m.tolist() for m in maps] == [[[5, 5], [5, 5]], [[7, 7], [7, 7]]]


def test_models_without_places_have_one_count() -> None:
    with Reader(io.BytesIO(etok([5, 7]))) as reader:
        assert cell_size(reader) == (48, 64)
        assert [m.tolist() for m in heat_maps(reader)] == [[[5]], [[7]]]


def test_bytes_add_up_to_the_gops() -> None:
    found = usage(CLIP)
    spent = cumulative_bytes(found)
    assert spent == sorted(spent)
    assert spent[7] == pytest.approx(found.gop_bytes[0]) and spent[-1] == pytest.approx(sum(found.gop_bytes))


def pixels(path: Path) -> np.ndarray:
    with av.open(str(path)) as file:
        return next(file.decode(video=0)).to_ndarray(format="rgb24")


@pytest.mark.parametrize("count", [1, 5, 40])
def test_any_number_of_maps_can_be_drawn(tmp_path: Path, count: int) -> None:
    maps = [np.arange(12).reshape(3, 4) for _ in range(count)]
    save_heat_plot(usage([66] * count), maps, (16, 16), str(tmp_path / "a.png"))
    assert pixels(tmp_path / "a.png").shape[1] == 1350


def test_empty_maps_are_drawn_too(tmp_path: Path) -> None:
    save_heat_plot(usage([0, 0]), [np.zeros((3, 4), int)] * 2, (16, 16), str(tmp_path / "a.svg"))


def test_a_file_without_a_frame_has_no_map(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--heat: tiny.etok has no frames"):
        save_heat_plot(usage([]), [], (16, 16), str(tmp_path / "a.png"))
    assert list(tmp_path.iterdir()) == []


def test_rates_are_drawn_and_the_theme_is_the_papers(tmp_path: Path) -> None:
    rates = {0: [(4000, 0.0065), (1000, 0.02)], 2: [(0, 0.5), (820, 0.0065)]}
    for theme in (DARK, LIGHT):
        path = tmp_path / f"{theme.name}.png"
        save_rate_plot(usage(CLIP), rates, str(path), theme)
        assert "#{:02x}{:02x}{:02x}".format(*pixels(path)[0, 0]) == theme.paper
    with pytest.raises(UsageError, match="--rates"):
        save_rate_plot(usage(CLIP), rates, str(tmp_path / "a.gif"))
