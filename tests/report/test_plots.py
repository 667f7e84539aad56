"""The plot as a file."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import av
import numpy as np
import pytest

from elastictok_cli.errors import OutputError, UsageError
from elastictok_cli.report.curve import Curve
from elastictok_cli.report.plots import legend_labels, save_usage_plot
from elastictok_cli.report.theme import DARK, LIGHT

from .files import CLIP, CLIP_MISSED, UNMEASURED, usage


def rgb_of(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def test_png_is_a_picture_with_the_colours_of_the_marks(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    save_usage_plot(usage(CLIP, CLIP_MISSED), str(path))
    with av.open(str(path)) as file:
        rgb = next(file.decode(video=0)).to_ndarray(format="rgb24")
    assert rgb.shape == (840, 1350, 3)
    colours = {tuple(int(v) for v in pixel) for pixel in rgb[::3, ::3].reshape(-1, 3)}
    assert {rgb_of(LIGHT.bar), rgb_of(LIGHT.first), rgb_of(LIGHT.missed)} <= colours


def test_a_picture_fills_the_plot_though_it_lasts_no_time(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    still = usage([300], last_frames=1, is_still=True, frame_rate=None)
    assert still.duration_s == 0
    save_usage_plot(still, str(path))
    with av.open(str(path)) as file:
        rgb = next(file.decode(video=0)).to_ndarray(format="rgb24").astype(int)
    drawn = abs(rgb - [int(LIGHT.line[i : i + 2], 16) for i in (1, 3, 5)]).max(axis=2) < 9
    for rows in (slice(0, 440), slice(440, 640), slice(640, 840)):  # tokens, PSNR, bytes
        assert drawn[rows].any(axis=0).mean() > 0.8


@pytest.mark.parametrize(("files", "panels"), [([False], 2), ([False, False], 2), ([True, False], 3), ([True], 3)])
def test_quality_has_a_panel_where_it_was_measured(files: list[bool], panels: int, tmp_path: Path) -> None:
    usages = [usage(CLIP) if measured else usage(CLIP, **UNMEASURED) for measured in files]
    save_usage_plot(usages, str(tmp_path / "a.svg"))
    assert len(re.findall(r'<g id="axes_\d+">', (tmp_path / "a.svg").read_text())) == panels


def test_svg_is_xml_and_the_same_bytes_every_time(tmp_path: Path) -> None:
    first, second = tmp_path / "a.svg", tmp_path / "b.svg"
    for path in (first, second):
        save_usage_plot(usage(CLIP), str(path))
    assert ElementTree.parse(first).getroot().tag.endswith("svg")
    assert first.read_bytes() == second.read_bytes()


def texts(path: Path) -> list[str]:
    return [node.text or "" for node in ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")]


def test_text_in_an_svg_is_text(tmp_path: Path) -> None:
    save_usage_plot(usage(CLIP, CLIP_MISSED), str(tmp_path / "a.svg"))
    assert {"tokens per block", "PSNR in dB", "kB so far", "misses the threshold"} <= set(texts(tmp_path / "a.svg"))
    assert "threshold 0.007 (27.57 dB)" in texts(tmp_path / "a.svg")


def test_a_short_block_is_hatched(tmp_path: Path) -> None:
    for frames, hatched in ((4, False), (1, True)):
        save_usage_plot(usage(CLIP, last_frames=frames), str(tmp_path / "a.svg"))
        assert ("short block (1 frames)" in texts(tmp_path / "a.svg")) == hatched
        assert ("<pattern" in (tmp_path / "a.svg").read_text()) == hatched


def test_files_far_apart_are_drawn_on_a_logarithmic_axis(tmp_path: Path) -> None:
    for factor, label in ((2, "tokens per block"), (10, "tokens per block (log)")):
        save_usage_plot([usage(CLIP), usage([c // factor for c in CLIP])], str(tmp_path / "a.svg"))
        assert label in texts(tmp_path / "a.svg")


def test_pdf_is_one(tmp_path: Path) -> None:
    save_usage_plot(usage(CLIP), str(tmp_path / "a.pdf"))
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF-")


@pytest.mark.parametrize("counts", [[300], [0, 0, 0], CLIP * 40])
def test_any_file_can_be_drawn(counts: list[int], tmp_path: Path) -> None:
    save_usage_plot(usage(counts), str(tmp_path / "a.svg"))
    assert [path.name for path in tmp_path.iterdir()] == ["a.svg"]


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"must be \.png, \.svg or \.pdf"):
        save_usage_plot(usage(CLIP), str(tmp_path / "a.gif"))


def test_a_place_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        save_usage_plot(usage(CLIP), str(tmp_path / "missing" / "a.png"))


@pytest.mark.parametrize(
    ("changes", "goal"),
    [
        ({"target": "tokens", "target_value": 512.0, "threshold": 4.0}, "512 tokens per block"),
        ({"target": "psnr", "target_value": 30.0, "threshold": 0.004}, "30 dB"),
        ({"threshold": 0.0071}, "threshold 0.0071"),
    ],
)
def test_a_legend_names_the_goal(changes: dict[str, Any], goal: str) -> None:
    assert legend_labels([usage(CLIP, **changes)])[0].startswith(f"tiny: {goal}, ")


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["A/x.etok", "B/y.etok"], ["x", "y"]),
        (["r/A/x.etok", "r/C/x.etok", "r/C/y.etok"], ["A/x", "C/x", "C/y"]),
        (["x.etok", "A/x.etok"], ["x", "A/x"]),
        (["/x.etok", "/A/x.etok"], ["/x", "A/x"]),
        (["x.etok", "x.etok"], ["x", "x"]),
    ],
)
def test_a_legend_tells_files_of_one_name_apart(names: list[str], shown: list[str]) -> None:
    labels = legend_labels([replace(usage(CLIP), name=name) for name in names])
    assert [label.partition(":")[0] for label in labels] == shown


def test_the_curve_of_a_part_is_marked_from_its_own_start() -> None:
    """0, 0.5, 1 s ... as for a whole video, and not 0.18, 0.68 s."""
    whole = usage(CLIP)
    part = replace(whole, first_s=4.32)
    for curves in ("empty", "full"):
        strips = [getattr(Curve([u], 640, 150, DARK, 12, u.first_s, u.first_s + 2.4), curves) for u in (whole, part)]
        assert np.array_equal(*strips)
